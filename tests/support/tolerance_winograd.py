"""How far Winograd's convolution may be off: the algorithm itself on absolute values.

Along one axis a tile is ``y = A^T ((G w) * (B^T x))``. Every input reaches an output along paths
through the matrices, each a product of their elements; the paths cancel in exact arithmetic, and
their roundings do not. On any path there are at most n roundings, so

    |computed - exact| <= gamma(n) * |A^T| ((|G| |w| |G^T|) * (|B^T| |x| |B|)) |A|

summed over channels. Counted from csrc/cpu/isa/winograd.hpp, those of the constants among them, for
both axes of a tile: 2 * 5 in B^T, 2 * 4 in G of 3 taps and 2 * 5 of 5 taps, 2 * 5 in A^T, 1 for the
bias, and 1 for each of the C / groups products. The weights' gradient is
``dw = G^T ((A dy) * (B^T x))``: 2 * 5, 2 * 4 in A and 2 * 5 in G^T, and one for each tile.

With a stride of 2 (csrc/cpu/isa/winograd_strided.hpp) no matrix has more, and a sum of the forward
pass has up to four products of each channel.

Whole images that are not finite are computed directly, so there the direct bound holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn.reference.geometry import Array, Axis, conv_axes
from support import winograd_matrices
from support.winograd_matrices import Transforms

U, TINY = 2.0**-24, 2.0**-126

# Flushing to zero changes less than enlarging each of a transform's inputs by this would.
FLUSHED = 128 * TINY


def _transform(matrix: Array, tiles: Array) -> Array:
    return np.asarray(np.einsum("ia,...ab,jb->...ij", matrix, tiles, matrix, optimize=True))


def _tiles(
    planes: Array, groups: int, before: tuple[int, ...], counts: Any, window: int, step: int
) -> Array:
    """Return windows of the zero-padded planes, one every `step` pixels: (N, g, C, y, x, i, j)."""
    picks, inside = [], []
    for size, first, count in zip(planes.shape[2:], before, counts, strict=True):
        at = np.arange((count - 1) * step + window) - first
        picks.append(np.clip(at, 0, size - 1))
        inside.append((at >= 0) & (at < size))
    padded = np.where(np.outer(*inside), planes[:, :, picks[0][:, np.newaxis], picks[1]], 0)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (window, window), (2, 3))
    windows = windows[:, :, ::step, ::step]
    return windows.reshape(len(planes), groups, planes.shape[1] // groups, *windows.shape[2:])


def _counts(out: Any, t: Transforms) -> list[int]:
    """Return how many tiles cover the outputs along both axes."""
    return [-(-outputs // len(t.output)) for outputs in out]


def _correlate(x: Array, w: Array, before: tuple[int, ...], out: Any, t: Transforms) -> Array:
    """All paths of x (N, C, H, W) and w (g, K, C, R, R), both non-negative, to the outputs."""
    tiles = _tiles(x, len(w), before, _counts(out, t), t.input.shape[1], t.step)
    v, u = _transform(t.input, tiles), _transform(t.filter, w)
    m = np.einsum("ngcyxij,gkcij->ngkyxij", v, u, optimize=True)
    y = _transform(t.output, m).transpose(0, 1, 2, 3, 5, 4, 6)
    rows, columns = y.shape[3] * y.shape[4], y.shape[5] * y.shape[6]
    planes = y.reshape(len(x), w.shape[0] * w.shape[1], rows, columns)
    return np.asarray(planes[:, :, : out[0], : out[1]])


def _correlation_bound(
    x: Array, w: Array, b: Any, before: tuple[int, ...], out: Any, t: Transforms
) -> Array:
    terms = t.terms * w.shape[2] + (30 if w.shape[-1] == 3 else 32)
    flushed = _correlate(np.full_like(x, FLUSHED), w, before, out, t)
    flushed += _correlate(x, np.full_like(w, FLUSHED), before, out, t)
    flushed += terms * t.output.sum(axis=1).max() ** 2 * TINY
    total = _correlate(x, w, before, out, t)
    if b is not None:
        total += b[:, np.newaxis, np.newaxis]
    return np.asarray(terms * U / (1 - terms * U) * total + flushed)


def _visible(axis: Axis) -> slice:
    """Return the taps that meet an element of the input for some output."""
    taps = [
        r
        for r in range(axis.kernel)
        if r - axis.before < axis.size and axis.out - 1 + r - axis.before >= 0
    ]
    return slice(taps[0], taps[-1] + 1)


def _stride(geometry: Any, out: tuple[int, ...]) -> int:
    """Return the stride, the same along both axes, or 1 where there is a single output."""
    strides = np.broadcast_to(geometry.get("stride", 1), 2)
    return min(int(s) if outputs > 1 else 1 for s, outputs in zip(strides, out, strict=True))


def geometry_of(
    shape: tuple[int, ...], taps: tuple[int, ...], **geometry: Any
) -> tuple[tuple[slice, slice], tuple[int, ...], tuple[int, ...]]:
    """Return the visible taps of both axes, the zeros they see before the input, output sizes."""
    axes = conv_axes(
        (shape[2], shape[3]),
        (taps[2], taps[3]),
        geometry.get("stride", 1),
        geometry.get("padding", 0),
        geometry.get("dilation", 1),
    )
    visible = _visible(axes[0]), _visible(axes[1])
    before = tuple(axis.before - taps.start for axis, taps in zip(axes, visible, strict=True))
    return visible, before, tuple(axis.out for axis in axes)


def conv2d(x: Array, w: Array, b: Array | None, groups: int = 1, **geometry: Any) -> Array:
    """Forward, of absolute values."""
    visible, before, out = geometry_of(x.shape, w.shape, **geometry)
    w = w[:, :, visible[0], visible[1]]
    t = winograd_matrices.forward(w.shape[-1], _stride(geometry, out))
    return _correlation_bound(x, w.reshape(groups, -1, *w.shape[1:]), b, before, out, t)


def conv2d_input(
    dy: Array, w: Array, shape: tuple[int, ...], groups: int = 1, **geometry: Any
) -> Array:
    """Backward-input: the filters turned by half a turn, the other channels summed over."""
    visible, before, outputs = geometry_of(shape, w.shape, **geometry)
    w = w[:, :, visible[0], visible[1]]
    turned = w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2)[..., ::-1, ::-1]
    stride, taps = _stride(geometry, outputs), w.shape[-1]
    t = winograd_matrices.backward_input(taps, stride)
    # A tile of stride 2 begins with a middle tap, where row + padding is odd.
    rows, columns = ((p + 1) % 2 if stride == 2 else 0 for p in before)
    zeros = tuple(
        (extra + 1 - p) // 2 if stride == 2 else taps - 1 - p
        for extra, p in zip((rows, columns), before, strict=True)
    )
    out = shape[2] + rows, shape[3] + columns
    return _correlation_bound(dy, turned, None, zeros, out, t)[:, :, rows:, columns:]


def conv2d_weight(
    dy: Array, x: Array, shape: tuple[int, ...], groups: int = 1, **geometry: Any
) -> Array:
    """The filters' gradient, zero at taps that are not visible."""
    visible, before, out = geometry_of(x.shape, shape, **geometry)
    taps = visible[0].stop - visible[0].start
    t = winograd_matrices.forward(taps, _stride(geometry, out))
    counts, tile = _counts(out, t), len(t.output)

    def paths(dy: Array, x: Array) -> Array:
        v = _transform(t.input, _tiles(x, groups, before, counts, t.input.shape[1], t.step))
        z = _transform(t.output.T, _tiles(dy, groups, (0, 0), counts, tile, tile))
        u = np.einsum("ngcyxij,ngkyxij->gkcij", v, z, optimize=True)
        bound = np.zeros(shape)
        bound[:, :, visible[0], visible[1]] = _transform(t.filter.T, u).reshape(
            *shape[:2], taps, taps
        )
        return bound

    terms = len(x) * counts[0] * counts[1] + 29
    flushed = paths(np.full_like(dy, FLUSHED), x) + paths(dy, np.full_like(x, FLUSHED))
    return np.asarray(terms * U / (1 - terms * U) * paths(dy, x) + flushed + 128 * terms * TINY)
