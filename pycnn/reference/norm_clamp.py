"""Batch normalisation in parts, and together with what follows it: an addition and limits."""

from __future__ import annotations

import numpy as np

from pycnn.reference.geometry import Array
from pycnn.reference.norm import batch_norm2d, batch_norm2d_backward

__all__ = [
    "batch_norm2d_apply",
    "batch_norm2d_clamp",
    "batch_norm2d_clamp_backward",
    "batch_norm2d_statistics",
]


def batch_norm2d_statistics(x: Array, eps: float = 1e-5) -> tuple[Array, Array, Array]:
    """``mean``, ``var`` and ``inv_std`` of `batch_norm2d`.

    Parameters, results and errors are those of `pycnn.ops.batch_norm2d_statistics`.
    """
    if len(x) == 0:
        raise ValueError(
            f"[batch_norm2d_statistics] the mean of no images is not defined (x: {x.shape})"
        )
    _, mean, var, inv_std = batch_norm2d(x, None, None, eps)
    return mean, var, inv_std


def batch_norm2d_apply(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    mean: Array,
    inv_std: Array,
    residual: Array | None = None,
    lower: float | None = None,
    upper: float | None = None,
) -> Array:
    """``min(max((x - mean[c]) inv_std[c] weight[c] + bias[c] + residual, lower), upper)``.

    Parameters, results and errors are those of `pycnn.ops.batch_norm2d_apply`.
    """
    along = (1, -1, 1, 1)
    y = (x - mean.reshape(along)) * inv_std.reshape(along)
    if weight is not None:
        y = y * weight.reshape(along)
    if bias is not None:
        y = y + bias.reshape(along)
    return _limited(y, residual, lower, upper)


def batch_norm2d_clamp(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    eps: float = 1e-5,
    residual: Array | None = None,
    lower: float | None = None,
    upper: float | None = None,
) -> tuple[Array, Array, Array, Array]:
    """``min(max(batch_norm2d(x) + residual, lower), upper)``, and the statistics.

    Parameters, results and errors are those of `pycnn.ops.batch_norm2d_clamp`.
    """
    y, mean, var, inv_std = batch_norm2d(x, weight, bias, eps)
    return _limited(y, residual, lower, upper), mean, var, inv_std


def _limited(y: Array, residual: Array | None, lower: float | None, upper: float | None) -> Array:
    """Add, and limit; NaN passes."""
    if residual is not None:
        y = y + residual
    if lower is not None:
        y = np.where(y < lower, lower, y)
    if upper is not None:
        y = np.where(y > upper, upper, y)
    return np.asarray(y)


def batch_norm2d_clamp_backward(
    dy: Array,
    y: Array | None,
    x: Array,
    weight: Array | None,
    mean: Array,
    inv_std: Array,
    lower: float | None = None,
    upper: float | None = None,
    residual_gradient: bool = False,
    bias: Array | None = None,
) -> tuple[Array, Array, Array, Array | None]:
    """``g = dy`` where no limit was reached, else 0, and `batch_norm2d_backward` of it.

    Parameters, results and errors are those of `pycnn.ops.batch_norm2d_clamp_backward`.
    """
    g = dy
    if lower is not None or upper is not None:
        if y is None and residual_gradient:
            raise ValueError(
                "[batch_norm2d_clamp_backward] y must be an array where there is a limit and a "
                "residual, got None"
            )
        if y is None:
            y = batch_norm2d_apply(x, weight, bias, mean, inv_std)
        if lower is not None:
            g = np.where(y <= lower, 0, g)
        if upper is not None:
            g = np.where(y >= upper, 0, g)
    dx, dweight, dbias = batch_norm2d_backward(g, x, weight, mean, inv_std)
    return dx, dweight, dbias, np.array(g, dy.dtype) if residual_gradient else None
