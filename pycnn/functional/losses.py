"""Losses as functions."""

from __future__ import annotations

from typing import Any

from pycnn import losses
from pycnn.losses.likelihoods import (
    gaussian_nll_loss,
    multilabel_soft_margin_loss,
    poisson_nll_loss,
    soft_margin_loss,
)
from pycnn.losses.margins import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    triplet_margin_loss,
)

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "margin_ranking_loss",
    "mse_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
]


def cross_entropy(
    output: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Return the cross entropy of the softmax of scores; see `pycnn.CrossEntropyLoss`."""
    loss = losses.CrossEntropyLoss(weight, ignore_index, reduction, label_smoothing)
    return loss(output, target)


def nll_loss(
    output: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """Return the negative log-likelihood of log-probabilities; see `pycnn.NLLLoss`."""
    return losses.NLLLoss(weight, ignore_index, reduction)(output, target)


def mse_loss(output: Any, target: Any, reduction: str = "mean") -> Any:
    """Return the squared error; see `pycnn.MSELoss`."""
    return losses.MSELoss(reduction)(output, target)


def l1_loss(output: Any, target: Any, reduction: str = "mean") -> Any:
    """Return the absolute error; see `pycnn.L1Loss`."""
    return losses.L1Loss(reduction=reduction)(output, target)


def smooth_l1_loss(output: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """Return the absolute error, squared where it is small; see `pycnn.SmoothL1Loss`."""
    return losses.SmoothL1Loss(reduction=reduction, beta=beta)(output, target)


def huber_loss(output: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """Return the Huber loss; see `pycnn.HuberLoss`."""
    return losses.HuberLoss(reduction=reduction, delta=delta)(output, target)


def kl_div(output: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    """Return the Kullback-Leibler divergence of log-probabilities; see `pycnn.KLDivLoss`."""
    return losses.KLDivLoss(reduction=reduction, log_target=log_target)(output, target)


def binary_cross_entropy(
    output: Any, target: Any, weight: Any = None, reduction: str = "mean"
) -> Any:
    """Return the binary cross entropy of probabilities; see `pycnn.BCELoss`."""
    return losses.BCELoss(weight=weight, reduction=reduction)(output, target)


def binary_cross_entropy_with_logits(
    output: Any,
    target: Any,
    weight: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """Return the binary cross entropy of the sigmoid; see `pycnn.BCEWithLogitsLoss`."""
    loss = losses.BCEWithLogitsLoss(weight, reduction, pos_weight)
    return loss(output, target)
