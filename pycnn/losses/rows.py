"""Numbers of classes at each place, (N, C, d1, ..., dk), as rows of C numbers, and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pycnn import backends
from pycnn.losses.base import Array, Shape


def rows_of(x: Array) -> Array:
    """Return (N, C, d1, ..., dk) as (N d1 ... dk, C), or (C,) as one row; (N, C) is itself.

    The rows are in the order of an array (N, d1, ..., dk) of targets.
    """
    if x.ndim == 2:
        return x
    if x.ndim < 2:
        return x.reshape((1, x.size))
    return _swapped(x, x.shape[0], x.shape[1]).reshape((math.prod(places(x.shape)), x.shape[1]))


def from_rows(rows: Array, shape: Shape) -> Array:
    """Return rows of C numbers as an array of the shape that `rows_of` took them from."""
    if len(shape) <= 2:
        return rows.reshape(shape)
    count = math.prod(shape[2:])
    return _swapped(rows, shape[0], count).reshape(shape)


def places(shape: Shape) -> Shape:
    """Return the shape of the targets for logits of a shape: (N, d1, ..., dk), or ()."""
    return (shape[0], *shape[2:]) if len(shape) > 1 else ()


def _swapped(x: Array, first: int, second: int) -> Array:
    """Return numbers (first, second, rest) as (first, rest, second), in an array of its own."""
    rest = x.size // (first * second) if first * second else 0
    x = x.reshape((first, second, rest))
    if isinstance(x, np.ndarray):
        return np.ascontiguousarray(x.transpose(0, 2, 1))
    # A device joins the columns.
    backend = backends.of(x)
    columns: list[Any] = [
        column.reshape((first, rest, 1)) for column in backend.split(x, [1] * second, axis=1)
    ]
    joined: Array = backend.concatenate(columns, axis=2)
    return joined
