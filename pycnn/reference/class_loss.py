"""Losses of rows of numbers, one for each class: negative log-likelihood, and LeCun's criterion."""

from __future__ import annotations

import numpy as np

from pycnn.reference.geometry import Array
from pycnn.reference.loss import check, class_weights, reduce
from pycnn.reference.softmax import log_softmax, softmax

__all__ = ["map_loss", "map_loss_backward", "nll_loss", "nll_loss_backward"]


def nll_loss(
    log_probs: Array,
    target: Array,
    *,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> float | Array:
    """``-w[t] log_probs[n, t]`` with t = target[n]; the mean divides by the sum of the w[t].

    Parameters, results and errors are those of `pycnn.ops.nll_loss`.
    """
    count, classes = log_probs.shape
    check("nll_loss", target, classes, ignore_index, reduction)
    weights = class_weights(weight, classes, log_probs)
    kept = target != ignore_index
    label = np.where(kept, target, 0)
    rows = -weights[label] * log_probs[np.arange(count), label]
    rows = np.where(kept, rows, np.zeros_like(rows))
    return reduce(rows, reduction, weights[label[kept]].sum())


def nll_loss_backward(
    log_probs: Array,
    target: Array,
    dloss: float | Array = 1.0,
    *,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    """Gradient of `nll_loss`: ``-w[t] dloss`` at the label (divided for 'mean'), 0 elsewhere.

    Parameters, results and errors are those of `pycnn.ops.nll_loss_backward`.
    """
    count, classes = log_probs.shape
    check("nll_loss", target, classes, ignore_index, reduction)
    weights = class_weights(weight, classes, log_probs)
    rows = np.flatnonzero(target != ignore_index)
    slopes = -weights[target[rows]] * np.broadcast_to(dloss, (count,))[rows]
    if reduction == "mean" and len(rows):
        slopes = slopes / weights[target[rows]].sum()
    gradient = np.zeros_like(log_probs)
    gradient[rows, target[rows]] = slopes
    return gradient


def map_loss(
    distances: Array, target: Array, *, j: float = 0.1, reduction: str = "mean"
) -> float | Array:
    """``d[n, t] + log(exp(-j) + sum_i exp(-d[n, i]))`` with t = target[n].

    Parameters, results and errors are those of `pycnn.ops.map_loss`.
    """
    count, classes = distances.shape
    check("map_loss", target, classes, None, reduction)
    rows = -log_softmax(_scores(distances, j))[np.arange(count), target]
    return reduce(rows, reduction, count)


def map_loss_backward(
    distances: Array,
    target: Array,
    dloss: float | Array = 1.0,
    *,
    j: float = 0.1,
    reduction: str = "mean",
) -> Array:
    """Gradient of `map_loss`: ``dloss ([k = t] - exp(-d[k]) / (exp(-j) + sum_i exp(-d[i])))``.

    Parameters, results and errors are those of `pycnn.ops.map_loss_backward`.
    """
    count, classes = distances.shape
    check("map_loss", target, classes, None, reduction)
    slopes = -softmax(_scores(distances, j))[:, :classes]
    slopes[np.arange(count), target] += 1
    scale = np.reshape(dloss, (-1, 1)) / (count if reduction == "mean" else 1)
    return np.asarray(slopes * np.asarray(scale, distances.dtype))


def _scores(distances: Array, j: float) -> Array:
    """Scores whose cross entropy is the loss: ``-d``, and one more class that scores -j."""
    rubbish = np.full((len(distances), 1), j, distances.dtype)
    return -np.concatenate([distances, rubbish], axis=1)
