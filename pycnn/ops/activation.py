"""Rectified linear unit and softmax."""

from __future__ import annotations

from pycnn import _core
from pycnn.ops.types import FloatArray


def relu(x: FloatArray) -> FloatArray:
    """Set negative elements to zero: ``y = 0 if x < 0 else x``, so that NaN passes.

    Parameters
    ----------
    x : ndarray of float32, any shape

    Returns
    -------
    ndarray of float32, the shape of `x`

    Raises
    ------
    TypeError, ValueError
        The array is not float32, or not C-contiguous.
    """
    return _core.relu(x)


def relu_backward(dy: FloatArray, y: FloatArray) -> FloatArray:
    """Gradient of `relu`: ``dx = 0 if y <= 0 else dy``.

    Parameters
    ----------
    dy : ndarray of float32, any shape
        Gradient of the loss with respect to the output.
    y : ndarray of float32, the shape of `dy`
        Output of `relu` (its input gives the same gradient).

    Returns
    -------
    ndarray of float32, the shape of `dy`

    Raises
    ------
    TypeError, ValueError
        A wrong dtype, or different shapes.
    """
    return _core.relu_backward(dy, y)


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
    return _core.softmax(x)
