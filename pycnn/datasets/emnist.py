"""What is special about EMNIST's files: images on their side, names of classes, labels from 1."""

from __future__ import annotations

import re
import string
from pathlib import Path

import numpy as np
import numpy.typing as npt

DIGITS = string.digits
_MERGED = DIGITS + string.ascii_uppercase + "abdefghnqrt"
# The classes of each part of EMNIST, in the order of their labels (Cohen and others, table II).
_SPLITS = {
    "balanced": tuple(_MERGED),
    "byclass": tuple(DIGITS + string.ascii_uppercase + string.ascii_lowercase),
    "bymerge": tuple(_MERGED),
    "digits": tuple(DIGITS),
    "letters": tuple(f"{a}{a.lower()}" for a in string.ascii_uppercase),
    "mnist": tuple(DIGITS),
}
# The letters are the only ones that are not numbered from 0.
_FIRST = {"letters": 1}
_NAME = re.compile(rf"emnist-({'|'.join(_SPLITS)})-(train|test)-")
# A mapping file has 62 lines at most; of a longer file no more is read.
_MOST_BYTES = 4096
# Digits lie on their side if they are so much more like MNIST's when turned (correlations).
_CLEARLY, _ALIKE = 0.15, 0.5


def split_of(file: Path) -> str | None:
    """Give the part of EMNIST that a file belongs to, by its name; None for other files."""
    found = _NAME.match(file.name.lower())
    return found[1] if found else None


def class_names(folder: Path, split: str) -> tuple[int, tuple[str, ...]]:
    """Give the first label of a part of EMNIST and the names of its classes.

    They are those of ``emnist-SPLIT-mapping.txt`` beside the data, a line for each label with the
    codes of its characters, or the published ones if there is no such file.

    Raises
    ------
    ValueError
        If the file is none of the kind.
    """
    path = folder / f"emnist-{split}-mapping.txt"
    if not path.is_file():
        return _FIRST.get(split, 0), _SPLITS[split]
    with path.open("rb") as file:
        lines = file.read(_MOST_BYTES).split(b"\n")
    try:
        numbers = [[int(word) for word in line.split()] for line in lines if line.strip()]
        labels = [line[0] for line in numbers]
        names = tuple("".join(map(chr, line[1:])) for line in numbers)
    except (ValueError, OverflowError):
        labels, names = [], ()
    first = labels[0] if labels else 0
    if labels != list(range(first, first + len(names))) or not all(
        name.isprintable() and name for name in names
    ) or not names:  # fmt: skip
        raise ValueError(
            f"[mnist] {path} is no mapping: a line for each label, in order, with the codes of its "
            "characters"
        )
    return first, names


def lies_on_its_side(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    known: tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]],
) -> bool:
    """Whether images of ten digits are transposed, by the means of the digits in MNIST.

    Clothes, letters or noise are like MNIST neither way, and left as they are.
    """
    if not len(images) or images.shape[1:] != known[0].shape[1:] or labels.max() > 9:
        return False
    means, expected = _means(images, labels), _means(*known)
    turned = means.reshape(10, *images.shape[2:]).swapaxes(1, 2).reshape(10, -1)
    as_is, on_side = ((rows * expected).sum(axis=1).mean() for rows in (means, turned))
    return bool(on_side > _ALIKE and on_side > as_is + _CLEARLY)


def _means(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Mean image of each digit, of mean 0 and norm 1, so that products are correlations."""
    rows = []
    for digit in range(10):
        own = images[np.flatnonzero(labels == digit)[:500]]
        rows.append(own.mean(axis=0).ravel() if len(own) else np.zeros(images[0].size))
    means = np.stack(rows)
    means -= means.mean(axis=1, keepdims=True)
    scaled: npt.NDArray[np.float64] = means / (np.linalg.norm(means, axis=1, keepdims=True) + 1e-12)
    return scaled
