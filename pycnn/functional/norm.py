"""Normalisation as functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn import layers
from pycnn.autograd import Tensor, distances
from pycnn.autograd.structure import on_arrays_too

__all__ = [
    "batch_norm",
    "cosine_similarity",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "pairwise_distance",
]


def _channels(x: Tensor, numbers: Tensor) -> Tensor:
    """Give one number for each channel the shape that broadcasts with x."""
    return numbers.reshape(1, -1, *[1] * (x.ndim - 2))


def _standardised(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    away = x - x.mean(dims, True)
    return away / ((away * away).mean(dims, True) + eps).sqrt()


def _affine(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    if weight is not None:
        x = x * weight
    return x if bias is None else x + bias


@on_arrays_too
def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel by the batch's statistics, or by running ones; see `BatchNorm2d`.

    In training, running statistics that are given follow the batch's.

    Raises
    ------
    ValueError
        If the batch has one value a channel in training.
    """
    if x.ndim < 2:
        raise ValueError(f"[batch_norm] needs (N, C, ...), got shape {x.shape}")
    dims = (0, *range(2, x.ndim))
    if training and x.numel() == x.shape[1]:
        raise ValueError(f"[batch_norm] one value a channel has no variance (x: {x.shape})")
    if training or running_mean is None or running_var is None:
        y = _standardised(x, dims, eps)
        if training and running_mean is not None and running_var is not None:
            count = x.numel() // x.shape[1]
            found = x.detach()
            _follow(running_mean, found.mean(dims), momentum)
            _follow(running_var, found.var(dims, False) * (count / max(count - 1, 1)), momentum)
    else:
        mean, var = _channels(x, running_mean), _channels(x, running_var)
        y = (x - mean) / (var + eps).sqrt()
    numbers = [None if one is None else _channels(x, one) for one in (weight, bias)]
    return _affine(y, *numbers)


def _follow(running: Tensor, found: Tensor, momentum: float) -> None:
    running._write((running.detach() * (1 - momentum) + found * momentum).array)


@on_arrays_too
def instance_norm(
    x: Tensor,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each sample; see `pycnn.InstanceNorm2d`."""
    if running_mean is not None or running_var is not None or not use_input_stats:
        raise ValueError("[instance_norm] running statistics are a layer's: InstanceNorm2d")
    if x.ndim < 3:
        raise ValueError(f"[instance_norm] needs (N, C, L) or (N, C, H, W), got shape {x.shape}")
    y = _standardised(x, tuple(range(2, x.ndim)), eps)
    numbers = [None if one is None else _channels(x, one) for one in (weight, bias)]
    return _affine(y, *numbers)


@on_arrays_too
def layer_norm(
    x: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last axes; see `pycnn.LayerNorm`."""
    shape = tuple(normalized_shape) if np.ndim(normalized_shape) else (normalized_shape,)
    if x.shape[x.ndim - len(shape) :] != shape:
        raise ValueError(f"[layer_norm] the last axes must be {shape}, x has shape {x.shape}")
    return _affine(_standardised(x, tuple(range(-len(shape), 0)), eps), weight, bias)


@on_arrays_too
def group_norm(
    x: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise groups of channels of each sample; see `pycnn.GroupNorm`."""
    if x.ndim < 2 or num_groups < 1 or x.shape[1] % num_groups:
        raise ValueError(
            f"[group_norm] the channels of (N, C, ...) must be a multiple of {num_groups} groups "
            f"(x: {x.shape})"
        )
    groups = x.reshape(x.shape[0], num_groups, -1)
    y = _standardised(groups, (2,), eps).reshape(x.shape)
    numbers = [None if one is None else _channels(x, one) for one in (weight, bias)]
    return _affine(y, *numbers)


@on_arrays_too
def local_response_norm(
    x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide by the activity of neighbouring channels; see `pycnn.LocalResponseNorm`."""
    return layers.LocalResponseNorm(size, alpha, beta, k)(x)  # type: ignore[no-any-return]


@on_arrays_too
def normalize(x: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """Divide by the p-norm along an axis, or by `eps` where that is smaller."""
    return x / x.norm(p, dim, True).clamp(min=eps)


cosine_similarity = on_arrays_too(distances.cosine_similarity)
pairwise_distance = on_arrays_too(distances.pairwise_distance)
