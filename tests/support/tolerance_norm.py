"""Bounds for the ops that work channel by channel, and for squared distances; see `tolerance`.

Sums over a channel are taken in double: of n numbers they are off by gamma64(n) = n 2^-53 of the
sum of absolute values, which is granted twice, for the reference adds in double, too. What is
left are the roundings of a few float32 operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pycnn import reference
from pycnn.reference.geometry import Array
from support.tolerance import TINY, gamma

PIXELS = (0, 2, 3)


def per_channel(values: Array) -> Array:
    return values[:, np.newaxis, np.newaxis]


def in_double(terms: float, total: Array) -> Array:
    """Return twice the bound of a double sum of `terms` numbers with magnitudes `total`."""
    return np.asarray((terms + 8) * 2.0**-52 * total)


def count(x: Array) -> int:
    return int(x.size // x.shape[1])


def channel_affine(x: Array, scale: Array, shift: Array) -> Array:
    """A product and a sum."""
    total = reference.channel_affine(np.abs(x), np.abs(scale), np.abs(shift))
    return np.asarray(gamma(2) * total + (2 + per_channel(np.abs(scale))) * TINY)


def channel_affine_backward(dy: Array, x: Array, scale: Array) -> tuple[Array, ...]:
    """A product; and sums of exact products in double, each rounded once at the end."""
    exact = reference.channel_affine_backward(dy, x, scale)
    total = reference.channel_affine_backward(np.abs(dy), np.abs(x), np.abs(scale))
    flushed = TINY * (1 + np.abs(dy).sum(axis=PIXELS) + np.abs(x).sum(axis=PIXELS))
    sums = (
        gamma(1) * np.abs(e) + in_double(count(x), t) + flushed
        for e, t in zip(exact[1:], total[1:], strict=True)
    )
    return gamma(1) * total[0] + TINY * (1 + per_channel(np.abs(scale))), *sums


def batch_norm2d(x: Array, weight: Any, bias: Any, eps: float) -> tuple[Array, ...]:
    """Return bounds for y, mean, var and inv_std.

    The double mean is off by `d`. The variance is that of the sum of squares less the square of the
    mean, which is 16 var at most; or the sum of squares is taken around a mean rounded to float32,
    m (var + r^2), and corrected. Each result is then rounded once. In ``(x - mean) * scale + bias``
    the float mean has an error of its own, which scale multiplies; 1 / std and scale are rounded
    once each, and so are the three operations.
    """
    _, mean, var, inv_std = reference.batch_norm2d(x, weight, bias, eps)
    m = count(x)
    error_double = in_double(m, np.abs(x).mean(axis=PIXELS)) + TINY
    error_mean = gamma(1) * np.abs(mean) + error_double
    far = np.minimum(16 * var, mean**2) + (gamma(1) * mean) ** 2
    error_var64 = in_double(m, var + far + 2 * error_mean**2) + 2 * error_double * (
        error_double + np.sqrt(far) + 2.0**-52 * np.sqrt(var)
    )
    error_var = gamma(1) * var + error_var64 + TINY
    relative = error_var64 / (2 * (var + eps)) + 2.0**-51
    error_inv_std = (gamma(1) + relative) * inv_std + TINY
    scale = inv_std if weight is None else np.abs(weight) * inv_std
    shift = np.zeros_like(mean) if bias is None else np.abs(bias)
    spread = np.abs(x - per_channel(mean))
    error_y = gamma(6) * (spread * per_channel(scale) + per_channel(shift))
    error_y += per_channel(scale) * (spread * per_channel(relative))
    error_y += per_channel(scale * (1.001 * error_mean + 4 * TINY)) + 4 * TINY
    return error_y, error_mean, error_var, error_inv_std


def batch_norm2d_backward(
    dy: Array, x: Array, weight: Any, mean: Array, inv_std: Array
) -> tuple[Array, ...]:
    """Return bounds for dx, dweight and dbias, with mean and inv_std as exact inputs.

    dx = dy scale - (x - mean) slope - offset: each scalar is rounded once, and five operations.
    """
    m = count(x)
    deviation = x - per_channel(mean)
    weights = np.ones_like(mean) if weight is None else np.abs(weight)
    scale = weights * inv_std
    sums, totals = [], []
    for factor in (1.0, deviation):
        sums.append(np.abs((dy * factor).sum(axis=PIXELS)))
        totals.append(in_double(m, np.abs(dy * factor).sum(axis=PIXELS)))
        totals[-1] += TINY * (m + np.abs(dy).sum(axis=PIXELS) + np.abs(x).sum(axis=PIXELS))
    slope, offset = (scale * inv_std**2 / m, scale / m) if m else (0 * scale, 0 * scale)
    parts = np.abs(dy) * per_channel(scale) + np.abs(deviation) * per_channel(slope * sums[1])
    error_dx = gamma(6) * (parts + per_channel(offset * sums[0]))
    error_dx += np.abs(deviation) * per_channel(slope * totals[1]) + per_channel(offset * totals[0])
    error_dx += 4 * TINY * (1 + per_channel(scale + slope * sums[1]) + np.abs(deviation))
    error_dweight = inv_std * (gamma(2) * sums[1] + totals[1]) + TINY
    return error_dx, error_dweight, gamma(1) * sums[0] + totals[0] + TINY


def batch_norm_spread(
    x: Array, parts: Sequence[slice], weight: Any, bias: Any, eps: float
) -> tuple[Array, ...]:
    """Return bounds for y, mean, var and inv_std if each part is first normalised by itself.

    The mean of a part is rounded to float32, off by `error_mean`; so is its variance. All else is
    done in double, and rounded once. Between the parts the variance is that of their means: what
    they are off by counts with their distance. y is the part's own result, of four roundings, times
    a factor and plus an offset, which are rounded once each, as are product and sum.
    """
    _, mean, var, inv_std = reference.batch_norm2d(x, weight, bias, eps)
    means = np.array([x[part].mean(axis=PIXELS) for part in parts])
    error_mean = gamma(2) * np.abs(means).max(axis=0) + TINY
    distance = np.abs(means - mean).max(axis=0)
    error_var = gamma(3) * var + 2 * error_mean * (2 * distance + 2 * error_mean)
    error_var += in_double(count(x), (x**2).mean(axis=PIXELS)) + TINY
    relative = error_var / (2 * (var + eps)) + gamma(1)
    scale = inv_std if weight is None else np.abs(weight) * inv_std
    shift = np.zeros_like(mean) if bias is None else np.abs(bias)
    spread = np.abs(x - per_channel(mean)) + per_channel(distance)
    error_y = gamma(10) * (spread * per_channel(scale) + per_channel(shift))
    error_y += per_channel(scale) * (spread * per_channel(relative) + per_channel(2 * error_mean))
    return error_y + 8 * TINY * (1 + spread), error_mean, error_var, relative * inv_std + TINY


def batch_norm_spread_backward(
    dy: Array, x: Array, parts: Sequence[slice], weight: Any, mean: Array, inv_std: Array
) -> tuple[Array, ...]:
    """Return bounds for dx, and for the sums of dweight and dbias over the parts.

    To the part's own dx comes ``scale (d1 + xhat d2)``, the difference of two means of dy and of
    two of dy xhat, of which the part's are rounded once or twice; it is computed as a factor times
    x plus an offset, each rounded once, so that both count with their own size.
    """
    scale = per_channel(inv_std if weight is None else np.abs(weight) * inv_std)
    xhat = np.abs(x - per_channel(mean)) * per_channel(inv_std)
    first, second = np.abs(dy).mean(axis=PIXELS), (np.abs(dy) * xhat).mean(axis=PIXELS)
    error_dx = np.zeros_like(x)
    for part in parts:
        one = per_channel(first + np.abs(dy[part]).mean(axis=PIXELS))
        two = per_channel(second + (np.abs(dy[part]) * xhat[part]).mean(axis=PIXELS))
        error_dx[part] = gamma(10) * scale * (np.abs(dy[part]) + one + xhat[part] * two)
        size = (np.abs(x[part]) + per_channel(np.abs(mean))) * per_channel(inv_std)
        error_dx[part] += gamma(4) * scale * size * two
    m = count(x)
    dbias = gamma(len(parts) + 2) * m * first
    return error_dx + 8 * TINY * (1 + xhat), gamma(len(parts) + 4) * m * second + TINY, dbias + TINY


def rbf(x: Array, centres: Array) -> Array:
    """Each difference is rounded once and squared, which doubles that; D terms, one sum spare."""
    return np.asarray(gamma(x.shape[1] + 4) * reference.rbf(x, centres) + (x.shape[1] + 4) * TINY)


def rbf_backward(dy: Array, x: Array, centres: Array) -> tuple[Array, Array]:
    """Sums of K and of N products with a difference that is rounded once."""
    size = np.abs(2 * dy[:, :, np.newaxis] * (x[:, np.newaxis] - centres))
    flushed = TINY * (1 + 4 * np.abs(dy))
    return (
        gamma(dy.shape[1] + 2) * size.sum(axis=1) + flushed.sum(axis=1)[:, np.newaxis],
        gamma(dy.shape[0] + 2) * size.sum(axis=0) + flushed.sum(axis=0)[:, np.newaxis],
    )
