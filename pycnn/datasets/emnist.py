"""The peculiarities of EMNIST's files: transposed images, class names, labels from 1."""

from __future__ import annotations

import codecs
import re
import string
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pycnn._printable import printable
from pycnn._reading import open_regular

Means: TypeAlias = npt.NDArray[np.float64]

DIGITS = tuple(string.digits)
_MERGED = string.digits + string.ascii_uppercase + "abdefghnqrt"
# The classes of each part of EMNIST, in the order of their labels (Cohen et al., table II).
_SPLITS = {
    "balanced": tuple(_MERGED),
    "byclass": tuple(string.digits + string.ascii_letters.swapcase()),
    "bymerge": tuple(_MERGED),
    "digits": DIGITS,
    "letters": tuple(f"{a}{a.lower()}" for a in string.ascii_uppercase),
    "mnist": DIGITS,
}
# Only the letters are not numbered from 0.
_FIRST = {"letters": 1}
_NAME = re.compile(rf"emnist-({'|'.join(_SPLITS)})-(train|test)-")
# A mapping file has at most 62 lines; the rest of a longer file is not read.
_MOST_BYTES = 4096
# Digits are taken to lie in one of the eight ways if, turned back, their means correlate at least
# this much with MNIST's, and this much more than for the other ways that count.
_ALIKE, _CLEARLY = 0.6, 0.15
# A mean is taken over at least, and at most, this many images.
_FEWEST, _MOST = 5, 500
# The ways a square can be turned and mirrored, and the functions that undo them.
UPRIGHT, TRANSPOSED = "upright", "transposed"
_WAYS: dict[str, Callable[[Means], Means]] = {
    UPRIGHT: lambda means: means,
    TRANSPOSED: lambda means: means.swapaxes(1, 2),
    "turned by 90 degrees to the left": lambda means: np.rot90(means, 3, (1, 2)),
    "turned by 90 degrees to the right": lambda means: np.rot90(means, 1, (1, 2)),
    "upside down": lambda means: means[:, ::-1, ::-1],
    "mirrored left to right": lambda means: means[:, :, ::-1],
    "mirrored top to bottom": lambda means: means[:, ::-1],
    "transposed and upside down": lambda means: means[:, ::-1, ::-1].swapaxes(1, 2),
}


def split_of(file: Path) -> str | None:
    """Return the part of EMNIST that a file name stands for; None for other files."""
    found = _NAME.match(file.name.lower())
    return found[1] if found else None


def class_names(folder: Path, split: str) -> tuple[int, tuple[str, ...]]:
    """Return the first label of a part of EMNIST and the names of its classes.

    The names come from ``emnist-SPLIT-mapping.txt`` next to the data (one line per label, with the
    codes of its characters); without that file they are the published ones.

    Raises
    ------
    ValueError
        If the file is not such a mapping.
    """
    path = folder / f"emnist-{split}-mapping.txt"
    if not path.is_file():
        return _FIRST.get(split, 0), _SPLITS[split]
    with open_regular(path) as file:
        lines = file.read(_MOST_BYTES).removeprefix(codecs.BOM_UTF8).split(b"\n")
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
            f"[mnist] {printable(path)} is no mapping: a line for each label, in order, with the "
            "codes of its characters"
        )
    return first, names


def way_of(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    known: tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]],
) -> str | None:
    """Return how digits lie in their images, found by comparing them with MNIST's mean digits.

    Only images with the labels 0 to 9 are examined. The answer is None for clothes, letters or
    noise, which resemble MNIST in no way, and where the best way is not clear: it must stand out
    from upright and from transposed, or these two from each other.
    """
    present = [
        digit for digit in range(len(DIGITS)) if np.count_nonzero(labels == digit) >= _FEWEST
    ]
    if not present or images.shape[1:] != known[0].shape[1:]:
        return None
    means, expected = _means(images, labels, present), _means(*known, present)
    # For dark digits on white all correlations are negative.
    alike = {
        name: abs(float((way(means) * expected).sum(axis=(1, 2)).mean()))
        for name, way in _WAYS.items()
    }
    best = max(alike, key=alike.__getitem__)
    others = max(alike[name] for name in (UPRIGHT, TRANSPOSED) if name != best)
    return best if alike[best] > _ALIKE and alike[best] > others + _CLEARLY else None


def _means(
    images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], digits: list[int]
) -> Means:
    """Return each digit's mean image, scaled to mean 0 and norm 1: products are correlations."""
    rows = [images[np.flatnonzero(labels == digit)[:_MOST]].mean(axis=0)[0] for digit in digits]
    means = np.stack(rows)
    means -= means.mean(axis=(1, 2), keepdims=True)
    scaled: Means = means / (np.linalg.norm(means, axis=(1, 2), keepdims=True) + 1e-12)
    return scaled
