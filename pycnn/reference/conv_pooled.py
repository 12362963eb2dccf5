"""Convolution, ReLU and max pooling in one op: the three of this package, one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn.reference.activation import relu
from pycnn.reference.conv import conv2d, conv2d_backward_input, conv2d_backward_weight
from pycnn.reference.geometry import Array, IntOrPair, Padding
from pycnn.reference.places import Places, placed
from pycnn.reference.pool import max_pool2d, max_pool2d_backward

__all__ = ["conv2d_relu_max_pool2d", "conv2d_relu_max_pool2d_backward"]


def conv2d_relu_max_pool2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    window: IntOrPair,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> tuple[Array, Array]:
    """``max_pool2d(relu(conv2d(x, w, b, ...)), window)``, and the winners.

    Winners are positions in the planes of the convolution, -1 where the ReLU stops the gradient.
    Parameters, results and errors are those of `pycnn.ops.conv2d_relu_max_pool2d` otherwise.
    """
    convolved = conv2d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)
    y, indices = max_pool2d(relu(convolved), window)
    return y, np.where(y <= 0, np.int32(-1), indices)


def conv2d_relu_max_pool2d_backward(
    dy: Array,
    winners: Array,
    x: Array,
    w: Array,
    *,
    window: IntOrPair,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    input_gradient: bool = True,
    out: Places | None = None,
) -> tuple[Array | None, Array, Array]:
    """Gradients of `conv2d_relu_max_pool2d`: input (None if not wanted), filters and bias.

    They are those of `conv2d` for the gradient that `max_pool2d_backward` puts at the winners.
    Parameters, results and errors are those of `pycnn.ops.conv2d_relu_max_pool2d_backward`.
    """
    geometry: dict[str, Any] = {
        "stride": stride, "padding": padding, "dilation": dilation, "groups": groups
    }  # fmt: skip
    shape = conv2d(x, w, **geometry).shape
    passed = np.where(winners < 0, dy.dtype.type(0), dy)
    gradient = max_pool2d_backward(passed, np.maximum(winners, 0), shape)
    dw, db = conv2d_backward_weight(gradient, x, w.shape, **geometry)
    dx = conv2d_backward_input(gradient, w, x.shape, **geometry) if input_gradient else None
    op = "conv2d_relu_max_pool2d_backward"
    return dx, *placed(op, out, dw, db, dy=dy, winners=winners, x=x, weight=w)
