"""Calls of what back-ends do with whole arrays, and comparisons of the results with NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn import backends
from pycnn.reference.geometry import Array
from support.strategies import Values, sprinkle


def floats(*shapes: tuple[int, ...], seed: int = 0) -> list[Array]:
    """Make float32 arrays with zeros, equal numbers, NaN and infinities among the normal ones."""
    rng = np.random.default_rng(seed)
    special = [0.0, -0.0, 1.0, 1.0, -2.5, np.nan, np.inf, -np.inf]
    normal = Values("normal", seed).arrays(*shapes)
    return [np.array(sprinkle(rng, array, special, part=0.3)) for array in normal]


def integers(*shapes: tuple[int, ...], dtype: Any = np.int64) -> list[Array]:
    rng = np.random.default_rng(1)
    return [np.asarray(rng.integers(1, 9, shape)).astype(dtype) for shape in shapes]


def flags(shape: tuple[int, ...]) -> list[Array]:
    return [np.asarray(array > 4) for array in integers(shape)]


def wide(arrays: backends.Backend, array: Array) -> Array:
    """Return the array as the back-end keeps it: the reference has floats of 64 bits."""
    return arrays.to_numpy(arrays.from_numpy(array))


def result(arrays: backends.Backend, array: Any) -> Array:
    """Check that a result is an array of the back-end, and copy it to NumPy's."""
    assert backends.of(array) is arrays
    numbers = arrays.to_numpy(array)
    assert type(numbers) is np.ndarray
    assert numbers.flags.c_contiguous
    return numbers


def computed(arrays: backends.Backend, method: str, *arguments: Any) -> Array:
    """Call a method with arrays of NumPy's, moved to the back-end."""
    moved = [arrays.from_numpy(a) if isinstance(a, np.ndarray) else a for a in arguments]
    return result(arrays, getattr(arrays, method)(*moved))


def assert_same(actual: Array, expected: Any) -> None:
    """Check dtype, shape and every number."""
    expected = np.asarray(expected)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    np.testing.assert_array_equal(actual, expected)


def assert_near(actual: Array, exact: Any, bound: Any) -> None:
    """Check against float64, to within a bound of each number."""
    exact = np.asarray(exact)
    assert actual.shape == exact.shape
    finite = np.isfinite(exact) & (np.abs(exact) < np.finfo(np.float32).max)
    assert (np.abs(actual - exact)[finite] <= np.broadcast_to(bound, exact.shape)[finite]).all()
    np.testing.assert_array_equal(actual[~finite], exact.astype(actual.dtype)[~finite])
