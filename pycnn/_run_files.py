"""The files of a training run, by which its folder is known."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from pycnn._together import file_of, settle

CHECKPOINT, SETTINGS, HISTORY = "model.safetensors", "settings.json", "history.json"
TABLE, CURVE, REPORT = "history.csv", "learning_curve.png", "report.html"

# What tells of one training, and is replaced together.
FILES = (CHECKPOINT, SETTINGS, TABLE, HISTORY, CURVE, REPORT)

# The unfinished training itself, to be resumed; no result.
TRAINING = "training.safetensors"

# Where the command line puts the folders of runs.
RUNS = "runs"


def existing(path: str | os.PathLike[str]) -> Path:
    """Give `path` as a Path, if there is such a file or folder.

    What a killed process could not finish in its folder is finished first.

    Raises
    ------
    FileNotFoundError
        If there is not; it names the run of this name in the folder ``runs``.
    """
    place = Path(path)
    settle(place if place.is_dir() else place.parent, FILES)
    if place.exists() or (place.name in FILES and file_of(place.parent, place.name).exists()):
        return place
    text = os.strerror(errno.ENOENT)
    if Path(RUNS, place).exists():
        text += f" (but there is {Path(RUNS, place)})"
    raise FileNotFoundError(errno.ENOENT, text, os.fspath(path))


def checkpoint_of(path: str | os.PathLike[str]) -> Path:
    """Give the checkpoint that is meant: by the folder of a run and each file in it, the run's.

    Raises
    ------
    FileNotFoundError
        If there is none; it names those in the folders below.
    """
    place = existing(path)
    if place.is_file() and place.name not in FILES:
        return place
    folder = place if place.is_dir() else place.parent
    checkpoint = file_of(folder, CHECKPOINT)
    if checkpoint.exists():
        return checkpoint
    text = f"No {CHECKPOINT} in the folder"
    if below := sorted(str(found.parent) for found in folder.glob(f"*/{CHECKPOINT}")):
        text += f", but in {', '.join(below)}"
    raise FileNotFoundError(errno.ENOENT, text, os.fspath(folder))
