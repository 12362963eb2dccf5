"""The rectifier and its gradient."""

from __future__ import annotations

import numpy as np

from pycnn.reference.geometry import Array


def relu(x: Array) -> Array:
    """``y = 0 where x < 0, else x``; so NaN passes through.

    Parameters
    ----------
    x : array
        Any shape.

    Returns
    -------
    array
        Same shape.
    """
    return np.where(x < 0, np.zeros_like(x), x)


def relu_backward(dy: Array, y: Array) -> Array:
    """Gradient of `relu`: ``dx = 0 where y <= 0, else dy``.

    Parameters
    ----------
    dy : array
        Gradient of the output.
    y : array
        What `relu` returned (its input would give the same result).

    Returns
    -------
    array
        dx.
    """
    return np.where(y <= 0, np.zeros_like(dy), dy)
