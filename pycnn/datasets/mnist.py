"""MNIST, shipped with the package, and any folder of IDX files in its layout."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pycnn._arguments import positive, real
from pycnn._printable import printable
from pycnn.data import ArrayDataset
from pycnn.datasets.idx import read_labels, read_pair
from pycnn.datasets.normalise import normalise

# Mean and standard deviation of the training pixels scaled to 0..1, to four digits.
MEAN = 0.1307
STD = 0.3081
DIGITS = tuple("0123456789")

_SHIPPED = Path(__file__).parent / "mnist_data"
# EMNIST calls its test files "test", the others "t10k".
_SPLITS = {"train": ("train",), "test": ("t10k", "test")}
_KINDS = {"images": "images{}idx3-ubyte", "labels": "labels{}idx1-ubyte"}


def mnist(
    root: str | os.PathLike[str] | None = None,
    *,
    classes: Sequence[str] | None = DIGITS,
    mean: float = MEAN,
    std: float = STD,
) -> tuple[ArrayDataset, ArrayDataset]:
    """Load MNIST, 60,000 training and 10,000 test images of 28x28, or your own files in its format.

    Parameters
    ----------
    root : path-like, optional
        A folder with the four IDX files, plain or ``.gz``: ``train-images-idx3-ubyte``,
        ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``, ``t10k-labels-idx1-ubyte``.
        Understood as well: ``.`` before ``idx``, ``test`` in place of ``t10k``, and a prefix such
        as EMNIST's ``emnist-letters-`` when no other file has that ending. The shipped MNIST when
        None.
    classes : sequence of str or None
        A name for each label 0..len(classes)-1; a file with a label beyond them is refused. None
        takes as many as the training labels need, at least ten, and names them by their numbers.
    mean, std : float
        The normalisation, ``x = (pixel / 255 - mean) / std``; MNIST's 0.1307 and 0.3081 unless
        given.

    Returns
    -------
    train, test : pycnn.data.ArrayDataset
        ``x`` float32 of shape (N, 1, 28, 28) or with the files' own height and width,
        C-contiguous; ``y`` int64 of shape (N,).

    Raises
    ------
    FileNotFoundError
        `root` lacks one of the files; the text says which names would do.
    TypeError
        `mean` or `std` is not a number.
    ValueError
        A file is truncated, corrupt, of the wrong kind, or does not fit its partner or `classes`;
        `mean` or `std` is not finite, or `std` not positive.

    Notes
    -----
    EMNIST stores its images transposed; its "letters" have labels 1..26, so they need 27 classes.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998.
    G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to handwritten
    letters", 2017 (arXiv:1702.05373).
    """
    real("[mnist] mean", mean)
    positive("[mnist] std", std)
    folder = _SHIPPED if root is None else Path(root)
    name = "mnist" if root is None else folder.name
    # Find all four before reading one: a missing file shows at once.
    files = [
        (find_idx(folder, split, "images"), find_idx(folder, split, "labels")) for split in _SPLITS
    ]
    if classes is None:
        classes = _classes_of(files[0][1])
    train, test = (
        idx_dataset(images, labels, classes, mean, std, f"{name} {split}")
        for split, (images, labels) in zip(_SPLITS, files, strict=True)
    )
    return train, test


def _classes_of(labels: Path) -> tuple[str, ...]:
    """Names for the labels of a file: their numbers, of ten classes or more."""
    largest = read_labels(labels, num_classes=256).max(initial=len(DIGITS) - 1)
    return tuple(map(str, range(largest + 1)))


def idx_dataset(
    images: Path, labels: Path, classes: Sequence[str], mean: float, std: float, name: str
) -> ArrayDataset:
    """Load one split from its two IDX files, normalised."""
    x, y = read_pair(images, labels, len(classes))
    return ArrayDataset(normalise(x, (mean,), (std,)), y, classes=tuple(classes), name=name)


def find_idx(folder: Path, split: str, kind: str) -> Path:
    """Return the path of a split's "images" or "labels" in `folder`.

    The official name wins over its variants; a prefixed name counts when there is one only.

    Raises
    ------
    FileNotFoundError
        None of the names is there, or `folder` is no folder.
    ValueError
        Several prefixed files are there and none has the plain name.
    """
    endings = [
        f"{start}-{_KINDS[kind].format(separator)}{suffix}"
        for start in _SPLITS[split]
        for separator in "-."
        for suffix in ("", ".gz")
    ]
    for name in endings:
        if (folder / name).is_file():
            return folder / name
    if not folder.is_dir():
        raise FileNotFoundError(f"[mnist] {folder} is not a folder")
    prefixed = sorted(p for p in folder.iterdir() if p.name.endswith(tuple(endings)))
    if len(prefixed) > 1:
        raise ValueError(
            f"[mnist] {folder} has several candidates for the {split} {kind}: "
            f"{', '.join(printable(p.name) for p in prefixed)}; "
            "keep one set of four files in a folder"
        )
    if not prefixed:
        raise FileNotFoundError(
            f"[mnist] {folder} has no {split} {kind}: expected {endings[0]} or {endings[1]} "
            "(also with '.' before idx)"
        )
    return prefixed[0]
