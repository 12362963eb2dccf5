"""Parts of a data set: training and validation data, and the folds of cross-validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Real
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from pycnn._arguments import flag, integer, real, written
from pycnn.data import Dataset, Index, Labels

D = TypeVar("D", bound=Dataset)


def split(
    data: D, sizes: float | Sequence[int], seed: int = 0, *, stratify: bool = True
) -> tuple[D, ...]:
    """Split a data set at random into parts without common samples.

    ``train, validation = split(data, 0.1)`` keeps a tenth for validation;
    ``split(data, (50_000, 10_000))`` gives the sizes in samples.

    Parameters
    ----------
    data : Dataset
        The data set.
    sizes : float or sequence of int
        Share of the second of two parts, in (0, 1), where both get at least one sample; or the
        sizes of all parts. Samples beyond their sum are in none.
    seed : int
        Of the random choice.
    stratify : bool
        Whether each class has the same share in each part as in the whole, up to a sample or two;
        classes with fewer samples than there are parts are not in all of them.

    Returns
    -------
    tuple of Dataset
        The parts, with their samples in the order of the whole.

    Raises
    ------
    TypeError
        If a size is not a number, `seed` not an int or `stratify` not a bool.
    ValueError
        If there are too few samples, or a size or share is out of range.
    """
    _check_dataset("split", data)
    counts = _counts(len(data), sizes)
    seed = integer("split", "seed", seed, 0, float("inf"))
    order = np.random.default_rng(seed).permutation(len(data))
    if flag("split", "stratify", stratify):
        # Number the m samples of a class 0.5/m, 1.5/m, ...: sorted by these numbers, every run of
        # samples holds all classes in their shares.
        labels = data.y[order]
        rank, size = _rank_in_class(labels)
        order = order[np.argsort((rank + 0.5) / size, kind="stable")]
    ends = np.cumsum(counts)
    return tuple(
        _part(data, order[end - count : end]) for end, count in zip(ends, counts, strict=True)
    )


def k_fold(data: D, k: int, seed: int = 0, *, stratify: bool = True) -> Iterator[tuple[D, D]]:
    """Return the k pairs of cross-validation: each sample is in the test data of one of them.

    Parameters
    ----------
    data : Dataset
        At least k samples.
    k : int
        Folds, at least 2.
    seed : int
        Of the random choice.
    stratify : bool
        Whether the folds have the same number of samples of each class, up to one.

    Yields
    ------
    train, test : Dataset
        All folds but one, and that one; samples in the order of the whole.

    Raises
    ------
    TypeError
        If a number is not an int or `stratify` not a bool.
    ValueError
        If `k` is out of range.

    Notes
    -----
    The parts of a data set in memory are copies, made one pair at a time.
    """
    _check_dataset("k_fold", data)
    integer("k_fold", "k", k, 2)
    seed = integer("k_fold", "seed", seed, 0, float("inf"))
    if k > len(data):
        raise ValueError(f"[k_fold] {k} folds need at least as many samples, got {len(data)}")
    order = np.random.default_rng(seed).permutation(len(data))
    if flag("k_fold", "stratify", stratify):
        order = order[np.argsort(data.y[order], kind="stable")]
    fold = deal(order, k)
    return (divide(data, fold == i) for i in range(k))


def _check_dataset(owner: str, data: Any) -> None:
    if not isinstance(data, Dataset):
        raise TypeError(
            f"[{owner}] data must be a Dataset, such as ArrayDataset(x, y), "
            f"got {type(data).__name__}"
        )


def deal(order: Index, k: int) -> Labels:
    """Deal samples out to k folds like cards, in this order; return the fold of each."""
    fold = np.empty(len(order), np.int64)
    fold[order] = np.arange(len(order)) % k
    return fold


def divide(data: D, tested: npt.NDArray[np.bool_]) -> tuple[D, D]:
    """Return the training data and the test data; the test data are the marked samples."""
    return _part(data, np.flatnonzero(~tested)), _part(data, np.flatnonzero(tested))


def _counts(n: int, sizes: float | Sequence[int]) -> list[int]:
    """Return the sizes of the parts of n samples."""
    if isinstance(sizes, Real) and not isinstance(sizes, bool):
        share = real("split", "sizes", sizes)
        if not 0 < share < 1:
            raise ValueError(
                f"[split] sizes must be a share between 0 and 1, got {sizes}: several sizes are "
                "given as (size, size)"
            )
        if n < 2:
            raise ValueError(f"[split] two parts need two samples, got {n}")
        second = min(max(round(n * share), 1), n - 1)
        return [n - second, second]
    if not isinstance(sizes, (tuple, list)) or not sizes:
        raise TypeError(
            f"[split] sizes must be a share or a sequence of ints, got {written(sizes)}"
        )
    counts = [integer("split", "sizes", size, 1) for size in sizes]
    if sum(counts) > n:
        raise ValueError(f"[split] sizes {sizes} need {sum(counts)} samples, got {n}")
    return counts


def _rank_in_class(labels: Labels) -> tuple[Labels, Labels]:
    """Return the place of each sample within its class, and the size of that class."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    by_class = np.argsort(inverse, kind="stable")
    starts = np.cumsum(counts) - counts
    rank = np.empty(len(labels), np.int64)
    rank[by_class] = np.arange(len(labels)) - np.repeat(starts, counts)
    return rank, counts[inverse]


def _part(data: D, index: Index) -> D:
    """Return the samples at these positions as a data set of its kind, in the original order."""
    part: D = data[np.sort(index)]  # type: ignore[assignment]
    return part
