"""Parts of a data set and the folds of cross-validation."""

from __future__ import annotations

import hashlib
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycnn import k_fold, random_split
from pycnn.data import ArrayDataset
from pycnn.splits import deal, divide

Labels = st.lists(st.integers(0, 4), min_size=2, max_size=60)


def numbered(labels: list[int]) -> ArrayDataset:
    """Return samples that are their own positions."""
    x = np.arange(len(labels), dtype=np.float32)[:, np.newaxis]
    return ArrayDataset(x, np.array(labels, np.int64), tuple("abcde"), "numbered")


def positions(part: ArrayDataset) -> list[int]:
    return [int(number) for number in part.x[:, 0]]


@given(Labels, st.floats(0.01, 0.99), st.integers(0, 9), st.booleans())
def test_a_share(labels: list[int], share: float, seed: int, stratify: bool) -> None:
    data = numbered(labels)
    n = len(data)
    first, second = random_split(data, share, seed, stratify=stratify)
    assert len(second) == min(max(round(n * share), 1), n - 1)
    assert sorted(positions(first) + positions(second)) == list(range(n))
    for part in (first, second):
        assert positions(part) == sorted(positions(part))
        np.testing.assert_array_equal(part.y, data.y[positions(part)])
        assert (part.classes, part.name) == (data.classes, data.name)
    again = random_split(data, share, seed, stratify=stratify)
    assert positions(again[1]) == positions(second)


@given(Labels, st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(0, 9))
def test_counts_with_the_classes_in_their_shares(
    labels: list[int], counts: list[int], seed: int
) -> None:
    data = numbered(labels)
    n = len(data)
    if sum(counts) > n:
        with pytest.raises(ValueError, match=f"samples, got {n}"):
            random_split(data, counts, seed)
        return
    parts = random_split(data, counts, seed)
    assert [len(part) for part in parts] == counts
    every = list(chain.from_iterable(map(positions, parts)))
    assert len(set(every)) == len(every)
    classes, sizes = np.unique(data.y, return_counts=True)
    for part in parts:
        for label, m in zip(classes, sizes, strict=True):
            # A cut takes m q samples of a class, rounded, at a level q that the rounding of the
            # other classes moves by up to one half each; a part has two cuts.
            bound = 2 * (1 + m * len(classes) / (2 * n))
            assert abs((part.y == label).sum() - m * len(part) / n) <= bound


@given(Labels, st.integers(2, 7), st.integers(0, 9), st.booleans())
def test_folds(labels: list[int], k: int, seed: int, stratify: bool) -> None:
    data = numbered(labels)
    if k > len(data):
        with pytest.raises(ValueError, match=f"{k} folds need at least as many samples"):
            k_fold(data, k, seed)
        return
    pairs = list(k_fold(data, k, seed, stratify=stratify))
    assert len(pairs) == k
    tested = chain.from_iterable(positions(test) for _, test in pairs)
    assert sorted(tested) == list(range(len(data)))
    for train, test in pairs:
        assert sorted(positions(train) + positions(test)) == list(range(len(data)))
    assert np.ptp([len(test) for _, test in pairs]) <= 1
    if stratify:
        for label in range(5):
            assert np.ptp([(test.y == label).sum() for _, test in pairs]) <= 1


def test_the_seed_chooses() -> None:
    data = numbered([0, 1] * 20)
    assert positions(random_split(data, 0.5, 0)[0]) != positions(random_split(data, 0.5, 1)[0])
    first, second = (next(k_fold(data, 4, seed))[1] for seed in (0, 1))
    assert positions(first) != positions(second)


@pytest.mark.parametrize(
    ("stratify", "digest"), [(True, "c1c2a66c656a9ce7"), (False, "cd64cbd94d3e1b81")]
)
def test_the_folds_of_a_seed_stay_what_they_are(stratify: bool, digest: str) -> None:
    tests = [test for _, test in k_fold(numbered([i % 7 for i in range(97)]), 5, 3,
             stratify=stratify)]  # fmt: skip
    order = np.concatenate([positions(test) for test in tests])
    assert hashlib.sha256(order.tobytes()).hexdigest().startswith(digest)


def test_dealing_is_in_turn_and_dividing_keeps_the_order() -> None:
    fold = deal(np.array([4, 0, 3, 1, 2]), 2)
    assert fold.tolist() == [1, 1, 0, 0, 0]
    train, test = divide(numbered([0] * 5), fold == 0)
    assert (positions(train), positions(test)) == ([0, 1], [2, 3, 4])


@pytest.mark.parametrize(
    ("sizes", "error", "text"),
    [
        (1.0, ValueError, "between 0 and 1, got 1.0"),
        (0, ValueError, "between 0 and 1"),
        (10, ValueError, r"sizes are given as \(size, size\)"),
        (float("nan"), ValueError, "must be finite"),
        ([], TypeError, "a share or a sequence of ints"),
        ("ab", TypeError, "a share or a sequence of ints"),
        (True, TypeError, "a share or a sequence of ints"),
        ([5, 0], ValueError, "sizes must be at least 1"),
        ([0.5, 0.4], ValueError, "shares must be above 0 and sum to 1"),
        ([0.99, 0.01], ValueError, "each part needs a sample"),
        ([5, 0.5], TypeError, "sizes must be an int"),
    ],
)
def test_wrong_sizes(sizes: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        random_split(numbered([0] * 10), sizes)


def test_wrong_numbers() -> None:
    with pytest.raises(ValueError, match="two parts need two samples, got 1"):
        random_split(numbered([0]), 0.5)
    with pytest.raises(ValueError, match="k must be at least 2"):
        k_fold(numbered([0] * 10), 1)
    with pytest.raises(ValueError, match="seed must be at least 0"):
        random_split(numbered([0] * 10), 0.5, -1)
