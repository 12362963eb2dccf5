"""Loads the compiled module: imported first, before anything that uses it."""

import os
from importlib import import_module
from importlib.util import find_spec

# A thread of GNU OpenMP that waits spins for milliseconds before it sleeps. Beside other programs
# the thread it waits for may not be running, and spinning takes its core away: next to two busy
# processes LeNet-5 trained at 15,300 and 16,600 images/s, with this bound (about 10 us) at 20,600
# and 21,000; on an idle machine there was no difference. OpenMP reads the variable when it loads.
_SPIN = "GOMP_SPINCOUNT"
_SPIN_ROUNDS = "1000"


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
