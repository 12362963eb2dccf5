"""Upsampling by whole numbers, and zero padding."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from pycnn.reference.geometry import Array, IntOrPair, pair

__all__ = ["upsample2d", "upsample2d_backward", "zero_pad2d", "zero_pad2d_backward"]

Sides: TypeAlias = int | tuple[int, int] | tuple[int, int, int, int]
Mix: TypeAlias = list[tuple[Array, Array]]
"""For each output row (or column): which input row, and its weight; once for either side."""


def _mix(size: int, scale: int, align_corners: bool) -> Mix:
    """Input rows on both sides of each output row, with their weights, which add up to 1."""
    out = np.arange(size * scale)
    if align_corners:
        position = out * (size - 1) / max(size * scale - 1, 1)
    else:
        position = np.maximum((out + 0.5) / scale - 0.5, 0)
    first = position.astype(int)
    part = position - first
    return [(first, 1 - part), (np.minimum(first + 1, size - 1), part)]


def _mixes(
    op: str, image: tuple[int, ...], scale_factor: IntOrPair, mode: str, align_corners: bool
) -> tuple[Mix, Mix]:
    scales = pair(scale_factor)
    if mode not in ("nearest", "bilinear") or (align_corners and mode == "nearest"):
        raise ValueError(
            f"[{op}] mode must be 'nearest' or 'bilinear', and align_corners needs 'bilinear', "
            f"got {mode!r}, {align_corners}"
        )
    if min(scales) < 1:
        raise ValueError(f"[{op}] scale_factor must be at least 1, got {scale_factor}")
    if mode == "nearest":
        row, column = (
            [(np.arange(size * scale) // scale, np.ones(size * scale))]
            for size, scale in zip(image, scales, strict=True)
        )
    else:
        row, column = (
            _mix(size, scale, align_corners) for size, scale in zip(image, scales, strict=True)
        )
    return row, column


def upsample2d(
    x: Array, scale_factor: IntOrPair, mode: str = "nearest", align_corners: bool = False
) -> Array:
    """Enlarge images: 'nearest' repeats pixels, 'bilinear' interpolates between the nearest.

    Row p of the output is row ``p // scale`` for 'nearest'. For 'bilinear' it lies at
    ``max((p + 0.5) / scale - 0.5, 0)``, or at ``p (H - 1) / (P - 1)`` with `align_corners`.
    Parameters, results and errors are those of `pycnn.ops.upsample2d`.
    """
    rows, columns = _mixes("upsample2d", x.shape[2:], scale_factor, mode, align_corners)
    between = sum(x[:, :, row] * weight.astype(x.dtype)[:, np.newaxis] for row, weight in rows)
    return np.asarray(
        sum(between[..., column] * weight.astype(x.dtype) for column, weight in columns)
    )


def upsample2d_backward(
    dy: Array,
    input_shape: tuple[int, ...],
    scale_factor: IntOrPair,
    mode: str = "nearest",
    align_corners: bool = False,
) -> Array:
    """Gradient of `upsample2d`: each output passes its gradient back by the same weights.

    Parameters, results and errors are those of `pycnn.ops.upsample2d_backward`.
    """
    rows, columns = _mixes("upsample2d", input_shape[2:], scale_factor, mode, align_corners)
    between = np.zeros((*dy.shape[:3], input_shape[3]), dy.dtype)
    for column, weight in columns:
        for q, share in enumerate(weight):
            between[:, :, :, column[q]] += dy[:, :, :, q] * float(share)
    dx = np.zeros(input_shape, dy.dtype)
    for row, weight in rows:
        for p, share in enumerate(weight):
            dx[:, :, row[p]] += between[:, :, p] * float(share)
    return dx


def _sides(padding: Sides) -> tuple[int, int, int, int]:
    """Spell padding as (top, bottom, left, right)."""
    if isinstance(padding, (tuple, list)) and len(padding) == 4:
        top, bottom, left, right = map(int, padding)
        sides = (top, bottom, left, right)
    else:
        height, width = pair(padding)
        sides = (height, height, width, width)
    if min(sides) < 0:
        raise ValueError(f"[zero_pad2d] padding must not be negative, got {padding}")
    return sides


def zero_pad2d(x: Array, padding: Sides) -> Array:
    """Put zeros around images.

    Parameters, results and errors are those of `pycnn.ops.zero_pad2d`.
    """
    top, bottom, left, right = _sides(padding)
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))


def zero_pad2d_backward(dy: Array, input_shape: tuple[int, ...], padding: Sides) -> Array:
    """Gradient of `zero_pad2d`: the part of `dy` that is not padding.

    Parameters, results and errors are those of `pycnn.ops.zero_pad2d_backward`.
    """
    top, _, left, _ = _sides(padding)
    height, width = input_shape[2:]
    return np.ascontiguousarray(dy[:, :, top : top + height, left : left + width])
