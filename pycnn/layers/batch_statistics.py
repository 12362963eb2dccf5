"""Batch normalisation by the statistics of a batch that is spread over several processes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pycnn import ops
from pycnn.devices import device_of, move, on_cpu
from pycnn.layers.parameter import Array
from pycnn.layers.spread import Total


class Whole(NamedTuple):
    """What the backward pass needs to know of the whole batch.

    Attributes
    ----------
    values : int
        Values in a channel of the whole batch.
    total : function of array
        Adds up over the processes.
    """

    values: int
    total: Total


def batch_norm_spread(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    eps: float,
    total: Total,
    counts: bool = True,
) -> tuple[Array, Array, Array, Array, Whole]:
    """Do `pycnn.ops.batch_norm2d` with the mean and the variance of the whole batch.

    The part is normalised by its own statistics, which loses no digits to a large mean. A scale and
    a shift of each channel then lead to the statistics of the whole batch. With m values in the
    part, M in the batch, and sums over the parts, ``mean = sum of m mean_part / M`` and
    ``var = sum of m (var_part + mean_part^2) / M - mean^2``, in float64.

    Parameters
    ----------
    x, weight, bias, eps
        As for `pycnn.ops.batch_norm2d`; `x` is the part.
    total : function of array
        Adds up over the processes, which all call this at the same time.
    counts : bool
        Whether the part belongs to the batch.

    Returns
    -------
    y, mean, var, inv_std : arrays
        As from `pycnn.ops.batch_norm2d`.
    Whole
        For `batch_norm_spread_backward`.

    Raises
    ------
    ValueError
        If the whole batch has one value a channel, whose variance is 0.
    """
    device = device_of(x)
    own, *statistics = ops.batch_norm2d(x, None, None, eps)
    mean_part, var_part, inv_part = (on_cpu(array).astype(np.float64) for array in statistics)
    m = x.size // len(mean_part) if counts else 0
    sums = total(np.concatenate([[m], m * mean_part, m * (var_part + mean_part**2)]))
    count = int(sums[0])
    if count == 1:
        raise ValueError("expects more than one value a channel in the whole batch")
    mean, square = np.split(sums[1:] / count, 2)
    var = np.maximum(square - mean**2, 0)
    inv_std = 1 / np.sqrt(var + eps)
    scale = inv_std if weight is None else inv_std * on_cpu(weight)
    shift = (mean_part - mean) * scale
    if bias is not None:
        shift += on_cpu(bias)
    y = ops.channel_affine(own, _channels(scale / inv_part, device), _channels(shift, device))
    found = (_channels(array, device) for array in (mean, var, inv_std))
    return y, *found, Whole(count, total)  # type: ignore[return-value]


def batch_norm_spread_backward(
    dy: Array, x: Array, weight: Array | None, mean: Array, inv_std: Array, whole: Whole
) -> tuple[Array, Array, Array]:
    """Do `pycnn.ops.batch_norm2d_backward` for a part: its sums are those of the whole batch.

    That op divides the sums of the part, ``s1 = sum of dy`` and ``s2 = sum of dy xhat``, by m; the
    difference to ``S1 / M`` and ``S2 / M`` of the whole batch is added.

    Returns
    -------
    dx, dweight, dbias : arrays
        The last two are sums over the part alone, as every gradient of a parameter is.
    """
    device = device_of(x)
    dx, dweight, dbias = ops.batch_norm2d_backward(dy, x, weight, mean, inv_std)
    part = np.concatenate([on_cpu(dbias), on_cpu(dweight)]).astype(np.float64)
    m = x.size // len(dbias)
    d1, d2 = np.split(part / m - whole.total(part) / whole.values, 2)
    centre, inv = (on_cpu(array).astype(np.float64) for array in (mean, inv_std))
    factor = inv if weight is None else inv * on_cpu(weight)
    scale, shift = factor * inv * d2, factor * (d1 - centre * inv * d2)
    dx += ops.channel_affine(x, _channels(scale, device), _channels(shift, device))
    return dx, dweight, dbias


def _channels(numbers: Array, device: str) -> Array:
    """Return one number for each channel as a float32 array on a device, as ops take them."""
    found: Array = move(numbers.astype(np.float32), device)
    return found
