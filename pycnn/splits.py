"""Parts of a data set: training and validation data, and the folds of cross-validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor, isclose
from numbers import Real
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from pycnn._arguments import flag, integer, real, written
from pycnn.arrays.samplewise import Samplewise, is_samplewise
from pycnn.data import Dataset, Index, Labels

D = TypeVar("D", bound=Dataset)


def random_split(
    data: D, sizes: float | Sequence[float], seed: int = 0, *, stratify: bool = True
) -> tuple[D, ...]:
    """Split a data set at random into parts without common samples.

    ``train, validation = random_split(data, 0.1)`` keeps a tenth for validation;
    ``random_split(data, (50_000, 10_000))`` gives the sizes in samples.

    Parameters
    ----------
    data : Dataset, or data set of another library
        The data set.
    sizes : float, or sequence of int or float
        Share of the second of two parts, in (0, 1), where both get at least one sample; or the
        sizes of all parts, where samples beyond their sum are in none; or their shares, which sum
        to 1, ``[0.8, 0.1, 0.1]``.
    seed : int
        Of the random choice.
    stratify : bool
        Whether each class has the same share in each part as in the whole, up to a sample or two;
        classes with fewer samples than there are parts are not in all of them. Without effect on
        targets other than a class for each sample.

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
    data = _dataset("random_split", data)
    return tuple(_part(data, index) for index in split_positions(data, sizes, seed, stratify))


def split_positions(
    data: Dataset, sizes: float | Sequence[float], seed: int = 0, stratify: bool = True
) -> tuple[Index, ...]:
    """Return the positions of the samples of the parts that `random_split` makes, sorted."""
    owner = "random_split"
    counts = _counts(len(data), sizes)
    seed = integer(owner, "seed", seed, 0, float("inf"))
    order = np.random.default_rng(seed).permutation(len(data))
    if flag(owner, "stratify", stratify) and (y := _classes(data)) is not None:
        # Number the m samples of a class 0.5/m, 1.5/m, ...: sorted by these numbers, every run of
        # samples holds all classes in their shares.
        rank, size = _rank_in_class(y[order])
        order = order[np.argsort((rank + 0.5) / size, kind="stable")]
    ends = np.cumsum(counts)
    return tuple(np.sort(order[end - count : end]) for end, count in zip(ends, counts, strict=True))


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
        Whether the folds have the same number of samples of each class, up to one. Without effect
        on targets other than a class for each sample.

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
    data = _dataset("k_fold", data)
    integer("k_fold", "k", k, 2)
    seed = integer("k_fold", "seed", seed, 0, float("inf"))
    if k > len(data):
        raise ValueError(f"[k_fold] {k} folds need at least as many samples, got {len(data)}")
    order = np.random.default_rng(seed).permutation(len(data))
    if flag("k_fold", "stratify", stratify) and (y := _classes(data)) is not None:
        order = order[np.argsort(y[order], kind="stable")]
    fold = deal(order, k)
    return (divide(data, fold == i) for i in range(k))


def _dataset(owner: str, data: Any) -> Any:
    if is_samplewise(data):
        return Samplewise(data)
    if not isinstance(data, Dataset):
        raise TypeError(
            f"[{owner}] data must be a Dataset, such as ArrayDataset(x, y), "
            f"got {type(data).__name__}"
        )
    return data


def _classes(data: Dataset) -> Labels | None:
    """Return the class of each sample; None if the targets are numbers, or several for each."""
    y = np.asarray(data.y)
    return y if y.ndim == 1 and y.dtype.kind == "i" else None


def deal(order: Index, k: int) -> Labels:
    """Deal samples out to k folds like cards, in this order; return the fold of each."""
    fold = np.empty(len(order), np.int64)
    fold[order] = np.arange(len(order)) % k
    return fold


def divide(data: D, tested: npt.NDArray[np.bool_]) -> tuple[D, D]:
    """Return the training data and the test data; the test data are the marked samples."""
    return _part(data, np.flatnonzero(~tested)), _part(data, np.flatnonzero(tested))


def _counts(n: int, sizes: float | Sequence[float]) -> list[int]:
    """Return the sizes of the parts of n samples."""
    if isinstance(sizes, Real) and not isinstance(sizes, bool):
        share = real("random_split", "sizes", sizes)
        if not 0 < share < 1:
            raise ValueError(
                f"[random_split] sizes must be a share between 0 and 1, got {sizes}: several sizes "
                "are given as (size, size)"
            )
        if n < 2:
            raise ValueError(f"[random_split] two parts need two samples, got {n}")
        second = min(max(round(n * share), 1), n - 1)
        return [n - second, second]
    if not isinstance(sizes, (tuple, list)) or not sizes:
        raise TypeError(
            f"[random_split] sizes must be a share or a sequence of ints, got {written(sizes)}"
        )
    if all(isinstance(size, float) for size in sizes):
        return _counts_of_shares(n, [real("random_split", "sizes", size) for size in sizes])
    counts = [integer("random_split", "sizes", size, 1) for size in sizes]
    if sum(counts) > n:
        raise ValueError(f"[random_split] sizes {sizes} need {sum(counts)} samples, got {n}")
    return counts


def _counts_of_shares(n: int, shares: Sequence[float]) -> list[int]:
    """Return the sizes of parts with these shares of n samples; the first ones are rounded up."""
    if min(shares) <= 0 or not isclose(sum(shares), 1.0, abs_tol=1e-6):
        raise ValueError(
            f"[random_split] shares must be above 0 and sum to 1, got {written(list(shares))}"
        )
    counts = [floor(n * share) for share in shares]
    for part in range(n - sum(counts)):
        counts[part % len(counts)] += 1
    if min(counts) < 1:
        raise ValueError(
            f"[random_split] each part needs a sample, and shares {written(list(shares))} of {n} "
            f"are {counts}"
        )
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
    """Return the samples at these positions as a data set of its kind."""
    part: D = data[index]  # type: ignore[assignment]
    return part
