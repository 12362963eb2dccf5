"""Softmax along rows, its logarithm, and their gradients."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray

__all__ = ["log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


def softmax(x: FloatArray) -> FloatArray:
    """Turn rows of scores into probabilities: ``p[i,j] = exp(x[i,j]) / sum over k of exp(x[i,k])``.

    Parameters
    ----------
    x : ndarray of float32, shape (N, C)

    Returns
    -------
    ndarray of float32, shape (N, C)

    Raises
    ------
    TypeError, ValueError
        A wrong dtype or rank, or no column.

    Notes
    -----
    The row's maximum is subtracted first, so that nothing overflows.
    """
    return of(x).ops.softmax(x)


def softmax_backward(dy: FloatArray, p: FloatArray) -> FloatArray:
    """Gradient of `softmax`: ``dx[i,j] = p[i,j] (dy[i,j] - sum over k of dy[i,k] p[i,k])``.

    Parameters
    ----------
    dy : ndarray of float32, shape (N, C)
        Gradient of the loss with respect to the output.
    p : ndarray of float32, shape (N, C)
        Output of `softmax`.

    Returns
    -------
    ndarray of float32, shape (N, C)

    Raises
    ------
    TypeError, ValueError
        A wrong dtype or rank, different shapes, or no column.
    """
    return of(dy).ops.softmax_backward(dy, p)


def log_softmax(x: FloatArray) -> FloatArray:
    """Logarithm of the softmax: ``y[i,j] = x[i,j] - log(sum over k of exp(x[i,k]))``.

    Parameters
    ----------
    x : ndarray of float32, shape (N, C)

    Returns
    -------
    ndarray of float32, shape (N, C)

    Raises
    ------
    TypeError, ValueError
        A wrong dtype or rank, or no column.

    Notes
    -----
    Unlike ``log(softmax(x))`` it neither overflows nor underflows.
    """
    return of(x).ops.log_softmax(x)


def log_softmax_backward(dy: FloatArray, y: FloatArray) -> FloatArray:
    """Gradient of `log_softmax`: ``dx[i,j] = dy[i,j] - exp(y[i,j]) * sum over k of dy[i,k]``.

    Parameters
    ----------
    dy : ndarray of float32, shape (N, C)
        Gradient of the loss with respect to the output.
    y : ndarray of float32, shape (N, C)
        Output of `log_softmax`.

    Returns
    -------
    ndarray of float32, shape (N, C)

    Raises
    ------
    TypeError, ValueError
        A wrong dtype or rank, different shapes, or no column.
    """
    return of(dy).ops.log_softmax_backward(dy, y)
