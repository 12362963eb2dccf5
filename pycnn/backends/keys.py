"""What keys of indexing take of an array, as shapes, strides and row numbers.

Strides count elements, not bytes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from pycnn.backends.contract import Index, NumPyArray, Shape

# Shape of a part, its strides in the whole array, and the position of its first element there.
Part = tuple[Shape, Shape, int]


def contiguous(shape: Shape) -> Shape:
    """Return the strides of an array in C order."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def broadcast(shape: Shape, target: Shape) -> Part:
    """Return how an array passes as one of a larger shape. ValueError if it cannot."""
    view = np.broadcast_to(_without_memory(shape), target)
    return view.shape, view.strides, 0


def part(shape: Shape, key: Index) -> Part:
    """Return what a basic key takes of an array. IndexError if it is not there."""
    whole = _without_memory(shape)
    entries = _entries(key)
    # With Ellipsis NumPy makes a view of a single number, too, instead of reading it.
    taken = whole[entries if any(entry is Ellipsis for entry in entries) else (*entries, ...)]
    start = taken.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return taken.shape, taken.strides, start if taken.size else 0


def is_basic(key: Index) -> bool:
    """Whether a key has nothing but ints, slices, None and Ellipsis."""
    return all(
        entry is None
        or entry is Ellipsis
        or isinstance(entry, (slice, np.integer))
        or (isinstance(entry, int) and not isinstance(entry, bool))
        for entry in _entries(key)
    )


def rows(shape: Shape, key: Index) -> NumPyArray | None:
    """Return the numbers of the rows that a key takes along the first axis, None if it is another.

    They are int64 and not negative. IndexError if there is no such row.
    """
    first, *others = _entries(key) or (None,)
    if others and (len(others) > 1 or not _is_whole(others[0], shape)):
        return None
    if not shape or not isinstance(first, (np.ndarray, list)):
        return None
    numbers = np.asarray(first)
    if numbers.dtype == bool and numbers.shape == shape[:1]:
        numbers = numbers.nonzero()[0]
    if numbers.dtype.kind != "i":
        return None
    count = shape[0]
    for wrong in numbers[(numbers < -count) | (numbers >= count)].flat:
        raise IndexError(f"index {wrong} is out of bounds for axis 0 with size {count}")
    return np.where(numbers < 0, numbers + count, numbers).astype(np.int64)


def _entries(key: Index) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _is_whole(entry: Any, shape: Shape) -> bool:
    return entry is Ellipsis or (
        isinstance(entry, slice) and entry == slice(None) and len(shape) > 1
    )


def _without_memory(shape: Shape) -> NumPyArray:
    """Return an array of bytes that has strides and an address but must not be read."""
    return as_strided(np.zeros(1, np.uint8), shape, contiguous(shape), writeable=False)
