"""Dropout, and the generator of random numbers that chooses what is dropped."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pycnn.reference.geometry import Array

__all__ = ["dropout", "dropout_backward"]

_LOWER = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox4x32(counter: Array, key: Array) -> npt.NDArray[np.uint32]:
    """Philox4x32-10: four random words for each counter.

    A round multiplies two words of the counter, mixes the upper halves of the products with the
    other two words and the key, and permutes.

    Parameters
    ----------
    counter : (..., 4) array of integers
        32-bit words.
    key : (2,) array of integers
        32-bit words.

    Returns
    -------
    (..., 4) array of uint32

    References
    ----------
    J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2,
    3", SC 2011, section 3.
    """
    c0, c1, c2, c3 = np.moveaxis(np.asarray(counter, np.uint64), -1, 0)
    k0, k1 = (int(word) for word in key)
    for _ in range(10):
        product0 = c0 * np.uint64(0xD2511F53)
        product1 = c2 * np.uint64(0xCD9E8D57)
        c0, c1 = (product1 >> _HALF) ^ c1 ^ np.uint64(k0), product1 & _LOWER
        c2, c3 = (product0 >> _HALF) ^ c3 ^ np.uint64(k1), product0 & _LOWER
        # The golden ratio and the square root of 3, each less 1, times 2^32.
        k0 = (k0 + 0x9E3779B9) % 2**32
        k1 = (k1 + 0xBB67AE85) % 2**32
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def random_words(count: int, seed: int, first_block: int = 0) -> npt.NDArray[np.uint32]:
    """Return `count` random words: four a block, from `first_block` on.

    Parameters
    ----------
    count : int
        How many.
    seed : int in [0, 2**64)
        The key, lower word first.
    first_block : int in [0, 2**64)
        Where to begin. Block i has the counter (lower word of i, upper word of i, 0, 0).

    Returns
    -------
    (count,) array of uint32
    """
    block = np.arange(-(-count // 4), dtype=np.uint64) + np.uint64(first_block)
    zero = np.zeros_like(block)
    counter = np.stack([block & _LOWER, block >> _HALF, zero, zero], axis=-1)
    return philox4x32(counter, np.array([seed % 2**32, seed >> 32], np.uint64)).ravel()[:count]


def dropout(
    x: Array, p: float, seed: int, *, first_block: int = 0
) -> tuple[Array, npt.NDArray[np.uint8]]:
    """Zero each element with probability p: ``y = x / (1 - p) if kept else 0``.

    An element is kept if its random word is at least p 2^32, rounded. A dropped NaN is zero.
    Parameters, results and errors are those of `pycnn.ops.dropout`.
    """
    threshold = min(round(p * 2**32), 2**32 - 1)
    kept = (random_words(x.size, seed, first_block) >= threshold).astype(np.uint8).reshape(x.shape)
    return _where_kept(x, kept, p), kept


def dropout_backward(dy: Array, kept: Array, p: float) -> Array:
    """Gradient of `dropout`: ``dx = dy / (1 - p) if kept else 0``.

    Parameters, results and errors are those of `pycnn.ops.dropout_backward`.
    """
    return _where_kept(dy, kept, p)


def _where_kept(x: Array, kept: Array, p: float) -> Array:
    """Return ``x / (1 - p)`` where kept, else 0: a choice, no product, so that no NaN is left."""
    return np.where(kept != 0, x * x.dtype.type(1 / (1 - p)), np.zeros_like(x))
