"""Losses that add over the numbers of an array: squared error, binary cross entropy of logits."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray

__all__ = ["bce_with_logits", "bce_with_logits_backward", "mse_loss", "mse_loss_backward"]


def mse_loss(
    output: FloatArray, target: FloatArray, *, reduction: str = "mean"
) -> float | FloatArray:
    """Squared error of each number: ``(output - target)^2``.

    Parameters
    ----------
    output : ndarray of float32, any shape
    target : ndarray of float32, the shape of `output`
    reduction : {'mean', 'sum', 'none'}
        'mean' divides the sum by the count of all numbers.

    Returns
    -------
    float, or ndarray of float32 of the shape of `output` with reduction 'none'

    Raises
    ------
    TypeError
        A wrong dtype.
    ValueError
        Different shapes, the mean of an empty array, an unknown reduction.
    """
    return of(output).ops.mse_loss(output, target, reduction)


def mse_loss_backward(
    output: FloatArray,
    target: FloatArray,
    dloss: float | FloatArray = 1.0,
    *,
    reduction: str = "mean",
) -> FloatArray:
    """Gradient of `mse_loss` with respect to the output: ``2 dloss (output - target)``.

    Divided by the count of all numbers for 'mean'.

    Parameters
    ----------
    output, target : ndarray of float32
        As in the forward pass.
    dloss : float, or ndarray of float32 of the shape of `output` with reduction 'none'
        Gradient of what follows with respect to the loss.
    reduction : {'mean', 'sum', 'none'}
        As in the forward pass.

    Returns
    -------
    ndarray of float32, the shape of `output`

    Raises
    ------
    TypeError, ValueError
        As `mse_loss`.
    """
    return of(output).ops.mse_loss_backward(output, target, dloss, reduction)


def bce_with_logits(
    logits: FloatArray,
    target: FloatArray,
    *,
    weight: FloatArray | None = None,
    pos_weight: FloatArray | None = None,
    reduction: str = "mean",
) -> float | FloatArray:
    """Binary cross entropy of the sigmoid of each number.

    ``loss = -w (p t log s(x) + (1 - t) log(1 - s(x)))`` with ``s(x) = 1 / (1 + exp(-x))``.

    Parameters
    ----------
    logits : ndarray of float32, any shape
        x, scores before the sigmoid.
    target : ndarray of float32, the shape of `logits`
        t, the probability of yes: 0 or 1, or between.
    weight : ndarray of float32, optional
        w, of the shape of `logits` or of its last axes, 1 by default.
    pos_weight : ndarray of float32, optional
        p, likewise: the weight of a yes, such as the number of noes for each yes.
    reduction : {'mean', 'sum', 'none'}
        'mean' divides the sum by the count of all numbers, whatever their weights.

    Returns
    -------
    float, or ndarray of float32 of the shape of `logits` with reduction 'none'

    Raises
    ------
    TypeError
        A wrong dtype.
    ValueError
        Shapes that do not fit, the mean of an empty array, an unknown reduction.

    Notes
    -----
    ``-log s(x) = max(-x, 0) + log(1 + exp(-|x|))``, in double precision: nothing overflows, and
    small losses keep their digits. A term whose factor is 0 is 0 even for an infinite logit.
    """
    return of(logits).ops.bce_with_logits(logits, target, weight, pos_weight, reduction)


def bce_with_logits_backward(
    logits: FloatArray,
    target: FloatArray,
    dloss: float | FloatArray = 1.0,
    *,
    weight: FloatArray | None = None,
    pos_weight: FloatArray | None = None,
    reduction: str = "mean",
) -> FloatArray:
    """Gradient of `bce_with_logits` with respect to the logits.

    ``dloss w ((1 - t) s(x) - p t s(-x))``, divided by the count of all numbers for 'mean'; without
    p that is ``dloss w (s(x) - t)``.

    Parameters
    ----------
    logits, target : ndarray of float32
        As in the forward pass.
    dloss : float, or ndarray of float32 of the shape of `logits` with reduction 'none'
        Gradient of what follows with respect to the loss.
    weight, pos_weight, reduction
        As in the forward pass.

    Returns
    -------
    ndarray of float32, the shape of `logits`

    Raises
    ------
    TypeError, ValueError
        As `bce_with_logits`.
    """
    return of(logits).ops.bce_with_logits_backward(
        logits, target, dloss, weight, pos_weight, reduction
    )
