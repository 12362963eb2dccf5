"""Standard output and error as they may be: a terminal, a pipe, full, closed, not there at all."""

from __future__ import annotations

import sys
import warnings
from typing import Any


def is_terminal(stream: Any) -> bool:
    """Whether somebody watches this stream.

    False where it is None (daemons, ``2>&-``), closed, or an object that cannot say.
    """
    try:
        return bool(stream.isatty())
    except Exception:
        return False


def warn(text: str) -> None:
    """Return a RuntimeWarning at the line outside of pycnn that led here.

    Unlike that of `warnings.warn`, its text may be lost: a closed stderr ends no training.
    """
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__")):
        level, frame = level + 1, frame.f_back
    try:
        warnings.warn(text, RuntimeWarning, stacklevel=level)
    except (OSError, ValueError):  # from stderr; a filter that makes it an error raises the warning
        return


def _is_ours(name: Any) -> bool:
    return isinstance(name, str) and name.partition(".")[0] == "pycnn"
