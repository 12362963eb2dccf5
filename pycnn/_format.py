"""The format version of pycnn's own files: old versions are read, newer ones are refused.

Files of version 0 are older than this number and do not hold it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pycnn import _core
from pycnn._printable import printable

FORMAT = 1
# Its key in the JSON of a checkpoint's header, of settings and of a history.
KEY = "format"


def check_format(path: str | os.PathLike[str], content: Mapping[str, Any]) -> int:
    """Return the format version that a file states, or 0 if it states none.

    Parameters
    ----------
    path : path
        The file, for messages.
    content : mapping
        Its JSON.

    Returns
    -------
    int
        The version, at most `FORMAT`.

    Raises
    ------
    ValueError
        If it is newer than this pycnn reads (the text names both versions), or not a version.
    """
    found = content.get(KEY, 0)
    if type(found) is not int or found < 0:
        raise ValueError(f"{printable(path)} is corrupt: its format is {found!r:.60}, no version")
    if found > FORMAT:
        raise ValueError(
            f"{printable(path)} has version {found} of the format, written by a newer pycnn; "
            f"pycnn {_core.version} reads versions up to {FORMAT}"
        )
    return found
