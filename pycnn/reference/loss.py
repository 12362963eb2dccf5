r"""The cross-entropy loss on the softmax, with PyTorch's weights, smoothing and reductions.

For one row of logits z with label t, class weights w (1 by default), C classes, smoothing e and
p = softmax(z),

.. math:: L = -(1 - e)\, w_t \log p_t - \frac{e}{C} \sum_j w_j \log p_j .

``reduction='sum'`` adds the rows, ``'mean'`` divides that sum by :math:`\sum w_t` (the number of
rows when there are no weights). Rows labelled `ignore_index` count nowhere.
"""

from __future__ import annotations

import numpy as np

from pycnn.reference.geometry import Array
from pycnn.reference.softmax import log_softmax, softmax

__all__ = ["softmax_cross_entropy", "softmax_cross_entropy_backward"]


def check(op: str, target: Array, classes: int, ignore_index: int | None, reduction: str) -> None:
    """Refuse labels that are no class, and reductions that have no meaning."""
    check_reduction(op, reduction, target.size)
    labels = target[target != ignore_index] if ignore_index is not None else target
    if ((labels < 0) | (labels >= classes)).any():
        raise ValueError(f"[{op}] a label is outside 0 .. {classes - 1}")


def check_reduction(op: str, reduction: str, count: int) -> None:
    """Refuse unknown reductions, and the mean of nothing."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"[{op}] reduction must be 'mean', 'sum' or 'none', got {reduction!r}")
    if count == 0 and reduction == "mean":
        raise ValueError(f"[{op}] the mean of no losses is undefined")


def reduce(losses: Array, reduction: str, divisor: float) -> float | Array:
    """Return the losses themselves, their sum, or that divided by `divisor` (NaN if it is zero)."""
    if reduction == "none":
        return losses
    if reduction == "sum":
        return float(losses.sum())
    return float(losses.sum() / divisor) if divisor else float("nan")


def class_weights(weight: Array | None, classes: int, like: Array) -> Array:
    """Return the weight of each class: 1 by default."""
    return np.ones(classes, like.dtype) if weight is None else weight


def softmax_cross_entropy(
    logits: Array,
    target: Array,
    *,
    weight: Array | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[float | Array, Array]:
    """Cross-entropy of labels and logits: see the formula at the top of this file.

    Parameters, results and errors are those of `pycnn.ops.softmax_cross_entropy`.
    """
    count, classes = logits.shape
    check("softmax_cross_entropy", target, classes, ignore_index, reduction)
    weights = class_weights(weight, classes, logits)
    kept = target != ignore_index
    label = np.where(kept, target, 0)
    log_p = log_softmax(logits)
    rows = -(1 - label_smoothing) * weights[label] * log_p[np.arange(count), label]
    if label_smoothing:
        rows = rows - label_smoothing / classes * (weights * log_p).sum(axis=1)
    rows = np.where(kept, rows, np.zeros_like(rows))
    return reduce(rows, reduction, weights[label[kept]].sum()), softmax(logits)


def softmax_cross_entropy_backward(
    probs: Array,
    target: Array,
    dloss: float | Array = 1.0,
    *,
    weight: Array | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Array:
    """Gradient of `softmax_cross_entropy` with respect to the logits.

    For one row, with [j = t] equal to 1 at the label and 0 elsewhere,
    ``dz[j] = (1 - e) w[t] (p[j] - [j = t]) + e / C (p[j] sum_i w[i] - w[j])``,
    times `dloss`, and divided by the sum of w[t] over the rows for 'mean'; ignored rows are zero.
    Parameters, results and errors are those of `pycnn.ops.softmax_cross_entropy_backward`.
    """
    count, classes = probs.shape
    check("softmax_cross_entropy", target, classes, ignore_index, reduction)
    weights = class_weights(weight, classes, probs)
    kept = target != ignore_index
    label = np.where(kept, target, 0)
    is_label = np.zeros_like(probs)
    is_label[np.arange(count), label] = 1
    dz = (1 - label_smoothing) * weights[label, np.newaxis] * (probs - is_label)
    dz = dz + label_smoothing / classes * (probs * weights.sum() - weights)
    scale = np.broadcast_to(np.asarray(dloss, probs.dtype), (count,))
    if reduction == "mean" and kept.any():
        scale = scale / weights[label[kept]].sum()
    return np.asarray(np.where(kept[:, np.newaxis], dz * scale[:, np.newaxis], np.zeros_like(dz)))
