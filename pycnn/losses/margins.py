"""Losses of similar and different things: functions of tensors, with PyTorch's names."""

from __future__ import annotations

from typing import Any

from pycnn._arguments import choice
from pycnn.autograd.arithmetic import where
from pycnn.autograd.distances import pairwise_distance
from pycnn.autograd.structure import on_arrays_too

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "triplet_margin_loss",
]


def reduced(owner: str, losses: Any, reduction: str) -> Any:
    """Return the mean or the sum of losses, or the losses themselves for 'none'."""
    choice(owner, "reduction", reduction, ("mean", "sum", "none"))
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


@on_arrays_too
def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean"
) -> Any:
    """Return ``1 - cos`` of pairs with target 1, and ``max(0, cos - margin)`` of those with -1."""
    tiny = 1e-12
    squares = ((x * x).sum(-1) + tiny for x in (input1, input2))
    first, second = squares
    cos = (input1 * input2).sum(-1) / (first * second).sqrt()
    apart = where(target == -1, (cos - margin).clamp(min=0), cos * 0)
    losses = where(target == 1, 1 - cos, apart)
    return reduced("cosine_embedding_loss", losses, reduction)


@on_arrays_too
def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """Return ``max(0, margin + |anchor - positive| - |anchor - negative|)`` of each row.

    With `swap`, the distance from the positive to the negative counts where it is smaller.
    """
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance(positive, negative, p, eps))
    losses = (margin + near - far).clamp(min=0)
    return reduced("triplet_margin_loss", losses, reduction)


@on_arrays_too
def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: str = "mean"
) -> Any:
    """Return ``max(0, margin - target (input1 - input2))``: target 1 wants the first larger."""
    losses = (margin - target * (input1 - input2)).clamp(min=0)
    return reduced("margin_ranking_loss", losses, reduction)


@on_arrays_too
def hinge_embedding_loss(
    input: Any, target: Any, margin: float = 1.0, reduction: str = "mean"
) -> Any:
    """Return distances with target 1, and ``max(0, margin - distance)`` with target -1."""
    none = input * 0
    losses = where(target != 1, (margin - input).clamp(min=0), none)
    return reduced("hinge_embedding_loss", losses + where(target != -1, input, none), reduction)
