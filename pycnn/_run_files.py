"""The files of a training run, by which its folder is recognised."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from pycnn._reading import open_regular, size_of
from pycnn._together import file_of, settle

CHECKPOINT, SETTINGS, HISTORY = "model.safetensors", "settings.json", "history.json"
TABLE, CURVE, REPORT = "history.csv", "learning_curve.png", "report.html"

# The results of one training, which are replaced together.
FILES = (CHECKPOINT, SETTINGS, TABLE, HISTORY, CURVE, REPORT)

# The unfinished training itself, to be resumed; not a result.
TRAINING = "training.safetensors"

# Where the command line puts the folders of runs.
RUNS = "runs"


# The end of a page of `pycnn.report`, and its largest length in bytes.
_END, _LENGTH = re.compile(rb"<footer>pycnn [^<]*</footer>\s*</body>\s*</html>\s*\Z"), 200


def replaced_files(folder: Path) -> tuple[str, ...]:
    """Return those of `FILES` that a new run in a folder replaces or removes.

    A page with the report's name that pycnn has not written stays.
    """
    return FILES if _is_report(folder / REPORT) else tuple(n for n in FILES if n != REPORT)


def _is_report(path: Path) -> bool:
    try:
        with open_regular(path) as file:
            file.seek(max(0, size_of(file) - _LENGTH))
            return _END.search(file.read()) is not None
    except (OSError, ValueError):
        return False


def existing(path: str | os.PathLike[str]) -> Path:
    """Return `path` as a Path, if there is such a file or folder.

    A replacement of files that a killed process left unfinished in the folder is finished first.

    Raises
    ------
    FileNotFoundError
        If it does not exist; the text names a run of this name in the folder ``runs``.
    """
    place = Path(path)
    folder = place if place.is_dir() else place.parent
    settle(folder, replaced_files(folder))
    if place.exists() or (place.name in FILES and file_of(place.parent, place.name).exists()):
        return place
    text = os.strerror(errno.ENOENT)
    if Path(RUNS, place).exists():
        text += f" (but there is {Path(RUNS, place)})"
    raise FileNotFoundError(errno.ENOENT, text, os.fspath(path))


def checkpoint_of(path: str | os.PathLike[str]) -> Path:
    """Return the checkpoint that a path stands for: a run's, for its folder and any file in it.

    Raises
    ------
    FileNotFoundError
        If there is none; the text names those in the folders below.
    """
    place = existing(path)
    if place.is_file() and place.name not in FILES:
        return place
    folder = place if place.is_dir() else place.parent
    checkpoint = file_of(folder, CHECKPOINT)
    if checkpoint.exists():
        return checkpoint
    text = f"No {CHECKPOINT} in the folder"
    if (folder / TRAINING).is_file():
        text += (
            f": its training has not finished an epoch; train --resume goes on with it, and "
            f"{folder / TRAINING} holds the model so far"
        )
    elif below := sorted(str(found.parent) for found in folder.glob(f"*/{CHECKPOINT}")):
        text += f", but in {', '.join(below)}"
    raise FileNotFoundError(errno.ENOENT, text, os.fspath(folder))
