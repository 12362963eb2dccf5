"""Pooling to a given output size: windows share the image out among the outputs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pycnn.reference.geometry import Array, IntOrPair, pair

__all__ = ["adaptive_avg_pool2d", "adaptive_avg_pool2d_backward", "adaptive_max_pool2d"]


def _windows(
    image: tuple[int, ...], output_size: tuple[int, int]
) -> Iterator[tuple[int, int, slice, slice]]:
    """Output (p, q) with its rows and columns ``floor(i H / P) .. ceil((i + 1) H / P) - 1``."""
    if min(*image, *output_size) < 1:
        raise ValueError(
            f"[adaptive_pool2d] sizes must be at least 1 (image: {image}, output: {output_size})"
        )
    rows, columns = (
        [slice(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]
        for size, out in zip(image, output_size, strict=True)
    )
    for p, row in enumerate(rows):
        for q, column in enumerate(columns):
            yield p, q, row, column


def adaptive_avg_pool2d(x: Array, output_size: IntOrPair) -> Array:
    """``y[n, c, p, q]`` is the mean of window (p, q).

    Parameters, results and errors are those of `pycnn.ops.adaptive_avg_pool2d`.
    """
    y = np.empty((*x.shape[:2], *pair(output_size)), x.dtype)
    for p, q, row, column in _windows(x.shape[2:], pair(output_size)):
        y[:, :, p, q] = x[:, :, row, column].mean(axis=(2, 3))
    return y


def adaptive_avg_pool2d_backward(dy: Array, input_shape: tuple[int, ...]) -> Array:
    """Gradient of `adaptive_avg_pool2d`: every element of a window gets an equal share.

    Parameters, results and errors are those of `pycnn.ops.adaptive_avg_pool2d_backward`.
    """
    dx = np.zeros(input_shape, dy.dtype)
    for p, q, row, column in _windows(input_shape[2:], (dy.shape[2], dy.shape[3])):
        window = dx[:, :, row, column]
        window += dy[:, :, p : p + 1, q : q + 1] / (window.shape[2] * window.shape[3])
    return dx


def adaptive_max_pool2d(x: Array, output_size: IntOrPair) -> tuple[Array, Array]:
    """Largest element of each window, and where it was; ties and NaN as in `max_pool2d`.

    Parameters, results and errors are those of `pycnn.ops.adaptive_max_pool2d`.
    """
    y = np.empty((*x.shape[:2], *pair(output_size)), x.dtype)
    indices = np.empty(y.shape, np.int32)
    positions = np.arange(x.shape[2] * x.shape[3]).reshape(x.shape[2:])
    for p, q, row, column in _windows(x.shape[2:], pair(output_size)):
        window = x[:, :, row, column].reshape(*x.shape[:2], positions[row, column].size)
        best, at = window[:, :, 0], np.zeros(x.shape[:2], int)
        for tap in range(1, window.shape[2]):
            value = window[:, :, tap]
            better = (value > best) | np.isnan(value)
            best, at = np.where(better, value, best), np.where(better, tap, at)
        y[:, :, p, q] = best
        indices[:, :, p, q] = positions[row, column].ravel()[at]
    return y, indices
