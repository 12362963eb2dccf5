"""Numbers of classes at each place, (N, C, d1, ..., dk), as rows of C numbers, and back."""

from __future__ import annotations

import math

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
    samples, classes = x.shape[:2]
    rest = math.prod(x.shape[2:])
    return _swapped(x, (samples, classes, rest)).reshape((samples * rest, classes))


def from_rows(rows: Array, shape: Shape) -> Array:
    """Return rows of C numbers as an array of the shape that `rows_of` took them from."""
    if len(shape) > 2:
        rows = _swapped(rows, (shape[0], math.prod(shape[2:]), shape[1]))
    return rows.reshape(shape)


def places(shape: Shape) -> Shape:
    """Return the shape of the targets for logits of a shape: (N, d1, ..., dk), or ()."""
    return (shape[0], *shape[2:]) if len(shape) > 1 else ()


def _swapped(x: Array, shape: Shape) -> Array:
    """Return an array of three axes of this shape with the last two swapped."""
    swapped: Array = backends.of(x).transpose(x.reshape(shape), (0, 2, 1))
    return swapped
