"""Keep a training going when a file cannot be written, as on a full disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from pycnn._streams import warn


class Unwritten:
    """Turns errors of writing one file into a warning, only once until a write succeeds again.

    Parameters
    ----------
    who : str
        Start of the warning.
    path : path
        The file.
    """

    def __init__(self, who: str, path: str | os.PathLike[str]) -> None:
        self._who, self._path = who, path
        self._failing = False

    @contextmanager
    def told(self, what_is_there: str = "") -> Iterator[None]:
        """Turn an OSError in the block into a warning that ends with `what_is_there`."""
        try:
            yield
        except OSError as error:
            if not self._failing:
                warn(
                    f"{self._who} {os.fspath(self._path)} could not be written "
                    f"({error.strerror or error}): training goes on{what_is_there}"
                )
            self._failing = True
        else:
            self._failing = False
