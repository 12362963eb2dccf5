"""The sum of two arrays."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray

__all__ = ["add"]


def add(a: FloatArray, b: FloatArray) -> FloatArray:
    """Add two arrays of one shape: ``y = a + b``; each gets the gradient of y.

    Parameters
    ----------
    a, b : ndarray of float32, of one shape
        What is added.

    Returns
    -------
    ndarray of float32, of that shape

    Raises
    ------
    TypeError, ValueError
        A wrong dtype, shapes that differ, or an array that is not C-contiguous.

    Notes
    -----
    On the CPU the bits are NumPy's: denormal numbers are kept.
    """
    return of(a).ops.add(a, b)
