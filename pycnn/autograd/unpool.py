"""Pooling that says where the maxima were, and putting numbers back there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn import ops
from pycnn.autograd.graph import Needs
from pycnn.autograd.shaping import reshape
from pycnn.autograd.value import Value, new, record

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


def max_pool2d_with_indices(x: Value, geometry: tuple[Any, ...]) -> tuple[Tensor, Tensor]:
    """Return the largest element of each window, and its position ``h * W + w``; int64."""
    whole = x.array.shape
    if len(whole) == 3:
        y, found = max_pool2d_with_indices(reshape(x, 1, *whole), geometry)
        return reshape(y, y.shape[1:]), reshape(found, found.shape[1:])
    array, places = ops.max_pool2d(x.array, *geometry)
    pooled = record(
        "max_pool2d", (x,), array, lambda needs, dy: (ops.max_pool2d_backward(dy, places, whole),)
    )
    return pooled, new(x.backend.astype(places, np.int64))


def unpool2d(
    x: Value, indices: Value, kernel_size: Any, stride: Any, padding: Any, output_size: Any
) -> Tensor:
    """Put the numbers of (..., P, Q) where `indices` say in planes of zeros (..., H, W).

    Without `output_size` the planes are as large as windows that fit exactly. Of several numbers at
    one place the last one stays.

    Raises
    ------
    ValueError
        If the shapes differ, or an index lies outside of the plane.
    """
    shape = tuple(x.array.shape)
    if tuple(indices.array.shape) != shape or len(shape) not in (3, 4):
        raise ValueError(
            f"[max_unpool2d] needs (N, C, H, W) or (C, H, W) and indices of its shape "
            f"(x: {shape}, indices: {tuple(indices.array.shape)})"
        )
    if output_size is None:
        kernel, step, border = (
            (n, n) if isinstance(n, int) else tuple(n)
            for n in (kernel_size, kernel_size if stride is None else stride, padding)
        )
        output_size = [
            (n - 1) * s - 2 * p + w
            for n, s, p, w in zip(shape[-2:], step, border, kernel, strict=True)
        ]
    height, width = tuple(output_size)[-2:]
    k = x.backend
    flat = (math.prod(shape[:-2]), shape[-2] * shape[-1])
    places = k.to_numpy(indices.array).reshape(flat)
    if places.size and not 0 <= places.min() <= places.max() < height * width:
        raise ValueError(
            f"[max_unpool2d] an index lies outside of planes of {height} x {width} pixels"
        )
    planes = np.zeros((flat[0], height * width), x.array.dtype)
    np.put_along_axis(planes, places, k.to_numpy(x.array).reshape(flat), 1)

    def pull(needs: Needs, dy: Any) -> tuple[Any]:
        lines = k.to_numpy(dy).reshape(planes.shape)
        return (k.from_numpy(np.take_along_axis(lines, places, 1).reshape(shape)),)

    whole = (*shape[:-2], height, width)
    return record("max_unpool2d", (x,), k.from_numpy(planes.reshape(whole)), pull)
