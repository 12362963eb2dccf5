"""Softmax along rows, and its gradient."""

from __future__ import annotations

import numpy as np

from pycnn.reference.geometry import Array


def softmax(x: Array) -> Array:
    """``p[n, j] = exp(x[n, j]) / sum_i exp(x[n, i])`` along the rows of an (N, C) array.

    The maximum of a row is subtracted first, which changes nothing but keeps exp from overflowing.
    """
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def softmax_backward(dy: Array, p: Array) -> Array:
    """Gradient of `softmax`: ``dx[n, j] = p[n, j] (dy[n, j] - sum_i dy[n, i] p[n, i])``.

    Parameters
    ----------
    dy : (N, C) array
        Gradient of the output.
    p : (N, C) array
        What `softmax` returned.

    Returns
    -------
    (N, C) array
        dx.
    """
    return np.asarray(p * (dy - (dy * p).sum(axis=1, keepdims=True)))
