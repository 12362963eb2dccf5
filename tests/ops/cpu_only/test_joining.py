"""Joining, splitting and the whole gradient of a table, as the CPU does it for recorded steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import pycnn as nn
from pycnn import _core, reference


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = nn.get_num_threads()
    nn.set_num_threads(request.param)
    yield request.param
    nn.set_num_threads(before)


@pytest.mark.parametrize(
    ("shape", "extents", "axis"),
    [
        ((2, 3, 4), [1, 2], 1),
        ((5, 7), [3, 0, 4], 1),
        ((6, 1, 3), [2, 4], 0),
        ((4, 9, 33, 17), [1, 8], 1),
        ((3, 40, 50, 9), [20, 30], 2),
        ((2, 2), [2], 1),
        ((0, 3), [1, 2], 1),
    ],
)
def test_parts_and_the_whole(
    threads: int, shape: tuple[int, ...], extents: list[int], axis: int
) -> None:
    whole = np.random.default_rng(0).standard_normal(shape, np.float32)
    parts = _core.split(whole, extents, axis)
    expected = np.split(whole, np.cumsum(extents)[:-1], axis)
    for part, other in zip(parts, expected, strict=True):
        np.testing.assert_array_equal(part, other)
        assert part.flags.c_contiguous
    np.testing.assert_array_equal(_core.concatenate(parts, axis), whole)


@pytest.mark.parametrize("padding", [None, 2])
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (9, 5), (40, 300), (1000, 33)])
def test_gradient_of_a_table(threads: int, rows: int, columns: int, padding: int | None) -> None:
    rng = np.random.default_rng(1)
    index = rng.integers(0, rows, (7, 31))
    dy = rng.standard_normal((7, 31, columns), np.float32)
    found = _core.table_gradient(dy, index, padding, rows)
    numbers, values = _core.embedding_backward(dy, index, padding)
    same = np.zeros((rows, columns), np.float32)
    same[numbers] = values
    np.testing.assert_array_equal(found, same)
    numbers, wide = reference.embedding_backward(dy.astype(np.float64), index, padding)
    expected = np.zeros((rows, columns))
    expected[numbers] = wide
    np.testing.assert_allclose(found, expected, atol=217 * 2.0**-23, rtol=1e-5)


def test_what_does_not_fit_is_refused() -> None:
    x, wide = np.zeros((2, 3), np.float32), np.zeros((2, 4), np.float32)
    with pytest.raises(ValueError, match="agree in all axes but 0"):
        _core.concatenate([x, wide], 0)
    with pytest.raises(ValueError, match="must not be empty"):
        _core.concatenate([], 0)
    with pytest.raises(ValueError, match="axis 2 is none"):
        _core.concatenate([x], 2)
    with pytest.raises(TypeError, match="must be float32"):
        _core.concatenate([x.astype(np.float64)], 0)
    with pytest.raises(ValueError, match="add up to 3"):
        _core.split(x, [1, 1], 1)
    with pytest.raises(ValueError, match="from 0 to 3, got -1"):
        _core.split(x, [-1, 4], 1)
    with pytest.raises(ValueError, match="axis 2 is none"):
        _core.split(x, [3], 2)
    index = np.array([[0, 5]])
    with pytest.raises(ValueError, match="5"):
        _core.table_gradient(np.zeros((1, 2, 3), np.float32), index, None, 5)
    with pytest.raises(ValueError, match="-1"):
        _core.table_gradient(np.zeros((1, 2, 3), np.float32), np.array([[0, -1]]), None, 5)
    with pytest.raises(ValueError, match="shape of index"):
        _core.table_gradient(np.zeros((1, 3, 3), np.float32), index, None, 9)
