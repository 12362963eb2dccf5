"""Use standard streams in any state: a terminal, a pipe, full, closed or missing."""

from __future__ import annotations

import sys
import warnings
from typing import Any


def is_terminal(stream: Any) -> bool:
    """Return whether a stream is a terminal.

    False if it is None (daemons, ``2>&-``), closed, or an object that cannot tell.
    """
    try:
        return bool(stream.isatty())
    except Exception:
        return False


def warn(text: str) -> None:
    """Issue a RuntimeWarning at the line outside of pycnn that led here.

    Unlike with `warnings.warn`, the text may be lost: a closed stderr must not end a training.
    """
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__")):
        level, frame = level + 1, frame.f_back
    try:
        warnings.warn(text, RuntimeWarning, stacklevel=level)
    except (OSError, ValueError):  # of stderr; if a filter makes it an error, the warning is raised
        return


def _is_ours(name: Any) -> bool:
    return isinstance(name, str) and name.partition(".")[0] == "pycnn"
