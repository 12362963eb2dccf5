"""Loads the compiled module: imported first, before anything that uses it."""

import os
from importlib import import_module
from importlib.util import find_spec

# A thread of GNU OpenMP that waits spins for milliseconds before it sleeps. Beside other programs
# the thread it waits for may not be running, and spinning takes its core away: next to two busy
# processes on two cores LeNet-5 trained at 300 to 16,500 images/s (four runs), with this bound
# (about 20 us) at 15,500 to 31,700 (four runs); on an idle machine there was no difference. OpenMP
# reads the variable when it is loaded.
_SPIN = "GOMP_SPINCOUNT"
_SPIN_ROUNDS = "2000"


def _load() -> None:
    if find_spec("pycnn._core") is None:
        raise ImportError(
            f"the compiled part of pycnn is not in {os.path.dirname(__file__)}: if this is the "
            "source folder, run `pip install .` there and start Python in another folder"
        )
    if _SPIN in os.environ or "OMP_WAIT_POLICY" in os.environ:
        import_module("pycnn._core")
        return
    os.environ[_SPIN] = _SPIN_ROUNDS
    try:
        import_module("pycnn._core")
    finally:
        del os.environ[_SPIN]


_load()
