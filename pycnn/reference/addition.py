"""The sum of two arrays."""

from __future__ import annotations

from pycnn.reference.geometry import Array

__all__ = ["add"]


def add(a: Array, b: Array) -> Array:
    """Return ``a + b``.

    Parameters, results and errors are those of `pycnn.ops.add`.
    """
    if a.shape != b.shape:
        raise ValueError(f"[add] b has shape {b.shape}, a has {a.shape}")
    y: Array = a + b
    return y
