"""Shapes and parts of whole arrays on every back-end, compared with plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.backend_arrays import assert_same, computed, flags, integers, result, wide
from support.strategies import Values

from pycnn import backends


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((), ()),
        ((5,), (0,)),
        ((2, 3), (1, 0)),
        ((2, 0, 3), (2, 0, 1)),
        ((1, 5), (1, 0)),
        ((3, 2, 5, 4), (0, 2, 3, 1)),
        ((65, 33), (1, 0)),
        ((2, 3, 1, 2, 3, 2, 2), (6, 4, 2, 0, 1, 3, 5)),
        ((2, 3, 2, 3, 2, 3, 2), (6, 4, 2, 0, 1, 3, 5)),
    ],
)
def test_transposes(
    arrays: backends.Backend, shape: tuple[int, ...], axes: tuple[int, ...]
) -> None:
    for x in (*Values("normal", 5).arrays(shape), *integers(shape), *flags(shape)):
        assert_same(computed(arrays, "transpose", x, axes), wide(arrays, x).transpose(axes))


@pytest.mark.parametrize(
    ("shape", "target"),
    [
        ((), ()),
        ((), (2, 3)),
        ((3,), (3,)),
        ((3,), (1, 3)),
        ((3,), (2, 3)),
        ((2, 1, 3), (2, 4, 3)),
        ((1, 3), (0, 3)),
        ((2, 1, 3, 1, 1, 2, 1), (2, 2, 3, 2, 2, 2, 2)),
    ],
)
def test_repeated_axes(
    arrays: backends.Backend, shape: tuple[int, ...], target: tuple[int, ...]
) -> None:
    for x in (*Values("normal", 6).arrays(shape), *integers(shape), *flags(shape)):
        expected = np.broadcast_to(wide(arrays, x), target)
        assert_same(computed(arrays, "broadcast_to", x, target), expected)


ROWS = np.array([2, 0, 2, -1])
KEYS: list[tuple[tuple[int, ...], Any]] = [
    ((), ()),
    ((), ...),
    ((), None),
    ((4,), 1),
    ((4,), -1),
    ((4,), slice(None)),
    ((4,), slice(None, None, -1)),
    ((4,), slice(3, 0, -2)),
    ((4,), slice(2, 2)),
    ((4, 3, 5), 2),
    ((4, 3, 5), (..., 1)),
    ((4, 3, 5), (slice(None), slice(0, 3, 2), slice(4, None, -1))),
    ((4, 3, 5), (0, None, ..., slice(1, 4))),
    ((4, 3, 5), (1, 2, 3)),
    ((4, 3, 5), (None, slice(1, 3), 0, None, ..., None)),
    ((0, 3), slice(None)),
    ((2, 2, 2, 2, 2, 2, 2), (slice(None, None, -1),) * 7),
    ((4, 3), ROWS),
    ((4, 3, 2), (ROWS,)),
    ((4, 3, 2), (ROWS.reshape(2, 2), ...)),
    ((4,), ROWS),
    ((4, 3), np.array([], np.int64)),
    ((0, 3), np.array([], np.int64)),
    ((4, 3), np.array([True, False, True, True])),
    ((4, 3), (slice(None), np.array([2, 2, 0]))),
    ((4, 3), (ROWS, np.array([2, 1, 2, 0]))),
    ((4, 3, 2), (0, slice(None), np.array([1, 1]))),
    ((4, 3), [0, 3]),
    ((4, 3), (np.arange(4), np.array([2, 0, 2, 1]))),
    ((4, 3, 2), (np.array([[0], [3]]), np.array([1, -1]), slice(None))),
    ((4, 3, 2), (1, np.array([2, 0]))),
    ((4, 3, 2), (ROWS, 1, ...)),
    ((4, 3), np.arange(12).reshape(4, 3) % 5 > 1),
    ((4, 3, 2), (np.arange(12).reshape(4, 3) % 5 > 1, np.array(1))),
    ((4, 3), (ROWS, None)),
    ((4, 3), (None, ROWS)),
]


@pytest.mark.parametrize(("shape", "key"), KEYS, ids=str)
def test_parts(arrays: backends.Backend, shape: tuple[int, ...], key: Any) -> None:
    """Where a position is taken twice, `put` adds both, in the order of the key."""
    for x in (*Values("normal", 7).arrays(shape), *integers(shape), *flags(shape)):
        expected = np.asarray(wide(arrays, x)[key])
        assert_same(computed(arrays, "index", x, key), expected)
        if x.dtype != bool:
            total = np.zeros(shape, expected.dtype)
            np.add.at(total, key, expected)
            part = np.array(x[key], order="C")
            assert_same(computed(arrays, "put", shape, key, part), total)


@pytest.mark.parametrize(
    ("shapes", "axis"),
    [
        (((2, 3), (4, 3)), 0),
        (((2, 3), (2, 0), (2, 1)), 1),
        (((2, 1, 3), (2, 2, 3)), 1),
        (((5,),), 0),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_joined_and_split(
    arrays: backends.Backend, shapes: tuple[tuple[int, ...], ...], axis: int, dtype: str
) -> None:
    parts = [array.astype(dtype) for array in Values("integer", 8).arrays(*shapes)]
    there = arrays.concatenate([arrays.from_numpy(part) for part in parts], axis)
    assert_same(result(arrays, there), np.concatenate([wide(arrays, part) for part in parts], axis))
    again = arrays.split(there, [part.shape[axis] for part in parts], axis)
    for part, copy in zip(parts, again, strict=True):
        assert_same(result(arrays, copy), wide(arrays, part))


def test_results_are_arrays_of_their_own(arrays: backends.Backend) -> None:
    """Writing into a result leaves the array that it came from as it was."""
    x = arrays.from_numpy(np.arange(6, dtype=np.float32).reshape(1, 6))
    before = np.array(arrays.to_numpy(x))
    taken: list[Callable[[], Any]] = [
        lambda: arrays.transpose(x, (1, 0)),
        lambda: arrays.broadcast_to(x, (1, 1, 6)),
        lambda: arrays.index(x, 0),
        lambda: arrays.split(x, [6], 1)[0],
    ]
    for take in taken:
        part = take()
        arrays.write(part, np.zeros_like(arrays.to_numpy(part)))
        np.testing.assert_array_equal(arrays.to_numpy(x), before)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("binary", ("add", np.zeros((2, 3), np.float32), np.zeros(2, np.float32))),
        ("where", (np.ones(2, bool), np.zeros(3, np.float32), 0.0)),
        ("matmul", (np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32))),
        ("broadcast_to", (np.zeros(2, np.float32), (3,))),
    ],
)
def test_shapes_that_do_not_fit(
    arrays: backends.Backend, method: str, arguments: tuple[Any, ...]
) -> None:
    with pytest.raises(ValueError, match=r"shape|dimension|mismatch|size"):
        computed(arrays, method, *arguments)


@pytest.mark.parametrize(
    "key",
    [
        4,
        -5,
        (0, 3),
        (0, 0, 0),
        np.array([0, 4]),
        np.array([-5]),
        (np.array([0]), np.array([3])),
        (np.array([0, 1, 2]), np.array([0, 1])),
    ],
)
def test_positions_outside(arrays: backends.Backend, key: Any) -> None:
    x = np.zeros((4, 3), np.float32)
    with pytest.raises(IndexError):
        computed(arrays, "index", x, key)
