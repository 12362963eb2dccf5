r"""Two-dimensional convolution (cross-correlation) and its three gradients.

Index letters, here and everywhere in pycnn: image n, input channel c, output channel k,
filter tap (r, s), output pixel (p, q), group g. With strides (u, v), dilations (d, e) and padding
(top, left), and with x = 0 outside the image,

.. math:: y_{nkpq} = b_k + \sum_{crs} x_{n,c,\,pu + rd - top,\,qv + se - left}\; w_{kcrs}.
"""

from __future__ import annotations

import numpy as np

from pycnn.reference.activation import relu
from pycnn.reference.geometry import (
    Array,
    Axis,
    IntOrPair,
    Padding,
    conv_axes,
    pad_image,
    windows,
)
from pycnn.reference.places import Places, placed

__all__ = ["conv2d", "conv2d_backward_input", "conv2d_backward_weight", "conv2d_relu"]


def _channels_of_group(g: int, groups: int, channels: int) -> slice:
    """Channels of group `g` when `channels` are split evenly into `groups`."""
    size = channels // groups
    return slice(g * size, (g + 1) * size)


def _axes(
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    stride: IntOrPair,
    padding: Padding,
    dilation: IntOrPair,
    groups: int,
) -> tuple[Axis, Axis]:
    """Check that the channels fit together and place the windows."""
    _, channels, height, width = input_shape
    outputs, group_channels, taps_high, taps_wide = weight_shape
    if groups < 1 or channels % groups or outputs % groups:
        raise ValueError(
            f"[conv2d] groups = {groups} does not divide {channels} input and {outputs} "
            f"output channels"
        )
    if group_channels * groups != channels:
        raise ValueError(
            f"[conv2d] weight has {group_channels * groups} input channels, x has {channels} "
            f"(x: {input_shape}, weight: {weight_shape})"
        )
    return conv_axes((height, width), (taps_high, taps_wide), stride, padding, dilation)


def conv2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Array:
    """Convolve images with filters: see the formula at the top of this file.

    Parameters, results and errors are those of `pycnn.ops.conv2d`.
    """
    height, width = _axes(x.shape, w.shape, stride, padding, dilation, groups)
    patches = windows(pad_image(x, height, width), height, width)
    y = np.empty((x.shape[0], w.shape[0], height.out, width.out), x.dtype)
    for g in range(groups):
        c = _channels_of_group(g, groups, x.shape[1])
        k = _channels_of_group(g, groups, w.shape[0])
        y[:, k] = np.einsum("ncpqrs,kcrs->nkpq", patches[:, c], w[k], optimize=True)
    return y if b is None else y + b[:, np.newaxis, np.newaxis]


def conv2d_relu(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Array:
    """``relu(conv2d(...))``.

    Parameters, results and errors are those of `pycnn.ops.conv2d_relu`.
    """
    return relu(conv2d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups))


def conv2d_backward_input(
    dy: Array,
    w: Array,
    input_shape: tuple[int, ...],
    *,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Array:
    """Gradient of `conv2d` with respect to `x`.

    Each output pixel passes its gradient back to the input pixels under its window:
    ``dx[n, c, pu + rd - top, qv + se - left] += sum_k dy[n, k, p, q] w[k, c, r, s]``
    for all p, q, r, s; shares that fall on the padding are dropped.
    Parameters, results and errors are those of `pycnn.ops.conv2d_backward_input`.
    """
    height, width = _axes(input_shape, w.shape, stride, padding, dilation, groups)
    dx = pad_image(np.zeros(input_shape, dy.dtype), height, width)
    for g in range(groups):
        c = _channels_of_group(g, groups, input_shape[1])
        k = _channels_of_group(g, groups, w.shape[0])
        for r in range(height.kernel):
            for s in range(width.kernel):
                dx[:, c, height.tap(r), width.tap(s)] += np.einsum(
                    "nkpq,kc->ncpq", dy[:, k], w[k, :, r, s], optimize=True
                )
    return np.ascontiguousarray(dx[:, :, height.inside(), width.inside()])


def conv2d_backward_weight(
    dy: Array,
    x: Array,
    weight_shape: tuple[int, ...],
    *,
    stride: IntOrPair = 1,
    padding: Padding = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
    out: Places | None = None,
) -> tuple[Array, Array]:
    """Gradients of `conv2d` with respect to the filters and the bias.

    ``dw[k, c, r, s] = sum_npq dy[n, k, p, q] x[n, c, pu + rd - top, qv + se - left]`` and
    ``db[k] = sum_npq dy[n, k, p, q]``.
    Parameters, results and errors are those of `pycnn.ops.conv2d_backward_weight`.
    """
    height, width = _axes(x.shape, weight_shape, stride, padding, dilation, groups)
    patches = windows(pad_image(x, height, width), height, width)
    dw = np.empty(weight_shape, dy.dtype)
    for g in range(groups):
        c = _channels_of_group(g, groups, x.shape[1])
        k = _channels_of_group(g, groups, weight_shape[0])
        dw[k] = np.einsum("nkpq,ncpqrs->kcrs", dy[:, k], patches[:, c], optimize=True)
    return placed("conv2d_backward_weight", out, dw, dy.sum(axis=(0, 2, 3)), dy=dy, x=x)
