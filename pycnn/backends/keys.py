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


def rows(shape: Shape, key: Index) -> tuple[NumPyArray, int] | None:
    """Return what a key takes if it names positions on the first axes alone, else None.

    Such a key has arrays and ints on the first axes, among them an array, and takes the other axes
    whole.

    Returns
    -------
    rows : ndarray of int64
        Numbers of what is taken, counted in C order over these axes; not negative.
    axes : int
        How many axes they are.

    Raises
    ------
    IndexError
        If a position is not there, or arrays cannot be broadcast.
    """
    entries = list(_entries(key))
    arrays: list[NumPyArray] = []
    while entries and isinstance(entries[0], (np.ndarray, list, int, np.integer)):
        arrays += _positions(entries.pop(0), shape[len(arrays) :])
    ellipses = sum(entry is Ellipsis for entry in entries)
    others = len(entries) - ellipses
    whole = all(entry is Ellipsis or _is_whole(entry) for entry in entries)
    if not whole or ellipses > 1 or len(arrays) + others > len(shape):
        return None
    if not arrays or any(array.dtype.kind != "i" for array in arrays):
        return None
    try:
        return np.asarray(_numbers(arrays, shape), np.int64), len(arrays)
    except ValueError as error:  # they are not broadcast
        raise IndexError(str(error)) from None


def _positions(entry: Any, shape: Shape) -> list[NumPyArray]:
    """Return arrays of positions, one for each axis that an entry of a key goes over."""
    array = np.asarray(entry)
    if array.dtype == bool and array.ndim and array.shape == shape[: array.ndim]:
        return list(array.nonzero())
    return [array]


def _numbers(arrays: list[NumPyArray], shape: Shape) -> NumPyArray:
    """Return the C-order numbers of positions on the first axes."""
    total: NumPyArray = np.zeros((), np.int64)
    for axis, array in enumerate(arrays):
        count = shape[axis]
        for wrong in array[(array < -count) | (array >= count)].flat:
            raise IndexError(f"index {wrong} is out of bounds for axis {axis} with size {count}")
        total = total * count + np.where(array < 0, array + count, array)
    return total


def _entries(key: Index) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _is_whole(entry: Any) -> bool:
    return isinstance(entry, slice) and entry == slice(None)


def _without_memory(shape: Shape) -> NumPyArray:
    """Return an array of bytes that has strides and an address but must not be read."""
    return as_strided(np.zeros(1, np.uint8), shape, contiguous(shape), writeable=False)
