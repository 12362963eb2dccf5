"""Scale and shift of each channel, and batch normalisation, with their gradients."""

from __future__ import annotations

import numpy as np

from pycnn.reference.geometry import Array

__all__ = ["batch_norm2d", "batch_norm2d_backward", "channel_affine", "channel_affine_backward"]

PIXELS = (0, 2, 3)
"""Axes of (N, C, H, W) that the sums of a channel run over."""


def _per_channel(values: Array) -> Array:
    """View (C,) numbers so that they broadcast over (N, C, H, W)."""
    return values[:, np.newaxis, np.newaxis]


def channel_affine(x: Array, scale: Array, shift: Array) -> Array:
    """``y[n, c, h, w] = x[n, c, h, w] scale[c] + shift[c]``.

    Parameters, results and errors are those of `pycnn.ops.channel_affine`.
    """
    for name, values in (("scale", scale), ("shift", shift)):
        if values.shape != (x.shape[1],):
            raise ValueError(
                f"[channel_affine] {name} has shape {values.shape}, x has {x.shape[1]} channels"
            )
    return np.asarray(x * _per_channel(scale) + _per_channel(shift))


def channel_affine_backward(dy: Array, x: Array, scale: Array) -> tuple[Array, Array, Array]:
    """Gradients of `channel_affine`.

    ``dx = dy scale[c]``, ``dscale[c] = sum_nhw dy x`` and ``dshift[c] = sum_nhw dy``.
    Parameters, results and errors are those of `pycnn.ops.channel_affine_backward`.
    """
    return (
        np.asarray(dy * _per_channel(scale)),
        np.asarray((dy * x).sum(axis=PIXELS)),
        np.asarray(dy.sum(axis=PIXELS)),
    )


def batch_norm2d(
    x: Array, weight: Array | None, bias: Array | None, eps: float = 1e-5
) -> tuple[Array, Array, Array, Array]:
    """Give each channel mean 0 and variance 1 over the batch, then scale and shift it.

    With m values in each channel, ``mean[c] = sum_nhw x / m``,
    ``var[c] = sum_nhw (x - mean[c])^2 / m``, ``inv_std[c] = 1 / sqrt(var[c] + eps)`` and
    ``y = (x - mean[c]) inv_std[c] weight[c] + bias[c]``.
    Parameters, results and errors are those of `pycnn.ops.batch_norm2d`.
    """
    if len(x) == 0:
        raise ValueError(f"[batch_norm2d] the mean of no images is not defined (x: {x.shape})")
    mean = np.asarray(x.mean(axis=PIXELS))
    centred = x - _per_channel(mean)
    var = np.asarray((centred * centred).mean(axis=PIXELS))
    inv_std = np.asarray(1 / np.sqrt(var + eps), x.dtype)
    y = centred * _per_channel(inv_std)
    if weight is not None:
        y = y * _per_channel(weight)
    if bias is not None:
        y = y + _per_channel(bias)
    return y, mean, var, inv_std


def batch_norm2d_backward(
    dy: Array, x: Array, weight: Array | None, mean: Array, inv_std: Array
) -> tuple[Array, Array, Array]:
    """Gradients of `batch_norm2d`, whose mean and variance depend on `x` too.

    With ``xhat = (x - mean) inv_std``: ``dbias = sum_nhw dy``, ``dweight = sum_nhw dy xhat`` and
    ``dx = weight inv_std (dy - dbias / m - xhat dweight / m)``.
    Parameters, results and errors are those of `pycnn.ops.batch_norm2d_backward`.
    """
    xhat = (x - _per_channel(mean)) * _per_channel(inv_std)
    dbias = np.asarray(dy.sum(axis=PIXELS))
    dweight = np.asarray((dy * xhat).sum(axis=PIXELS))
    count = max(x.size // x.shape[1], 1)
    factor = inv_std if weight is None else weight * inv_std
    rest = dy - _per_channel(dbias / count) - xhat * _per_channel(dweight / count)
    return _per_channel(factor) * rest, dweight, dbias
