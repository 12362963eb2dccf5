"""Losses of single numbers that are chosen by name, and their slopes."""

from __future__ import annotations

import numpy as np

from pycnn.reference.activation import sigmoid
from pycnn.reference.geometry import Array
from pycnn.reference.loss import check_reduction, reduce
from pycnn.reference.pointwise_loss import part

__all__ = ["pointwise_loss", "pointwise_loss_backward"]


def pointwise_loss(
    output: Array,
    target: Array,
    kind: str,
    *,
    a: float = 0.0,
    b: float = 0.0,
    weight: Array | None = None,
    divisor: float = 1.0,
    reduction: str = "mean",
) -> float | Array:
    """Return the loss `kind`; `pycnn.ops.pointwise_loss` has the table of formulas.

    Parameters, results and errors are those of `pycnn.ops.pointwise_loss`.
    """
    check_reduction("pointwise_loss", reduction, output.size)
    with np.errstate(divide="ignore", invalid="ignore"):  # of logarithms and infinities
        losses = np.asarray(_losses(output, target, kind, a, b))
    losses = losses if weight is None else np.asarray(weight * losses)
    result = reduce(losses, reduction, output.size)
    return result / divisor if reduction == "sum" else result


def pointwise_loss_backward(
    output: Array,
    target: Array,
    kind: str,
    dloss: float | Array = 1.0,
    *,
    a: float = 0.0,
    b: float = 0.0,
    weight: Array | None = None,
    divisor: float = 1.0,
    reduction: str = "mean",
) -> Array:
    """Return the slope of the loss in the output, times `dloss`.

    Parameters, results and errors are those of `pycnn.ops.pointwise_loss_backward`.
    """
    check_reduction("pointwise_loss", reduction, output.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.asarray(_slopes(output, target, kind, a, b))
    slopes = slopes if weight is None else np.asarray(weight * slopes)
    divisor = divisor * (output.size if reduction == "mean" else 1)
    return np.asarray(slopes * np.asarray(dloss, output.dtype) / divisor)


def _losses(o: Array, t: Array, kind: str, a: float, b: float) -> Array:
    d = np.abs(o - t)
    if kind == "l1":
        return np.asarray(d)
    if kind == "smooth_l1":
        return np.asarray(np.where(d < a, d**2 / (2 * (a or 1)), d - a / 2))
    if kind == "huber":
        return np.asarray(np.where(d < a, d**2 / 2, a * (d - a / 2)))
    if kind == "kl_div":
        return part(t, np.log(t) - o)
    if kind == "kl_div_log":
        return part(np.exp(t), t - o)
    if kind == "bce":
        yes, no = (np.maximum(logarithm, -100) for logarithm in (np.log(o), np.log1p(-o)))
        return np.asarray(-part(t, yes) - part(1 - t, no))
    if kind == "focal":
        entropy = part(t, np.logaddexp(0, -o)) + part(1 - t, np.logaddexp(0, o))
        return np.asarray(_balance(t, a) * part(_wrong(o, t) ** b, entropy))
    if kind == "cross_entropy":
        return part(-((1 - a) * t + b), o)
    raise ValueError(f"[pointwise_loss] unknown kind {kind!r}")


def _slopes(o: Array, t: Array, kind: str, a: float, b: float) -> Array:
    d = o - t
    if kind == "l1":
        return np.asarray(np.sign(d))
    if kind == "smooth_l1":
        return np.asarray(np.where(np.abs(d) < a, d / (a or 1), np.sign(d)))
    if kind == "huber":
        return np.asarray(np.where(np.abs(d) < a, d, a * np.sign(d)))
    if kind == "kl_div":
        return np.asarray(-t)
    if kind == "kl_div_log":
        return np.asarray(-np.exp(t))
    if kind == "bce":
        return np.asarray(d / np.maximum(o * (1 - o), 1e-12))
    if kind == "focal":
        entropy = part(t, np.logaddexp(0, -o)) + part(1 - t, np.logaddexp(0, o))
        of_entropy = _wrong(o, t) ** b * ((1 - t) * sigmoid(o) - t * sigmoid(-o))
        of_wrong = b * (1 - 2 * t) * sigmoid(o) * sigmoid(-o)
        slopes = of_entropy + part(of_wrong, _wrong(o, t) ** (b - 1) * entropy)
        return np.asarray(_balance(t, a) * slopes)
    if kind == "cross_entropy":
        return np.asarray(-((1 - a) * t + b))
    raise ValueError(f"[pointwise_loss] unknown kind {kind!r}")


def _wrong(o: Array, t: Array) -> Array:
    """Return the probability of the wrong answer."""
    return np.asarray(t * sigmoid(-o) + (1 - t) * sigmoid(o))


def _balance(t: Array, alpha: float) -> Array:
    return np.asarray(np.ones_like(t) if alpha < 0 else alpha * t + (1 - alpha) * (1 - t))
