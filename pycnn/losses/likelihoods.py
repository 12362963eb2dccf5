"""Losses of answers and of distributions: functions of tensors, with PyTorch's names."""

from __future__ import annotations

import math
from typing import Any

from pycnn.autograd.arithmetic import where
from pycnn.autograd.shaping import stack
from pycnn.autograd.structure import on_arrays_too
from pycnn.losses.margins import reduced

__all__ = [
    "gaussian_nll_loss",
    "multilabel_soft_margin_loss",
    "poisson_nll_loss",
    "soft_margin_loss",
]


def _softplus(x: Any) -> Any:
    """Return ``log(1 + exp(x))`` without overflow."""
    return stack([x, x * 0]).logsumexp(0)


@on_arrays_too
def soft_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """Return ``log(1 + exp(-target input))``; targets are 1 and -1."""
    return reduced("soft_margin_loss", _softplus(-target * input), reduction)


@on_arrays_too
def multilabel_soft_margin_loss(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean"
) -> Any:
    """Return the mean over classes of the binary cross entropy of logits; targets are 0 and 1."""
    losses = target * _softplus(-input) + (1 - target) * _softplus(input)
    if weight is not None:
        losses = losses * weight
    return reduced("multilabel_soft_margin_loss", losses.mean(-1), reduction)


@on_arrays_too
def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Any:
    """Return ``exp(input) - target input``, or of rates ``input - target log(input + eps)``.

    With `full`, Stirling's approximation of ``log(target!)`` is added for targets above 1.
    """
    losses = input.exp() - target * input
    if not log_input:
        losses = input - target * (input + eps).log()
    if full:
        large = target.clamp(min=1)
        stirling = large * large.log() - large + 0.5 * (large * (2 * math.pi)).log()
        losses = losses + where(target > 1, stirling, large * 0)
    return reduced("poisson_nll_loss", losses, reduction)


@on_arrays_too
def gaussian_nll_loss(
    input: Any,
    target: Any,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:
    """Return ``(log(var) + (input - target)^2 / var) / 2``; variances count as at least `eps`.

    With `full`, the constant ``log(2 pi) / 2`` is added. `var` has the shape of the input, or one
    with 1 or no last axis.
    """
    if isinstance(var, (int, float)):
        var = input.detach() * 0 + var
    if var.shape != input.shape and var.shape == input.shape[:-1]:
        var = var.unsqueeze(-1)
    if (var < 0).any():
        raise ValueError("[gaussian_nll_loss] var must not be negative")
    # The limit changes the numbers, and not their gradient.
    var = var + (var.detach().clamp(min=eps) - var.detach())
    losses = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced("gaussian_nll_loss", losses, reduction)
