"""Gradients of a weight and its bias, written into arrays of the caller."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from pycnn._arguments import apart
from pycnn.reference.geometry import Array

Places: TypeAlias = tuple[Array | None, Array | None]


def placed(op: str, out: Places | None, dw: Array, db: Array, **read: Array) -> tuple[Array, Array]:
    """Return two gradients, in the arrays of `out` where there are any.

    Parameters
    ----------
    op : str
        Whose gradients they are.
    out : (array or None, array or None) or None
        Where to write them: arrays of their shapes and dtypes.
    dw, db : arrays
        The gradients of weight and bias.
    **read
        The arrays of the call, which may not share memory with those of `out`.

    Raises
    ------
    TypeError
        If `out` is no tuple, or one of its arrays is none or of another dtype.
    ValueError
        If there are not two, or one has another shape, is not C-contiguous, is read-only or shares
        memory with another array.
    """
    if out is None:
        return dw, db
    if not isinstance(out, tuple):
        raise TypeError(f"[{op}] out must be None or a tuple, got {type(out).__name__}")
    if len(out) != 2:
        raise ValueError(f"[{op}] out must hold two gradients or None, got {len(out)}")
    names = "out weight gradient", "out bias gradient"
    for name, place, gradient in zip(names, out, (dw, db), strict=True):
        _check(op, name, place, gradient)
    apart(op, dict(zip(names, out, strict=True)), read)
    return _put(out[0], dw), _put(out[1], db)


def _check(op: str, name: str, place: Array | None, gradient: Array) -> None:
    if place is None:
        return
    if not isinstance(place, np.ndarray):
        raise TypeError(f"[{op}] {name} must be a numpy.ndarray, got {type(place).__name__}")
    if place.dtype != gradient.dtype:
        raise TypeError(f"[{op}] {name} must be {gradient.dtype}, got {place.dtype}")
    if place.shape != gradient.shape:
        raise ValueError(f"[{op}] {name} must have shape {gradient.shape}, got {place.shape}")
    if not place.flags.carray:
        raise ValueError(f"[{op}] {name} must be C-contiguous, aligned and writeable")


def _put(place: Array | None, gradient: Array) -> Array:
    if place is None:
        return gradient
    place[...] = gradient
    return place
