"""How far Winograd's convolution along one axis may be off: see `support.tolerance_winograd`.

Filters are as wide as the image, so a tile is ``y = A^T ((G w) * (B^T x))`` for each number of a
row, summed over the row. On any path there are at most n roundings: 5 in B^T, 5 in G, 5 in A^T, 1
for the bias, and 1 for each number. The gradient ``dw = G^T ((A dy) * (B^T x))`` has 5, 4 and 5,
and one for each tile.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn.reference.geometry import Array
from support.tolerance_winograd import FLUSHED, TINY, U, geometry_of
from support.winograd_matrices import INPUT, WINDOW, filter_matrix, output_matrix


def _tiles(rows: Array, before: int, count: int, window: int, step: int) -> Array:
    """Return windows of zero-padded rows (N, H, D), one every `step`: (N, tile, i, D)."""
    at = np.arange(count)[:, np.newaxis] * step + np.arange(window) - before
    inside = (at >= 0) & (at < rows.shape[1])
    picked = rows[:, np.clip(at, 0, rows.shape[1] - 1)]
    return np.asarray(np.where(inside[..., np.newaxis], picked, 0))


def _correlate(x: Array, w: Array, before: int, out: int) -> Array:
    """All paths of rows x (N, H, D) and filters w (K, R, D), both non-negative: (N, out, K)."""
    taps = w.shape[1]
    tile = WINDOW + 1 - taps
    v = np.einsum("ij,ntjd->ntid", INPUT, _tiles(x, before, -(-out // tile), WINDOW, tile))
    u = np.einsum("ir,krd->ikd", filter_matrix(taps), w)
    m = np.einsum("ntid,ikd->ntik", v, u, optimize=True)
    y = np.einsum("ai,ntik->ntak", output_matrix(taps), m)
    return np.asarray(y.reshape(len(x), y.shape[1] * tile, len(w))[:, :out])


def _bound(x: Array, w: Array, before: int, out: int, bias: Array | float) -> Array:
    terms = w.shape[2] + 16
    flushed = _correlate(np.full_like(x, FLUSHED), w, before, out)
    flushed += _correlate(x, np.full_like(w, FLUSHED), before, out)
    flushed += terms * output_matrix(w.shape[1]).sum(axis=1).max() * TINY
    total = _correlate(x, w, before, out) + bias
    return np.asarray(terms * U / (1 - terms * U) * total + flushed)


def conv2d(x: Array, w: Array, b: Array | None, **geometry: Any) -> Array:
    """Forward, of absolute values."""
    visible, before, out = geometry_of(x.shape, w.shape, **geometry)
    bias = 0.0 if b is None else b
    bound = _bound(x[:, 0], w[:, 0, visible[0]], before[0], out[0], bias)
    return np.asarray(bound.swapaxes(1, 2)[..., np.newaxis])


def conv2d_input(dy: Array, w: Array, shape: tuple[int, ...], **geometry: Any) -> Array:
    """Backward-input: the flipped filters, whose sum runs over the filters."""
    visible, before, _ = geometry_of(shape, w.shape, **geometry)
    taps = w[:, 0, visible[0]]
    turned = taps[:, ::-1].transpose(2, 1, 0)
    rows = dy[..., 0].swapaxes(1, 2)
    bound = _bound(rows, turned, taps.shape[1] - 1 - before[0], shape[2], 0.0)
    return np.asarray(bound[:, np.newaxis])


def conv2d_weight(dy: Array, x: Array, shape: tuple[int, ...], **geometry: Any) -> Array:
    """The filters' gradient, zero at taps that are not visible."""
    visible, before, out = geometry_of(x.shape, shape, **geometry)
    taps = visible[0].stop - visible[0].start
    tile = WINDOW + 1 - taps
    count = -(-out[0] // tile)

    def paths(dy: Array, x: Array) -> Array:
        v = np.einsum("ij,ntjd->ntid", INPUT, _tiles(x[:, 0], before[0], count, WINDOW, tile))
        rows = _tiles(dy[..., 0].swapaxes(1, 2), 0, count, tile, tile)
        z = np.einsum("ai,ntak->ntik", output_matrix(taps), rows)
        u = np.einsum("ntid,ntik->kid", v, z, optimize=True)
        bound = np.zeros(shape)
        bound[:, 0, visible[0]] = np.einsum("ir,kid->krd", filter_matrix(taps), u)
        return bound

    terms = len(x) * count + 15
    flushed = paths(np.full_like(dy, FLUSHED), x) + paths(dy, np.full_like(x, FLUSHED))
    return np.asarray(terms * U / (1 - terms * U) * paths(dy, x) + flushed + 128 * terms * TINY)
