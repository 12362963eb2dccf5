"""Dropout: random elements are set to zero, the rest grows to make up for them."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import ByteArray, FloatArray

__all__ = ["dropout", "dropout_backward"]


def dropout(
    x: FloatArray, p: float, seed: int, *, first_block: int = 0
) -> tuple[FloatArray, ByteArray]:
    """Zero each element with probability p: ``y = x / (1 - p) if kept else 0``.

    Parameters
    ----------
    x : ndarray of float32, any shape
    p : float in [0, 1)
        Probability of a zero.
    seed : int in [0, 2**64)
        Seed of the random numbers, which depend only on it and the element's index.
    first_block : int in [0, 2**64)
        Number of blocks of four elements before `x`, if `x` is a part of a larger array.

    Returns
    -------
    y : ndarray of float32, the shape of `x`
        A dropped element is zero, even where `x` is NaN or infinite.
    kept : ndarray of uint8, the shape of `x`
        1 where the element was kept, 0 where it was dropped.

    Raises
    ------
    TypeError, ValueError
        The array is not float32, or not C-contiguous; p or the seed is not in its range.

    Notes
    -----
    Element i, counted in the order of memory, has the random number i % 4 of block
    ``b = first_block + i // 4`` of Philox4x32-10: the counter is (b, 0), two numbers of 64 bits
    with the lower word first, and the key is the seed, likewise. The element is kept if that 32-bit
    number is at least ``min(round(p * 2**32), 2**32 - 1)``. So the result is the same for any
    number of threads and on any instruction set.

    References
    ----------
    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    JMLR 15, 2014.

    J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2,
    3", SC 2011.
    """
    return of(x).ops.dropout(x, p, seed, first_block)


def dropout_backward(dy: FloatArray, kept: ByteArray, p: float) -> FloatArray:
    """Gradient of `dropout`: ``dx = dy / (1 - p) if kept else 0``.

    Parameters
    ----------
    dy : ndarray of float32, any shape
        Gradient of the loss with respect to the output.
    kept : ndarray of uint8, the shape of `dy`
        As `dropout` returned it; what is not 0 counts as 1.
    p : float in [0, 1)
        As in the forward pass.

    Returns
    -------
    ndarray of float32, the shape of `dy`
        Zero where the element was dropped, even where `dy` is NaN or infinite.

    Raises
    ------
    TypeError, ValueError
        A wrong dtype, or different shapes; p is not in [0, 1).
    """
    return of(dy).ops.dropout_backward(dy, kept, p)
