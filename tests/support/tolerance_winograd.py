"""How far Winograd's convolution may be off: the algorithm itself on absolute values.

Along one axis a tile is ``y = A^T ((G w) * (B^T x))``. Every input reaches an output along paths
through the matrices, each a product of their elements; the paths cancel in exact arithmetic, and
their roundings do not. On any path there are at most n roundings, so

    |computed - exact| <= gamma(n) * |A^T| ((|G| |w| |G^T|) * (|B^T| |x| |B|)) |A|

summed over channels. Counted from csrc/cpu/isa/winograd.hpp, those of the constants among them, for
both axes of a tile: 2 * 5 in B^T, 2 * 4 in G of 3 taps and 2 * 5 of 5 taps, 2 * 5 in A^T, 1 for the
bias, and 1 for each of the C / groups products. The weights' gradient is
``dw = G^T ((A dy) * (B^T x))``: 2 * 5, 2 * 4 in A and 2 * 5 in G^T, and one for each tile.

Whole images that are not finite are computed directly, so there the direct bound holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn.reference.geometry import Array, Axis, conv_axes

U, TINY = 2.0**-24, 2.0**-126

# Absolute values of B^T; of G's rows but for their powers; and of the points, infinity last.
NEAR, FAR = 2 / 3, 3 / 2
BOTH = NEAR**2 + FAR**2
INPUT = np.array(
    [
        [1, 0, BOTH, 0, 1, 0],
        [0, NEAR * FAR**2, FAR**2, NEAR, 1, 0],
        [0, NEAR * FAR**2, FAR**2, NEAR, 1, 0],
        [0, FAR * NEAR**2, NEAR**2, FAR, 1, 0],
        [0, FAR * NEAR**2, NEAR**2, FAR, 1, 0],
        [0, 1, 0, BOTH, 0, 1],
    ]
)
SCALES = np.array([1, 81 / 130, 81 / 130, 8 / 65, 8 / 65, 1])
POINTS = np.array([0, NEAR, NEAR, FAR, FAR])
WINDOW = len(INPUT)  # inputs of a tile along an axis


def _powers(count: int) -> Array:
    """Return powers 0 to count - 1 of each point; for infinity only the last one."""
    powers = POINTS[:, np.newaxis] ** np.arange(count)
    return np.vstack([powers, np.arange(count) == count - 1])


def filter_matrix(taps: int) -> Array:
    """Return G for filters of 3 to 5 taps."""
    return SCALES[:, np.newaxis] * _powers(taps)


def output_matrix(taps: int) -> Array:
    """Return A^T for filters of 3 to 5 taps."""
    return np.asarray(_powers(WINDOW + 1 - taps).T)


# Flushing to zero changes less than enlarging each of a transform's inputs by this would.
FLUSHED = 128 * TINY


def _transform(matrix: Array, tiles: Array) -> Array:
    return np.asarray(np.einsum("ia,...ab,jb->...ij", matrix, tiles, matrix, optimize=True))


def _tiles(
    planes: Array, groups: int, before: tuple[int, ...], out: Any, window: int, tile: int
) -> Array:
    """Return windows of the zero-padded planes, one every `tile` pixels: (N, g, C, y, x, i, j)."""
    picks, inside = [], []
    for size, first, outputs in zip(planes.shape[2:], before, out, strict=True):
        at = np.arange(-(-outputs // tile) * tile + window - tile) - first
        picks.append(np.clip(at, 0, size - 1))
        inside.append((at >= 0) & (at < size))
    padded = np.where(np.outer(*inside), planes[:, :, picks[0][:, np.newaxis], picks[1]], 0)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (window, window), (2, 3))
    windows = windows[:, :, ::tile, ::tile]
    return windows.reshape(len(planes), groups, planes.shape[1] // groups, *windows.shape[2:])


def _correlate(x: Array, w: Array, before: tuple[int, ...], out: tuple[int, int]) -> Array:
    """All paths of x (N, C, H, W) and w (g, K, C, R, R), both non-negative, to the outputs."""
    taps = w.shape[-1]
    tile = WINDOW + 1 - taps
    v = _transform(INPUT, _tiles(x, len(w), before, out, WINDOW, tile))
    m = np.einsum("ngcyxij,gkcij->ngkyxij", v, _transform(filter_matrix(taps), w), optimize=True)
    y = _transform(output_matrix(taps), m).transpose(0, 1, 2, 3, 5, 4, 6)
    rows, columns = y.shape[3] * tile, y.shape[5] * tile
    planes = y.reshape(len(x), w.shape[0] * w.shape[1], rows, columns)
    return np.asarray(planes[:, :, : out[0], : out[1]])


def _correlation_bound(x: Array, w: Array, b: Any, before: tuple[int, ...], out: Any) -> Array:
    terms = w.shape[2] + (30 if w.shape[-1] == 3 else 32)
    flushed = _correlate(np.full_like(x, FLUSHED), w, before, out)
    flushed += _correlate(x, np.full_like(w, FLUSHED), before, out)
    flushed += terms * output_matrix(w.shape[-1]).sum(axis=1).max() ** 2 * TINY
    total = _correlate(x, w, before, out)
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
    return _correlation_bound(x, w.reshape(groups, -1, *w.shape[1:]), b, before, out)


def conv2d_input(
    dy: Array, w: Array, shape: tuple[int, ...], groups: int = 1, **geometry: Any
) -> Array:
    """Backward-input: the filters turned by half a turn, the other channels summed over."""
    visible, before, _ = geometry_of(shape, w.shape, **geometry)
    w = w[:, :, visible[0], visible[1]]
    turned = w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2)[..., ::-1, ::-1]
    turned_before = tuple(w.shape[-1] - 1 - p for p in before)
    return _correlation_bound(dy, turned, None, turned_before, shape[2:])


def conv2d_weight(
    dy: Array, x: Array, shape: tuple[int, ...], groups: int = 1, **geometry: Any
) -> Array:
    """The filters' gradient, zero at taps that are not visible."""
    visible, before, out = geometry_of(x.shape, shape, **geometry)
    taps = visible[0].stop - visible[0].start
    tile = WINDOW + 1 - taps

    def paths(dy: Array, x: Array) -> Array:
        v = _transform(INPUT, _tiles(x, groups, before, out, WINDOW, tile))
        z = _transform(output_matrix(taps).T, _tiles(dy, groups, (0, 0), out, tile, tile))
        u = np.einsum("ngcyxij,ngkyxij->gkcij", v, z, optimize=True)
        bound = np.zeros(shape)
        bound[:, :, visible[0], visible[1]] = _transform(filter_matrix(taps).T, u).reshape(
            *shape[:2], taps, taps
        )
        return bound

    terms = len(x) * -(-out[0] // tile) * -(-out[1] // tile) + 29
    flushed = paths(np.full_like(dy, FLUSHED), x) + paths(dy, np.full_like(x, FLUSHED))
    return np.asarray(terms * U / (1 - terms * U) * paths(dy, x) + flushed + 128 * terms * TINY)
