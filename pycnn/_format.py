"""The version of the format of pycnn's own files: old ones are read, newer ones refused in words.

Files of version 0, which are older than this number, do not hold it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pycnn import _core
from pycnn._printable import printable

FORMAT = 1
# Where it stands in the JSON of a checkpoint's header, of settings and of a history.
KEY = "format"


def check_format(path: str | os.PathLike[str], content: Mapping[str, Any]) -> int:
    """Return the version of the format that a file says it has, 0 where it says nothing.

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
        If it is newer than this pycnn, with both versions, or no version.
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
