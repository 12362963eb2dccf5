"""Files that are whole or not there: every file of pycnn is written through `atomic_write`."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file that takes the place of `path` only when it is complete.

    The bytes go to a temporary file in the same folder, are flushed to the disk, and the file is
    renamed over `path`. After an exception or a full disk, `path` is what it was before. Devices
    and pipes (``/dev/stdout``) cannot be replaced by a rename and are written directly.

    Parameters
    ----------
    path : path
        Destination; its folder must exist. A symbolic link is followed, not replaced.

    Yields
    ------
    BinaryIO
        A file open for writing bytes.

    Raises
    ------
    OSError
        If `path` is a folder, its folder is missing or not writable, or the disk is full.
    """
    if _is_stream(path):
        with open(path, "wb") as stream:
            yield stream
        return
    target = Path(os.path.realpath(path))
    temporary = _temporary(target)
    try:
        # "xb" creates the file with the user's own umask, which tempfile.mkstemp does not.
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
        os.replace(temporary, target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a failed write does not know its file
        raise


def check_writable(path: str | os.PathLike[str]) -> None:
    """Prove, with a file that is removed again, that `atomic_write` can write `path`.

    Raises
    ------
    OSError
        If it cannot.
    """
    if _is_stream(path):
        return
    temporary = _temporary(Path(os.path.realpath(path)))
    try:
        with open(temporary, "xb") as file:
            file.write(b"\0")
    finally:
        temporary.unlink(missing_ok=True)


def _temporary(target: Path) -> Path:
    """Name of a new file beside `target`."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")


def _is_stream(path: str | os.PathLike[str]) -> bool:
    """Whether `path` is a device, a pipe or a socket."""
    return os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))
