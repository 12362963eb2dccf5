"""Arrays that share memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


def bounds(array: np.ndarray[Any, Any]) -> tuple[int, int]:
    """Return the addresses of an array's first byte and of the byte after its last."""
    low = high = array.__array_interface__["data"][0]
    if not array.size:
        return low, low
    for size, stride in zip(array.shape, array.strides, strict=True):
        if stride > 0:
            high += (size - 1) * stride
        else:
            low += (size - 1) * stride
    return low, high + array.itemsize


def overlapping(arrays: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return the names of each pair of arrays that share memory; arrays of a device are skipped."""
    places = [(*bounds(a), name) for name, a in arrays.items() if isinstance(a, np.ndarray)]
    open_places: list[tuple[int, str]] = []
    for low, high, name in sorted(places):
        open_places = [(end, other) for end, other in open_places if end > low]
        for _, other in open_places:
            if np.shares_memory(arrays[other], arrays[name]):
                yield other, name
        open_places.append((high, name))


def same_numbers(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    """Return whether two arrays that share memory have all of their numbers in common."""
    return bounds(one) == bounds(other) and all(
        low + a.nbytes == high and a.dtype == one.dtype
        for a in (one, other)
        for low, high in (bounds(a),)
    )
