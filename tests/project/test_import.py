"""The cost of importing pycnn, and the state that it leaves alone."""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.child import output


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_import_leaves_optional_and_slow_modules_alone() -> None:
    code = "import pycnn, sys; print(*sys.modules)"
    loaded = set(run(code).split())
    assert "pycnn" in loaded
    heavy = {"matplotlib", "PIL", "tqdm", "safetensors", "argparse", "urllib.request", "torch"}
    # Slow modules of Python itself, which NumPy does not load.
    heavy |= {"asyncio", "importlib.resources", "multiprocessing", "sqlite3", "unittest", "zipfile"}
    # Modules of pycnn that a training needs none of.
    heavy |= {f"pycnn.{name}" for name in ("augment", "datasets", "distributed", "nn", "plot")}
    assert loaded & heavy == set()


def test_modules_that_come_later_are_there_when_they_are_named() -> None:
    code = "import pycnn; assert {'nn', 'plot'} <= set(dir(pycnn)); {0}; print(pycnn.__name__)"
    for use in ("pycnn.plot.filters", "pycnn.nn.Conv2d", "from pycnn import *; datasets.mnist"):
        assert run(code.replace("{0}", use)) == "pycnn\n"


def test_import_is_silent_and_leaves_the_global_random_state() -> None:
    code = (
        "import numpy as np; np.random.seed(0); a = np.random.get_state()[1].copy(); "
        "import pycnn; pycnn.models.lenet5(); assert (np.random.get_state()[1] == a).all()"
    )
    assert run(code) == ""


SUBINTERPRETER = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
code = '''
import sys
sys.path[:] = PATH
try:
    import pycnn
except ImportError as error:
    print(error)
print([name for name in sys.modules if name.startswith("numpy") or name == "pycnn._core"])
'''
if MAIN_FIRST:
    import pycnn
interpreters.run_string(interpreters.create(), code.replace("PATH", repr(sys.path)))
print("went on")
"""


@pytest.mark.parametrize("main_first", [False, True])
def test_a_subinterpreter_is_refused_in_words(main_first: bool) -> None:
    """NumPy and the compiled module would wait for ever there; neither is touched."""
    pytest.importorskip(
        "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters",
        reason="this Python has no module of interpreters",
    )
    lines = output(SUBINTERPRETER.replace("MAIN_FIRST", str(main_first))).splitlines()
    assert "cannot be imported in a subinterpreter" in lines[0]
    assert lines[1:] == ["[]", "went on"]
