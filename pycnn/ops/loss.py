"""Softmax cross entropy and its gradient."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray, IntArray

__all__ = ["softmax_cross_entropy", "softmax_cross_entropy_backward"]


def softmax_cross_entropy(
    logits: FloatArray,
    target: IntArray,
    *,
    weight: FloatArray | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[float | FloatArray, FloatArray]:
    """Negative log-likelihood of the right class under the softmax of the scores.

    With ``p = softmax(logits)``, target t, smoothing e and class weights v (1 if none),

    ``loss[n] = -(1 - e) v[t] log p[n,t] - e / C * sum over j of v[j] log p[n,j]``

    Parameters
    ----------
    logits : ndarray of float32, shape (N, C)
        Scores before the softmax.
    target : ndarray of int64, shape (N,)
        Class of each row, 0..C-1, or `ignore_index`.
    weight : ndarray of float32, shape (C,), optional
        Weight of each class.
    ignore_index : int
        Rows with this target have no loss, no gradient and no part in the mean.
    label_smoothing : float
        e above, between 0 and 1.
    reduction : {'mean', 'sum', 'none'}
        'mean' divides the sum by the total weight of the targets that count.

    Returns
    -------
    loss : float, or ndarray of float32 of shape (N,) with reduction 'none'
        nan for the mean of a batch in which every row is ignored.
    probs : ndarray of float32, shape (N, C)
        The softmax, for `softmax_cross_entropy_backward`.

    Raises
    ------
    TypeError
        A wrong dtype.
    ValueError
        Shapes that do not fit, a target out of range, the mean of an empty batch, an unknown
        reduction, a smoothing outside 0..1.

    Notes
    -----
    The logarithm and the sum over rows are taken in double precision.

    References
    ----------
    C. Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016, section 7 (smoothing).
    """
    return of(logits).ops.softmax_cross_entropy(
        logits, target, weight, ignore_index, label_smoothing, reduction
    )


def softmax_cross_entropy_backward(
    probs: FloatArray,
    target: IntArray,
    dloss: float | FloatArray = 1.0,
    *,
    weight: FloatArray | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> FloatArray:
    """Gradient of `softmax_cross_entropy` with respect to the scores.

    ``dlogits[n,j] = dloss[n] / divisor * ((1 - e) v[t] (p[n,j] - [j = t])
    + e / C * (p[n,j] * sum over i of v[i] - v[j]))``

    Parameters
    ----------
    probs : ndarray of float32, shape (N, C)
        As returned by the forward pass.
    target : ndarray of int64, shape (N,)
        As in the forward pass.
    dloss : float, or ndarray of float32 of shape (N,) with reduction 'none'
        Gradient of what follows with respect to the loss.
    weight, ignore_index, label_smoothing, reduction
        As in the forward pass.

    Returns
    -------
    ndarray of float32, shape (N, C)

    Raises
    ------
    TypeError, ValueError
        As `softmax_cross_entropy`.
    """
    return of(probs).ops.softmax_cross_entropy_backward(
        probs, target, dloss, weight, ignore_index, label_smoothing, reduction
    )
