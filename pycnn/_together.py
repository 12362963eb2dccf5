"""Replace files of a folder together, all of them or none.

No system call replaces several files at once. Three ways were considered:

- Exchange the whole folder for a new one (``renameat2`` with RENAME_EXCHANGE). Other files in the
  folder would have to move along, a shell inside it would stay in the old one, and a folder that is
  a mount point, or lies in a folder that cannot be written to, cannot be exchanged at all.
- Make each name a link into a folder of the run, and exchange that folder by one link. The files
  are then not plain files: copies, archives and file systems without links lose them.
- Keep a journal. This is the way taken: the result is plain files, and other files are left alone.

The new files are written to the disk in a new folder inside the folder. One rename gives it the
name COMPLETE: from here on the new files are the run's. They take their places in steps, each of
which can be repeated, and the name of their folder shows which steps are done:

1. COMPLETE: the old files are removed, except the first, which is replaced in step 2;
2. MOVING (renamed): the new files are moved to their places, the first before the others.

If a process is killed in between, the next one that opens the run finishes the rest with `settle`
or, if it may not write, finds each file with `file_of`. Programs that do not know about this may
find files missing there, but never an old one next to a new one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pycnn._files import check_writable, sync_folder
from pycnn._temporary import locked, temporary_folder

COMPLETE, MOVING = ".run.complete", ".run.moving"

# Name that the temporary folder is made for, for `pycnn._temporary.remove_leftovers`.
PLACE = "run"


@contextmanager
def replace_together(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """Replace files of a folder only when all of the new ones are complete.

    The new files are written to a temporary folder inside `folder`. After an exception, a kill or a
    full disk, the files are all old or all new: see `file_of`.

    Parameters
    ----------
    folder : Path
        The folder.
    names : sequence of str
        The files that belong together. Those without a new version are removed; a symbolic link is
        replaced, not followed.

    Yields
    ------
    Path
        Folder to write the new files to.

    Raises
    ------
    OSError
        If one of the names is a folder, or `folder` cannot be written to.
    """
    with temporary_folder(folder, PLACE) as new:
        try:
            yield new
        except OSError as error:  # name the file that was meant
            if error.filename is None or Path(error.filename).parent != new:
                raise
            meant = folder / Path(error.filename).name
            raise OSError(error.errno, error.strerror, os.fspath(meant)) from error
        for name in names:
            check_writable(folder / name)
        sync_folder(new)
        with locked(folder):
            _finish(folder, names)  # the replacement of an earlier process
            os.rename(new, folder / COMPLETE)
            try:
                _finish(folder, names)
            except KeyboardInterrupt:  # too late to stop: the new files are in place
                _finish(folder, names)


def settle(folder: Path, names: Sequence[str]) -> None:
    """Finish a replacement that was cut short by a kill, if the folder can be written."""
    if (folder / COMPLETE).is_dir() or (folder / MOVING).is_dir():
        with suppress(OSError), locked(folder):
            _finish(folder, names)


def file_of(folder: Path, name: str) -> Path:
    """Return the place of one of the files, which may not exist, also in a half-done move."""
    if (folder / COMPLETE).is_dir():
        return folder / COMPLETE / name
    moving = folder / MOVING / name
    return moving if moving.exists() else folder / name


def _finish(folder: Path, names: Sequence[str]) -> None:
    """Take the remaining steps, if there are any."""
    _move(folder, names)
    complete = folder / COMPLETE
    if not complete.is_dir():
        return
    sync_folder(folder)
    first, *others = names
    for name in others if (complete / first).exists() else names:
        (folder / name).unlink(missing_ok=True)
    os.rename(complete, folder / MOVING)
    sync_folder(folder)
    _move(folder, names)


def _move(folder: Path, names: Sequence[str]) -> None:
    moving = folder / MOVING
    if not moving.is_dir():
        return
    for name in names:
        if (moving / name).exists():
            os.replace(moving / name, folder / name)
    sync_folder(folder)
    shutil.rmtree(moving)
