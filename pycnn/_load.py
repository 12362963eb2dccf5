"""Load the compiled module; imported before anything that uses it."""

import os
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

# The module about interpreters, by its names since Python 3.13 and before.
_INTERPRETERS = ("_interpreters", "_xxsubinterpreters")


def _interpreters() -> ModuleType | None:
    for name in _INTERPRETERS:
        try:
            return import_module(name)
        except ImportError:
            continue
    return None


def _load() -> None:
    # In a subinterpreter NumPy and the compiled module wait forever for locks of the main one.
    interpreters = _interpreters()
    if interpreters and interpreters.get_current() != interpreters.get_main():
        raise ImportError(
            "pycnn cannot be imported in a subinterpreter, because NumPy and its own compiled part "
            "belong to the main interpreter: import it there, or in a separate process"
        )
    if find_spec("pycnn._core") is None:
        raise ImportError(
            f"the compiled part of pycnn is not in {os.path.dirname(__file__)}: if this is the "
            "source folder, run `pip install .` there and start Python in another folder"
        )
    import_module("pycnn._core")
    import_module("pycnn._threadpool").register()


_load()
