"""Rarer layers as functions; each is the layer of its name."""

from __future__ import annotations

from typing import Any

from pycnn.autograd.structure import on_arrays_too
from pycnn.layers import distances, folding, more_activations

__all__ = [
    "bilinear",
    "celu",
    "channel_shuffle",
    "fold",
    "hardshrink",
    "logsigmoid",
    "selu",
    "softmin",
    "softshrink",
    "softsign",
    "tanhshrink",
    "threshold",
    "unfold",
]

bilinear = on_arrays_too(distances.bilinear)
fold = on_arrays_too(folding.fold)
unfold = on_arrays_too(folding.unfold)
hardshrink = on_arrays_too(more_activations.hardshrink)
logsigmoid = on_arrays_too(more_activations.logsigmoid)
softmin = on_arrays_too(more_activations.softmin)
softshrink = on_arrays_too(more_activations.softshrink)
softsign = on_arrays_too(more_activations.softsign)
tanhshrink = on_arrays_too(more_activations.tanhshrink)


@on_arrays_too
def selu(x: Any, inplace: bool = False) -> Any:
    """Return ``scale * elu(x, alpha)``; see `pycnn.SELU`."""
    y = more_activations.selu(x)
    return x._become(y) if inplace else y


@on_arrays_too
def celu(x: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """Return ``max(x, 0) + min(alpha (exp(x / alpha) - 1), 0)``; see `pycnn.CELU`."""
    y = more_activations.celu(x, alpha)
    return x._become(y) if inplace else y


@on_arrays_too
def threshold(x: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """Return x above a threshold, and a value elsewhere; see `pycnn.Threshold`."""
    y = more_activations.threshold(x, threshold, value)
    return x._become(y) if inplace else y


@on_arrays_too
def channel_shuffle(x: Any, groups: int) -> Any:
    """Take channels in turn from each of several groups; see `pycnn.ChannelShuffle`."""
    n, c, *rest = x.shape
    if c % groups:
        raise ValueError(f"[channel_shuffle] {c} channels are not a multiple of {groups} groups")
    return x.reshape(n, groups, c // groups, *rest).transpose(1, 2).reshape(x.shape)
