"""Losses that add over the numbers of an array: squared error, binary cross entropy of logits."""

from __future__ import annotations

import numpy as np

from pycnn.reference.geometry import Array
from pycnn.reference.loss import check_reduction, reduce

__all__ = ["bce_with_logits", "bce_with_logits_backward", "mse_loss", "mse_loss_backward"]


def mse_loss(output: Array, target: Array, *, reduction: str = "mean") -> float | Array:
    """``(output - target)^2`` for each number; the mean is over all of them.

    Parameters, results and errors are those of `pycnn.ops.mse_loss`.
    """
    check_reduction("mse_loss", reduction, output.size)
    return reduce(np.asarray((output - target) ** 2), reduction, output.size)


def mse_loss_backward(
    output: Array, target: Array, dloss: float | Array = 1.0, *, reduction: str = "mean"
) -> Array:
    """Gradient with respect to `output`: ``2 dloss (output - target)``; 'mean' divides by size.

    Parameters, results and errors are those of `pycnn.ops.mse_loss_backward`.
    """
    check_reduction("mse_loss", reduction, output.size)
    divisor = output.size if reduction == "mean" else 1
    return np.asarray(2 * np.asarray(dloss, output.dtype) / divisor * (output - target))


def bce_with_logits(
    logits: Array,
    target: Array,
    *,
    weight: Array | None = None,
    pos_weight: Array | None = None,
    reduction: str = "mean",
) -> float | Array:
    """``-w (p t log s(x) + (1 - t) log(1 - s(x)))`` with s(x) = 1 / (1 + exp(-x)), for each number.

    A term whose factor is 0 is 0, even if its logarithm is infinite.
    Parameters, results and errors are those of `pycnn.ops.bce_with_logits`.
    """
    check_reduction("bce_with_logits", reduction, logits.size)
    positive = (1 if pos_weight is None else pos_weight) * target
    losses = part(positive, np.logaddexp(0, -logits)) + part(1 - target, np.logaddexp(0, logits))
    losses = np.asarray(losses if weight is None else weight * losses)
    return reduce(losses, reduction, logits.size)


def bce_with_logits_backward(
    logits: Array,
    target: Array,
    dloss: float | Array = 1.0,
    *,
    weight: Array | None = None,
    pos_weight: Array | None = None,
    reduction: str = "mean",
) -> Array:
    """Gradient with respect to `logits`: ``dloss w ((1 - t) s(x) - p t s(-x))``.

    Parameters, results and errors are those of `pycnn.ops.bce_with_logits_backward`.
    """
    check_reduction("bce_with_logits", reduction, logits.size)
    positive = (1 if pos_weight is None else pos_weight) * target
    slopes = (1 - target) * _logistic(logits) - positive * _logistic(-logits)
    slopes = slopes if weight is None else weight * slopes
    divisor = logits.size if reduction == "mean" else 1
    return np.asarray(slopes * np.asarray(dloss, logits.dtype) / divisor)


def part(factor: Array, value: Array) -> Array:
    """Return a product, 0 where the factor is 0."""
    return np.where(factor == 0, np.zeros_like(value), factor * np.where(factor == 0, 0, value))


def _logistic(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0, e, np.ones_like(e)) / (1 + e))
