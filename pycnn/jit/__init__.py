"""What PyTorch's models say to its compiler, which pycnn does not have: it changes nothing."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from pycnn.layers import Module

T = TypeVar("T")

__all__ = [
    "Final",
    "ScriptModule",
    "annotate",
    "export",
    "ignore",
    "is_scripting",
    "is_tracing",
    "script",
    "script_method",
    "unused",
]

ScriptModule = Module


def is_scripting() -> bool:
    """Return False: Python runs the model."""
    return False


def is_tracing() -> bool:
    """Return False: Python runs the model."""
    return False


def annotate(kind: Any, value: T) -> T:
    """Return the value as it is."""
    return value


def script(function: T) -> T:
    """Return the function or module as it is."""
    return function


export = ignore = unused = script_method = _overload = _overload_method = script
