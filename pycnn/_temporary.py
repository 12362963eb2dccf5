"""Temporary files and folders, recognised by their names and locked while their maker lives.

A killed process leaves them behind, but one that is still being written must not be removed. The
lock tells the two apart: the kernel releases it with the process, whatever ended that. A process
number instead could by now belong to another process, or be from another machine.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_NAME = re.compile(r"\.(.+)\.[0-9a-f]{8}\.tmp")


def temporary_name(name: str) -> str:
    """Return a new temporary name for a file that is to become `name`."""
    return f".{name}.{secrets.token_hex(4)}.tmp"


def create(path: str) -> BinaryIO:
    """Open a new file for writing, and lock it.

    Raises
    ------
    OSError
        If it cannot be created or already exists.
    """
    while True:
        # "xb" creates the file with the user's own umask, which tempfile.mkstemp does not.
        file = open(path, "xb")  # noqa: SIM115
        if _own(file.fileno(), path):
            return file
        file.close()


@contextmanager
def temporary_folder(folder: Path, name: str) -> Iterator[Path]:
    """Make and lock a new folder inside `folder`; remove it at the end if it is still there.

    Raises
    ------
    OSError
        If it cannot be made; the error names `folder`.
    """
    while True:
        path = folder / temporary_name(name)
        try:
            path.mkdir()
        except OSError as error:  # the user does not know the temporary folder
            raise OSError(error.errno, error.strerror, os.fspath(folder)) from error
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        if _own(descriptor, path):
            break
        os.close(descriptor)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, if its file system has locks; wait for it if necessary."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def remove_leftovers(folder: str | os.PathLike[str], names: Collection[str]) -> None:
    """Remove temporary files for `names` that dead processes have left in a folder.

    Files that cannot be locked or removed stay, and so does any name that is not of this module.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in list(entries):
            match = _NAME.fullmatch(entry.name)
            if match and match[1] in names:
                with suppress(OSError):
                    _remove_if_left(entry.path)


def _remove_if_left(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    finally:
        os.close(descriptor)


def _own(descriptor: int, path: str | os.PathLike[str]) -> bool:
    """Lock a new file or folder; return False if `remove_leftovers` has already removed it."""
    with suppress(OSError):  # without locks nothing removes it either
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
