"""Hints for errors: a folder holds the data of another network."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pycnn.datasets.image_folder import SUFFIXES

# Files that are looked at, to see what a folder holds.
MOST_FILES = 1000

IDX, PICTURES, SENTENCES = "idx", "pictures", "sentences"

_SAID = {
    IDX: "it holds IDX files, which are for lenet5, lenet5_1998 and neocognitron",
    PICTURES: "it holds folders of pictures, which are for alexnet and alexnet_cifar",
    SENTENCES: "it holds rt-polaritydata, which is for textcnn",
}
_READ = {
    IDX: "this network reads IDX files in MNIST's format",
    PICTURES: "this network reads folders of pictures, one for each class",
    SENTENCES: "this network reads the sentences of rt-polaritydata",
}


def folder_hint(folder: str | None, wanted: str) -> str:
    """Return what a folder holds instead of the data that a network needs; empty if unclear.

    Parameters
    ----------
    folder : str, optional
        The folder; None for data of the package.
    wanted : str
        `IDX`, `PICTURES` or `SENTENCES`.
    """
    if folder is None or not Path(folder).is_dir():
        return ""
    try:
        found = list(_kinds(Path(folder)))
    except OSError:
        return ""
    return f"; {_READ[wanted]}, and {_SAID[found[0]]}" if found and wanted not in found else ""


def _kinds(folder: Path) -> Iterator[str]:
    """Return the kinds of data that the files show: pictures lie in folders, others need not."""
    for path in islice(folder.rglob("*"), MOST_FILES):
        name = path.name.lower()
        if "idx3-ubyte" in name or "idx1-ubyte" in name:
            yield IDX
        elif name.startswith("rt-polarity."):
            yield SENTENCES
        elif name.endswith(SUFFIXES) and path.parent != folder:
            yield PICTURES
