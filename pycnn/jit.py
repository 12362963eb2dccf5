"""What PyTorch's models say to its compiler, which pycnn does not have: it changes nothing."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")

__all__ = ["export", "ignore", "is_scripting", "script", "unused"]


def is_scripting() -> bool:
    """Return False: Python runs the model."""
    return False


def script(function: T) -> T:
    """Return the function or module as it is."""
    return function


export = ignore = unused = script
