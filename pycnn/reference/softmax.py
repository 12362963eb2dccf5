"""Softmax along rows, its logarithm, and their gradients."""

from __future__ import annotations

import numpy as np

from pycnn.reference.geometry import Array

__all__ = ["log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


def softmax(x: Array) -> Array:
    """``p[n, j] = exp(x[n, j]) / sum_i exp(x[n, i])``.

    The maximum of a row is subtracted first, which changes nothing but keeps exp from overflowing.
    Parameters, results and errors are those of `pycnn.ops.softmax`.
    """
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def softmax_backward(dy: Array, p: Array) -> Array:
    """Gradient of `softmax`: ``dx[n, j] = p[n, j] (dy[n, j] - sum_i dy[n, i] p[n, i])``.

    Parameters, results and errors are those of `pycnn.ops.softmax_backward`.
    """
    return np.asarray(p * (dy - (dy * p).sum(axis=1, keepdims=True)))


def log_softmax(x: Array) -> Array:
    """``y[n, j] = log p[n, j]``, without the underflow of ``log(softmax(x))``.

    Parameters, results and errors are those of `pycnn.ops.log_softmax`.
    """
    shifted = x - x.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def log_softmax_backward(dy: Array, y: Array) -> Array:
    """Gradient of `log_softmax`: ``dx[n, j] = dy[n, j] - exp(y[n, j]) sum_i dy[n, i]``.

    Parameters, results and errors are those of `pycnn.ops.log_softmax_backward`.
    """
    return np.asarray(dy - np.exp(y) * dy.sum(axis=1, keepdims=True))
