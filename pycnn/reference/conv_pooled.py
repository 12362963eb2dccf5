"""Convolution, ReLU and max pooling in one op: the three of this package, one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn.reference.activation import relu
from pycnn.reference.conv import conv2d, conv2d_backward_input, conv2d_backward_weight
from pycnn.reference.geometry import Array, IntOrPair
from pycnn.reference.places import Places, placed
from pycnn.reference.pool import max_pool2d, max_pool2d_backward

__all__ = ["conv2d_relu_max_pool2d", "conv2d_relu_max_pool2d_backward"]


def conv2d_relu_max_pool2d(
    x: Array, w: Array, b: Array | None = None, *, window: IntOrPair, **geometry: Any
) -> tuple[Array, Array]:
    """Return ``max_pool2d(relu(conv2d(x, w, b, **geometry)), window)``, and the winners.

    Parameters
    ----------
    x, w, b : arrays
        Images, filters and biases, as of `conv2d`.
    window : int or (int, int)
        Size and step of the pooling.
    **geometry
        Of the convolution.

    Returns
    -------
    (N, K, P, Q) array, (N, K, P, Q) int32 array
        Maxima, and their positions in the convolution's planes; -1 where no gradient passes the
        ReLU.
    """
    y, indices = max_pool2d(relu(conv2d(x, w, b, **geometry)), window)
    return y, np.where(y <= 0, np.int32(-1), indices)


def conv2d_relu_max_pool2d_backward(
    dy: Array,
    winners: Array,
    x: Array,
    w: Array,
    *,
    window: IntOrPair,
    input_gradient: bool = True,
    out: Places | None = None,
    **geometry: Any,
) -> tuple[Array | None, Array, Array]:
    """Return the gradients of `conv2d_relu_max_pool2d`: input (None if not wanted), filters, bias.

    Parameters
    ----------
    dy, winners : (N, K, P, Q) arrays
        Gradient of the output, and what the forward pass has returned.
    x, w : arrays
        Of the forward pass.
    window, **geometry
        Of the forward pass.
    input_gradient : bool
        Whether that of the input is wanted.
    out : (array or None, array or None), optional
        Where the gradients of filters and bias are written.

    Returns
    -------
    array or None, array, array
        Shaped as x, w and the bias.
    """
    shape = conv2d(x, w, **geometry).shape
    passed = np.where(winners < 0, dy.dtype.type(0), dy)
    gradient = max_pool2d_backward(passed, np.maximum(winners, 0), shape)
    dw, db = conv2d_backward_weight(gradient, x, w.shape, **geometry)
    dx = conv2d_backward_input(gradient, w, x.shape, **geometry) if input_gradient else None
    op = "conv2d_relu_max_pool2d_backward"
    return dx, *placed(op, out, dw, db, dy=dy, winners=winners, x=x, weight=w)
