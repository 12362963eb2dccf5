"""Maximum and average pooling, with PyTorch's rules for padding, `ceil_mode` and divisors."""

from __future__ import annotations

import numpy as np

from pycnn.reference.geometry import Array, Axis, IntOrPair, pad_image, pool_axes, windows

__all__ = ["avg_pool2d", "avg_pool2d_backward", "max_pool2d", "max_pool2d_backward"]


def max_pool2d(
    x: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    ceil_mode: bool = False,
) -> tuple[Array, Array]:
    """Largest element of each window, and where it was.

    Padding never wins. Taps are visited in row order: the first of equal maxima wins, and a NaN
    wins over everything before it (so the last NaN of a window does).
    Parameters, results and errors are those of `pycnn.ops.max_pool2d`.
    """
    height, width = pool_axes(
        "max_pool2d", x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode
    )
    patches = windows(pad_image(x, height, width), height, width)
    best = np.empty(patches.shape[:4], x.dtype)
    indices = np.full(patches.shape[:4], -1, np.int32)
    for r in range(height.kernel):
        for s in range(width.kernel):
            row = (height.first_tap() + r * height.dilation)[:, np.newaxis]
            column = width.first_tap() + s * width.dilation
            inside = (row >= 0) & (row < height.size) & (column >= 0) & (column < width.size)
            value = patches[:, :, :, :, r, s]
            better = (indices < 0) | (value > best) | np.isnan(value)
            best = np.where(inside & better, value, best)
            indices = np.where(inside & better, row * width.size + column, indices)
    if (indices < 0).any():
        raise ValueError(f"[max_pool2d] a window lies wholly in the padding (x: {x.shape})")
    return best, indices.astype(np.int32)


def max_pool2d_backward(dy: Array, indices: Array, input_shape: tuple[int, ...]) -> Array:
    """Gradient of `max_pool2d`: each window's gradient goes to the element that won.

    An element that won several overlapping windows gets the sum.
    Parameters, results and errors are those of `pycnn.ops.max_pool2d_backward`.
    """
    images, channels, height, width = input_shape
    dx = np.zeros((images, channels, height * width), dy.dtype)
    n = np.arange(images)[:, np.newaxis, np.newaxis, np.newaxis]
    c = np.arange(channels)[:, np.newaxis, np.newaxis]
    np.add.at(dx, (n, c, indices), dy)
    return dx.reshape(input_shape)


def _divisor(
    height: Axis, width: Axis, count_include_pad: bool, divisor_override: int | None
) -> Array:
    """Divisor of each window, shape (P, Q).

    A window counts its taps in the image and, with `count_include_pad`, those in the padding: but
    never taps behind the padding, where only a `ceil_mode` window can have some.
    """
    if divisor_override is not None:
        if divisor_override == 0:
            raise ValueError("[avg_pool2d] divisor_override must not be zero")
        return np.full((height.out, width.out), divisor_override)
    counts = []
    for axis in (height, width):
        margin = axis.before if count_include_pad else 0
        start = np.maximum(axis.first_tap(), -margin)
        stop = np.minimum(axis.first_tap() + axis.kernel, axis.size + margin)
        counts.append(stop - start)
    return np.outer(counts[0], counts[1])


def avg_pool2d(
    x: Array,
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Sum of each window divided by its number of elements.

    Parameters, results and errors are those of `pycnn.ops.avg_pool2d`.
    """
    height, width = pool_axes("avg_pool2d", x.shape[2:], kernel_size, stride, padding, 1, ceil_mode)
    divisor = _divisor(height, width, count_include_pad, divisor_override).astype(x.dtype)
    patches = windows(pad_image(x, height, width), height, width)
    return np.asarray(patches.sum(axis=(4, 5)) / divisor)


def avg_pool2d_backward(
    dy: Array,
    input_shape: tuple[int, ...],
    kernel_size: IntOrPair,
    stride: IntOrPair | None = None,
    padding: IntOrPair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """Gradient of `avg_pool2d`: each window passes an equal share to every element under it.

    Parameters, results and errors are those of `pycnn.ops.avg_pool2d_backward`.
    """
    image = (input_shape[2], input_shape[3])
    height, width = pool_axes("avg_pool2d", image, kernel_size, stride, padding, 1, ceil_mode)
    divisor = _divisor(height, width, count_include_pad, divisor_override).astype(dy.dtype)
    share = dy / divisor
    dx = pad_image(np.zeros(input_shape, dy.dtype), height, width)
    for r in range(height.kernel):
        for s in range(width.kernel):
            dx[:, :, height.tap(r), width.tap(s)] += share
    return np.ascontiguousarray(dx[:, :, height.inside(), width.inside()])
