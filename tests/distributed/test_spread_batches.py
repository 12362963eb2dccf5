"""A batch in parts: which samples a process gets, and layers that have to know of the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance_norm
from support.tolerance import assert_within, float64

import pycnn
from pycnn import ops, reference
from pycnn.data import ArrayDataset, Batches
from pycnn.layers.batch_statistics import batch_norm_spread, batch_norm_spread_backward
from pycnn.layers.parameter import Array
from pycnn.layers.spread import Spread, spread
from pycnn.loader import DataLoader


def parts_of(batches: Batches, ranks: int) -> list[list[Array]]:
    """Return the labels of every batch of a pass, for each process."""
    found = []
    for rank in range(ranks):
        batches.rank, batches.ranks, batches.epoch = rank, ranks, 0
        found.append([y.copy() for _, y in batches])
        assert len(found[-1]) == len(batches)
    return found


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 7), st.booleans(), st.booleans())
def test_parts_make_up_the_batches_of_one_process(
    samples: int, size: int, ranks: int, shuffled: bool, loaded: bool
) -> None:
    data = ArrayDataset(np.zeros((samples, 1), np.float32), np.arange(samples))
    make = DataLoader if loaded else Batches
    batches = make(data, size, seed=1 if shuffled else None)
    whole = np.concatenate(parts_of(batches, 1)[0])
    parts = parts_of(batches, ranks)
    for number in range(len(batches)):
        own, sizes = [], []
        for rank in range(ranks):
            batches.rank = rank
            start, stop = batches.bounds(number)
            sizes.append(stop - start)
            if start < stop:
                own.append(parts[rank][number])
            else:  # a sample that is borrowed, and does not count
                first = number * batches.batch_size
                np.testing.assert_array_equal(parts[rank][number], whole[first : first + 1])
        here = slice(number * batches.batch_size, (number + 1) * batches.batch_size)
        np.testing.assert_array_equal(np.concatenate(own), whole[here])  # each once, in order
        assert max(sizes) - min(sizes) <= 1
        assert sizes[0] == max(sizes)


def test_augmentation_differs_between_processes() -> None:
    data = ArrayDataset(np.zeros((8, 1), np.float32), np.arange(8))

    def noise(x: Array, rng: np.random.Generator) -> Array:
        return x + rng.standard_normal(x.shape, np.float32)

    batches = Batches(data, 8, seed=0, augment=noise)
    found = []
    for batches.rank, batches.ranks in ((0, 2), (1, 2), (0, 2)):
        batches.epoch = 0
        found.append(next(iter(batches))[0])
    assert (found[0] != found[1]).all()
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("shape", [(7, 4), (7, 3), (6, 5, 1, 1), (5, 2, 3, 3)])
@pytest.mark.parametrize("cuts", [(0, 2), (0, 1, 3), (0, 4)])
def test_dropout_of_parts_is_that_of_the_batch(
    shape: tuple[int, ...], cuts: tuple[int, ...]
) -> None:
    x = np.random.default_rng(0).standard_normal(shape, np.float32)
    whole = pycnn.Dropout(0.4, rng=5)
    expected = whole(x)
    gradient = whole.backward(np.ones_like(x))
    for start, stop in zip(cuts, (*cuts[1:], len(x)), strict=True):
        layer = pycnn.Dropout(0.4, rng=5)
        with spread(Spread(start, stop - start)):
            part = layer(x[start:stop])
        np.testing.assert_array_equal(part, expected[start:stop])
        found = layer.backward(np.ones_like(x[start:stop]))
        np.testing.assert_array_equal(found, gradient[start:stop])
    assert (expected == 0).any()


T = TypeVar("T")


def in_parts(parts: int, call: Callable[[int, Callable[[Array], Array]], T]) -> list[T]:
    """Call in a thread for each part, with what adds up over them."""
    barrier = threading.Barrier(parts)
    given: list[Array] = [np.zeros(0)] * parts

    def run(part: int) -> T:
        def total(numbers: Array) -> Array:
            given[part] = numbers
            barrier.wait(20)
            added: Array = np.add.reduce(given, axis=0)
            barrier.wait(20)
            return added

        return call(part, total)

    with ThreadPoolExecutor(parts) as pool:
        return list(pool.map(run, range(parts)))


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.integers(1, 5),
    st.integers(1, 4),
    st.booleans(),
    st.sampled_from([0.0, 30.0, 1e4]),
)
def test_batch_norm_of_parts_is_that_of_the_batch(
    sizes: list[int], channels: int, side: int, affine: bool, mean: float
) -> None:
    n = sum(sizes)
    if n * side * side == 1:
        return
    rng = np.random.default_rng(n)
    x = (rng.standard_normal((n, channels, side, side)) + mean).astype(np.float32)
    dy = rng.standard_normal(x.shape).astype(np.float32)
    weight, bias = rng.standard_normal((2, channels)).astype(np.float32) if affine else (None, None)
    ends = np.cumsum([0, *sizes])
    parts = [slice(*pair) for pair in pairwise(ends)]

    def part(number: int, total: Callable[[Array], Array]) -> tuple[Array, ...]:
        mine = parts[number]
        own, *found, whole = batch_norm_spread(x[mine], weight, bias, 1e-5, total)
        assert whole.values == n * side * side
        back = batch_norm_spread_backward(dy[mine], x[mine], weight, found[0], found[2], whole)
        return own, *found, *back

    y, *statistics, dx, dweight, dbias = zip(*in_parts(len(sizes), part), strict=True)
    x64, dy64, w64, b64 = float64(x, dy, weight, bias)
    exact = reference.batch_norm2d(x64, w64, b64, 1e-5)
    bounds = tolerance_norm.batch_norm_spread(x64, parts, w64, b64, 1e-5)
    assert_within(np.concatenate(y), exact[0], bounds[0])
    for found, value, bound in zip(statistics, exact[1:], bounds[1:], strict=True):
        for one in found:
            assert_within(one, value, bound)
    mean64, inv64 = float64(statistics[0][0], statistics[2][0])
    slopes = reference.batch_norm2d_backward(dy64, x64, w64, mean64, inv64)
    bounds = tolerance_norm.batch_norm_spread_backward(dy64, x64, parts, w64, mean64, inv64)
    assert_within(np.concatenate(dx), slopes[0], bounds[0])
    assert_within(np.add.reduce(dweight), slopes[1], bounds[1])
    assert_within(np.add.reduce(dbias), slopes[2], bounds[2])


def test_a_part_that_does_not_count_keeps_step() -> None:
    x = np.random.default_rng(0).standard_normal((3, 2, 2, 2), np.float32)
    expected, mean, *_ = ops.batch_norm2d(x[:2], None, None)

    def part(number: int, total: Callable[[Array], Array]) -> tuple[Array, Array]:
        mine = x[:2] if number == 0 else x[2:]
        y, found, *_ = batch_norm_spread(mine, None, None, 1e-5, total, number == 0)
        return y, found

    (y, own), (_, other) = in_parts(2, part)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(own, mean, rtol=1e-6)
    np.testing.assert_array_equal(own, other)


def test_a_whole_batch_of_one_value_has_no_variance() -> None:
    x = np.ones((1, 2, 1, 1), np.float32)
    with pytest.raises(ValueError, match="more than one value a channel in the whole batch"):
        batch_norm_spread(x, None, None, 1e-5, lambda numbers: numbers)
