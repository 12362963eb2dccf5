"""Files that are whole or not there: every file of pycnn is written through `atomic_write`."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
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
    with _temporary_beside(path) as (target, temporary):
        # "xb" creates the file with the user's own umask, which tempfile.mkstemp does not.
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Prove, with a file that is removed again, that `atomic_write` can write `path`.

    Raises
    ------
    OSError
        If it cannot.
    """
    if _is_stream(path):
        return
    with _temporary_beside(path) as (_, temporary), open(temporary, "xb") as file:
        file.write(b"\0")


@contextmanager
def _temporary_beside(path: str | os.PathLike[str]) -> Iterator[tuple[str, str]]:
    """Give the file that `path` means, and a name for a new file beside it.

    The new file is gone in the end unless it was renamed. Errors are told of `path`: nobody has
    heard of the temporary file.
    """
    target = os.path.realpath(path)
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(4)}.tmp")
    try:
        yield target, temporary
    except OSError as error:
        # A failed write has no name at all; an error without a number is not the system's.
        if error.errno is None or error.filename not in (None, temporary):
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _is_stream(path: str | os.PathLike[str]) -> bool:
    """Whether `path` is a device, a pipe or a socket."""
    return os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))
