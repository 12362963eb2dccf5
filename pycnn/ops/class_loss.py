"""Losses of rows with a number for each class: negative log-likelihood, and LeCun's criterion."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray, IntArray

__all__ = ["map_loss", "map_loss_backward", "nll_loss", "nll_loss_backward"]


def nll_loss(
    log_probs: FloatArray,
    target: IntArray,
    *,
    weight: FloatArray | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> float | FloatArray:
    """Negative log-likelihood of the right class.

    ``loss[n] = -w[t] log_probs[n,t]`` with t = target[n].

    Parameters
    ----------
    log_probs : ndarray of float32, shape (N, C)
        Logarithms of the probabilities, as from `log_softmax`.
    target : ndarray of int64, shape (N,)
        Class of each row, 0..C-1, or `ignore_index`.
    weight : ndarray of float32, shape (C,), optional
        Weight w of each class, 1 by default.
    ignore_index : int
        Rows with this target have no loss, no gradient and no part in the mean.
    reduction : {'mean', 'sum', 'none'}
        'mean' divides the sum by the total weight of the targets that count.

    Returns
    -------
    float, or ndarray of float32 of shape (N,) with reduction 'none'
        nan for the mean of a batch in which every row is ignored.

    Raises
    ------
    TypeError
        A wrong dtype.
    ValueError
        Shapes that do not fit, a target out of range, the mean of an empty batch, an unknown
        reduction.
    """
    return of(log_probs).ops.nll_loss(log_probs, target, weight, ignore_index, reduction)


def nll_loss_backward(
    log_probs: FloatArray,
    target: IntArray,
    dloss: float | FloatArray = 1.0,
    *,
    weight: FloatArray | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> FloatArray:
    """Gradient of `nll_loss` with respect to the logarithms.

    ``-w[t] dloss[n]`` for the class t of row n, 0 elsewhere; 'mean' divides it by the total weight.

    Parameters
    ----------
    log_probs : ndarray of float32, shape (N, C)
        As in the forward pass; only its shape matters.
    target : ndarray of int64, shape (N,)
    dloss : float, or ndarray of float32 of shape (N,) with reduction 'none'
        Gradient of what follows with respect to the loss.
    weight, ignore_index, reduction
        As in the forward pass.

    Returns
    -------
    ndarray of float32, shape (N, C)

    Raises
    ------
    TypeError, ValueError
        As `nll_loss`.
    """
    return of(log_probs).ops.nll_loss_backward(
        log_probs, target, dloss, weight, ignore_index, reduction
    )


def map_loss(
    distances: FloatArray, target: IntArray, *, j: float = 0.1, reduction: str = "mean"
) -> float | FloatArray:
    """Maximum a posteriori criterion of LeCun et al. on distances to the classes.

    ``loss[n] = d[n,t] + log(exp(-j) + sum over i of exp(-d[n,i]))`` with t = target[n].

    Parameters
    ----------
    distances : ndarray of float32, shape (N, C)
        d, such as the outputs of Euclidean RBF units: the smaller, the better the class fits. They
        are given as they are, not negated.
    target : ndarray of int64, shape (N,)
        Class of each row, 0..C-1.
    j : float
        Distance of a "rubbish" class that competes with the others, above 0: classes much farther
        than j are hardly pushed further away.
    reduction : {'mean', 'sum', 'none'}
        'mean' is the average over the rows, E(W) of the paper.

    Returns
    -------
    float, or ndarray of float32 of shape (N,) with reduction 'none'
        At least 0 if all distances are.

    Raises
    ------
    TypeError
        A wrong dtype.
    ValueError
        Shapes that do not fit, a target out of range, a `j` that is not positive, the mean of an
        empty batch, an unknown reduction.

    Notes
    -----
    It is the cross entropy of the scores ``-d`` and of one more class that always scores ``-j``.
    The largest score is taken out of the logarithm, so that nothing overflows. Exponentials,
    logarithms and sums are computed in double precision.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document
    Recognition", Proceedings of the IEEE 86, 1998, section III-C, equation 9. The paper prints no
    value for j.
    """
    return of(distances).ops.map_loss(distances, target, j, reduction)


def map_loss_backward(
    distances: FloatArray,
    target: IntArray,
    dloss: float | FloatArray = 1.0,
    *,
    j: float = 0.1,
    reduction: str = "mean",
) -> FloatArray:
    """Gradient of `map_loss` with respect to the distances.

    ``gradient[n,k] = dloss[n] ([k = t] - exp(-d[n,k]) / (exp(-j) + sum over i of exp(-d[n,i])))``,
    divided by N for 'mean'. A step against it pulls the right class closer and pushes the others
    away, most of all the nearest.

    Parameters
    ----------
    distances : ndarray of float32, shape (N, C)
    target : ndarray of int64, shape (N,)
        Both as in the forward pass.
    dloss : float, or ndarray of float32 of shape (N,) with reduction 'none'
        Gradient of what follows with respect to the loss.
    j, reduction
        As in the forward pass.

    Returns
    -------
    ndarray of float32, shape (N, C)

    Raises
    ------
    TypeError, ValueError
        As `map_loss`.
    """
    return of(distances).ops.map_loss_backward(distances, target, dloss, j, reduction)
