"""MNIST, shipped with the package, and any folder of IDX files in its layout."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TypeAlias

import numpy as np

from pycnn._arguments import flag, positive, real
from pycnn._printable import printable
from pycnn.data import ArrayDataset
from pycnn.datasets.emnist import DIGITS, TRANSPOSED, UPRIGHT, class_names, split_of, way_of
from pycnn.datasets.idx import read_labels, read_pair

# Mean and standard deviation of the training pixels scaled to 0..1, to four digits.
MEAN = 0.1307
STD = 0.3081

_SHIPPED = Path(__file__).parent / "mnist_data"
# EMNIST calls its test files "test", the others "t10k".
_SPLITS = {"train": ("train",), "test": ("t10k", "test")}
_KINDS = {"images": "images{}idx3-ubyte", "labels": "labels{}idx1-ubyte"}


Files: TypeAlias = tuple[Path, Path]
"""Paths of the images and of the labels."""


class Unsaid(Enum):
    """Value of an argument that was not given."""

    UNSAID = "by the data"


def mnist(
    root: str | os.PathLike[str] | None = None,
    *,
    classes: Sequence[str] | Unsaid | None = Unsaid.UNSAID,
    mean: float = MEAN,
    std: float = STD,
    transposed: bool | None = None,
) -> tuple[ArrayDataset, ArrayDataset]:
    """Load MNIST (60,000 training and 10,000 test 28x28 images), or your own files in its format.

    Parameters
    ----------
    root : path-like, optional
        A folder with the four IDX files, plain or ``.gz``: ``train-images-idx3-ubyte``,
        ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``, ``t10k-labels-idx1-ubyte``.
        The names may also have ``.`` before ``idx``, ``test`` in place of ``t10k``, or a prefix
        such as EMNIST's ``emnist-letters-`` if no other file has that ending; the files may lie in
        a sub-folder ``gzip``, as in EMNIST's archive. None loads the shipped MNIST.
    classes : sequence of str or None, optional
        A name for each label 0..len(classes)-1; a file with a larger label is refused. The ten
        digits by default. None takes as many classes as the training labels need, at least ten,
        and names them by their numbers. In both cases files with EMNIST's names get EMNIST's
        classes, named by the file ``emnist-SPLIT-mapping.txt`` if it exists; the letters, 1..26 in
        the files, become 0..25.
    mean, std : float
        The normalisation, ``x = (pixel / 255 - mean) / std``; MNIST's 0.1307 and 0.3081 by
        default.
    transposed : bool, optional
        Whether the files store images with rows and columns exchanged, as EMNIST does; such images
        are turned upright. By default this is assumed for files with EMNIST's names, unless their
        digits are upright already. For other files it is assumed, with a RuntimeWarning, if their
        digits (labels 0 to 9) clearly resemble MNIST's only when turned. Letters alone are never
        recognised by their looks. Digits that are mirrored or turned in another way are left
        unchanged, with a RuntimeWarning.

    Returns
    -------
    train, test : pycnn.data.ArrayDataset
        ``x`` float32 of shape (N, 1, 28, 28) or with the files' own height and width,
        C-contiguous; ``y`` int64 of shape (N,). The data sets keep bytes, 47 MB for the training
        images, and make float32 a batch at a time, until ``x`` is asked for.

    Raises
    ------
    FileNotFoundError
        `root` lacks one of the files; the message says which names are accepted.
    TypeError
        `mean` or `std` is not a number, or `transposed` is not a bool.
    ValueError
        A file is truncated, corrupt, of the wrong kind, or does not fit its partner or `classes`;
        `mean` or `std` is not finite, or `std` is not positive.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998.
    G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to handwritten
    letters", 2017 (arXiv:1702.05373).
    """
    # Find all four before reading any, so that a missing file is reported at once.
    files = {split: _pair(_folder(root), split) for split in _SPLITS}
    train, test = _loaded(root, files, files["train"], classes, mean, std, transposed)
    return train, test


def mnist_test(
    root: str | os.PathLike[str] | None = None,
    *,
    classes: Sequence[str] | Unsaid = Unsaid.UNSAID,
    mean: float = MEAN,
    std: float = STD,
    transposed: bool | None = None,
) -> ArrayDataset:
    """Load only the test images, as `mnist` does; the training images may be missing.

    If the training images exist, they decide how the images lie.
    """
    folder = _folder(root)
    files = _pair(folder, "test")
    try:
        looked_at = _pair(folder, "train")
    except FileNotFoundError:
        looked_at = files
    return _loaded(root, {"test": files}, looked_at, classes, mean, std, transposed)[0]


def _folder(root: str | os.PathLike[str] | None) -> Path:
    return _SHIPPED if root is None else Path(root)


def _pair(folder: Path, split: str) -> Files:
    return find_idx(folder, split, "images"), find_idx(folder, split, "labels")


def _loaded(
    root: str | os.PathLike[str] | None,
    files: Mapping[str, Files],
    looked_at: Files,
    classes: Sequence[str] | Unsaid | None,
    mean: float,
    std: float,
    transposed: bool | None,
) -> list[ArrayDataset]:
    """Load splits; the files `looked_at` decide the class names and how the images lie."""
    real("mnist", "mean", mean)
    positive("mnist", "std", std)
    if transposed is not None:
        flag("mnist", "transposed", transposed)
    folder = _folder(root)
    name = "mnist" if root is None else folder.name
    split_name, first = split_of(looked_at[0]), 0
    if split_name is not None:
        first, published = class_names(looked_at[0].parent, split_name)
        if classes is None or isinstance(classes, Unsaid):
            classes = published
        elif len(classes) >= first + len(published):  # a name for each number in the files
            first = 0
    elif isinstance(classes, Unsaid):
        classes = DIGITS
    elif classes is None:
        classes = _classes_of(looked_at[1])
    if transposed is None and root is not None:
        transposed = _look(folder, *looked_at, expected=split_name is not None)
    return [
        idx_dataset(images, labels, classes, mean, std, f"{name} {split}", first, bool(transposed))
        for split, (images, labels) in files.items()
    ]


def _look(folder: Path, images: Path, labels: Path, *, expected: bool) -> bool:
    """Return whether the images are transposed, judged by their digits.

    With `expected`, as the names of the files suggest, they are unless the digits say otherwise.
    """
    shown, named = (find_idx(_SHIPPED, "test", kind) for kind in _KINDS)
    way = way_of(*read_pair(images, labels, 256), read_pair(shown, named, len(DIGITS)))
    if way == TRANSPOSED and not expected:
        _warn(
            f"the digits in {printable(folder)} lie on their side, as EMNIST stores them: they are "
            "turned upright (transposed=False or --no-transposed leaves them as they are)"
        )
    elif way == UPRIGHT and expected:
        _warn(
            f"the digits in {printable(folder)} are upright, unlike EMNIST's own files: they "
            "are left as they are (transposed=True or --transposed turns them)"
        )
    elif way not in (None, UPRIGHT, TRANSPOSED):
        _warn(f"the digits in {printable(folder)} are {way}: they are left as they are")
    return way == TRANSPOSED or (way is None and expected)


def _warn(text: str) -> None:
    """Warn the caller of `mnist`."""
    warnings.warn(f"[mnist] {text}", RuntimeWarning, stacklevel=5)


def _classes_of(labels: Path) -> tuple[str, ...]:
    """Return names for the labels of a file: their numbers, for at least ten classes."""
    largest = read_labels(labels, num_classes=256).max(initial=len(DIGITS) - 1)
    return tuple(map(str, range(largest + 1)))


def idx_dataset(
    images: Path,
    labels: Path,
    classes: Sequence[str],
    mean: float,
    std: float,
    name: str,
    first: int = 0,
    transposed: bool = False,
) -> ArrayDataset:
    """Load one split from its two IDX files, normalised; their labels begin at `first`."""
    x, y = read_pair(images, labels, first + len(classes))
    if y.min(initial=first) < first:
        raise ValueError(
            f"[mnist] {printable(labels)}: label {y.min()} is less than the first one, {first}"
        )
    if transposed:
        x = np.ascontiguousarray(x.swapaxes(2, 3))
    return ArrayDataset(x, y - first, tuple(classes), name, mean=mean, std=std)


def find_idx(folder: Path, split: str, kind: str) -> Path:
    """Return the path of a split's "images" or "labels" in `folder`.

    The official name wins over its variants; a prefixed name counts only if it is unique.

    Raises
    ------
    FileNotFoundError
        None of the names exists, or `folder` is not a folder.
    ValueError
        There are several prefixed files, and none with the plain name.
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
        raise FileNotFoundError(f"[mnist] {printable(folder)} is not a folder")
    prefixed = sorted(p for p in folder.iterdir() if p.name.endswith(tuple(endings)))
    if not prefixed and (folder / "gzip").is_dir():
        return find_idx(folder / "gzip", split, kind)
    if len(prefixed) > 1:
        raise ValueError(
            f"[mnist] {printable(folder)} has several candidates for the {split} {kind}: "
            f"{', '.join(printable(p.name) for p in prefixed)}; "
            "keep one set of four files in a folder"
        )
    if not prefixed:
        raise FileNotFoundError(
            f"[mnist] {printable(folder)} has no {split} {kind}: expected {endings[0]} or "
            f"{endings[1]} (also with '.' before idx)"
        )
    return prefixed[0]
