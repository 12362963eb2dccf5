"""Files that are complete or absent: every file of pycnn is written through `atomic_write`.

`pycnn._together` does for several files of a folder what `atomic_write` does for one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from pycnn._printable import printable
from pycnn._temporary import create, remove_leftovers, temporary_name


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file that replaces `path` only when it is complete.

    The bytes go to a temporary file in the same folder and are flushed to the disk; the file is
    renamed over `path`, and the folder is flushed, so that the new name survives a power failure.
    After an exception, a kill or a full disk, `path` is what it was before. Devices and pipes
    (``/dev/stdout``) cannot be replaced by a rename and are written directly.

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
    if is_stream(path):
        with open(path, "wb") as stream:
            yield stream
        return
    with _temporary_beside(path) as (target, temporary):
        with create(temporary) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if os.path.exists(target):
                os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
            # Still open, and so locked: otherwise another process could take it for a leftover.
            os.replace(temporary, target)
        sync_folder(os.path.dirname(target))


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Flush the names in a folder to the disk, if its file system can.

    The files are already in place, so a failure is not reported.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Check with a temporary file that `atomic_write` can write `path`.

    Temporary files for `path` that killed processes have left are removed.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    if is_stream(path):
        return
    folder, name = os.path.split(os.path.realpath(path))
    remove_leftovers(folder, (name,))
    with _temporary_beside(path) as (_, temporary), create(temporary) as file:
        file.write(b"\0")


def check_replaceable(path: str | os.PathLike[str]) -> None:
    """Refuse a pipe, a device or a socket for a file that is to be read again.

    Raises
    ------
    ValueError
        If `path` is one of these.
    """
    if is_stream(path):
        raise ValueError(
            f"{printable(path)} cannot be written: it is no regular file, but a device, a pipe or "
            "a socket"
        )


def check_ending(path: str | os.PathLike[str], ending: str) -> None:
    """Refuse a file name with a wrong ending; devices and pipes may have any name.

    Raises
    ------
    ValueError
        If the name of the file, after following symbolic links, has another ending.
    """
    name = os.path.basename(os.path.realpath(path))
    if not (is_stream(path) or name.lower().endswith(ending)):
        raise ValueError(
            f"{os.fspath(path)} cannot be written: the file's name must end in {ending}, "
            f"got {name!r}"
        )


@contextmanager
def _temporary_beside(path: str | os.PathLike[str]) -> Iterator[tuple[str, str]]:
    """Yield the file that `path` refers to, and a name for a temporary file in its folder.

    The temporary file is removed at the end unless it was renamed. Errors name `path` instead of
    the temporary file, which the user does not know.
    """
    target = os.path.realpath(path)
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, temporary_name(name))
    try:
        yield target, temporary
    except OSError as error:
        # A failed write has no file name; an error without a number is not the system's.
        if error.errno is None or error.filename not in (None, temporary):
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Return whether `path` is a device, a pipe or a socket."""
    return os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))
