"""Files of a folder that are replaced together, all of them or none.

No system call replaces several files at once. Three ways were thought of:

- to exchange the whole folder for a new one (``renameat2`` with RENAME_EXCHANGE). What else is in
  the folder would have to move along, a shell that stands in it would stand in the old one, and a
  folder that is a mount point, or in one that cannot be written to, cannot be exchanged at all;
- to make each name a link into a folder of the run, and exchange that by one link. Then the files
  are no files any more: copies, archives and file systems without links lose them;
- a journal, which it is: plain files in the end, and every other file is left alone.

The new files are written to a folder of their own inside the folder, to the disk. One rename gives
it the name COMPLETE: from here on the new files are the run's. They take their places in steps,
each of which can be repeated, and the name of their folder tells which steps are done:

1. COMPLETE: the old files are removed, but for the first, which is replaced in step 2;
2. MOVING (renamed): the new files are moved to their places, the first before the others.

A process that is killed in between leaves the rest to the next that opens the run: `settle` does
it, or where it may not write, `file_of` finds each file where it is. A program that knows nothing
of this may find files missing there, but never an old one beside a new one.
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

# What the temporary folder is to become, for `pycnn._temporary.remove_leftovers`.
PLACE = "run"


@contextmanager
def replace_together(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """Replace files of a folder by new ones only when all of the new ones are complete.

    The files are written to a folder of their own, inside `folder`. After an exception, a kill or
    a full disk, `folder` is what it was before, or all of it is new: see `file_of`.

    Parameters
    ----------
    folder : Path
        The folder.
    names : sequence of str
        The files that belong together. Those that are not written anew are removed; a symbolic
        link is replaced, not followed.

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
        except OSError as error:  # is told of the file that was meant
            if error.filename is None or Path(error.filename).parent != new:
                raise
            meant = folder / Path(error.filename).name
            raise OSError(error.errno, error.strerror, os.fspath(meant)) from error
        for name in names:
            check_writable(folder / name)
        sync_folder(new)
        with locked(folder):
            _finish(folder, names)  # what an earlier process could not
            os.rename(new, folder / COMPLETE)
            try:
                _finish(folder, names)
            except KeyboardInterrupt:  # too late to stop: the new files are in place
                _finish(folder, names)


def settle(folder: Path, names: Sequence[str]) -> None:
    """Finish a replacement that was cut short by a kill, as far as the folder can be written."""
    if (folder / COMPLETE).is_dir() or (folder / MOVING).is_dir():
        with suppress(OSError), locked(folder):
            _finish(folder, names)


def file_of(folder: Path, name: str) -> Path:
    """Return the place of one of the files, there or not, also in a replacement cut short."""
    if (folder / COMPLETE).is_dir():
        return folder / COMPLETE / name
    moving = folder / MOVING / name
    return moving if moving.exists() else folder / name


def _finish(folder: Path, names: Sequence[str]) -> None:
    """Take the steps that are left, if there are any."""
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
