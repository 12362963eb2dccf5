"""Losses of single numbers that are chosen by name: one op, and its gradient."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray

__all__ = ["pointwise_loss", "pointwise_loss_backward"]


def pointwise_loss(
    output: FloatArray,
    target: FloatArray,
    kind: str,
    *,
    a: float = 0.0,
    b: float = 0.0,
    weight: FloatArray | None = None,
    divisor: float = 1.0,
    reduction: str = "mean",
) -> float | FloatArray:
    """Loss of each output o and target t, chosen by name.

    With d = abs(o - t) and s(o) = 1 / (1 + exp(-o)):

    ================ ======================================================== ===============
    kind             loss                                                     numbers
    ================ ======================================================== ===============
    'l1'             ``d``                                                    none
    'smooth_l1'      ``d^2 / (2 a)`` if ``d < a``, else ``d - a / 2``         a >= 0
    'huber'          ``d^2 / 2`` if ``d < a``, else ``a (d - a / 2)``         a > 0
    'kl_div'         ``t (log t - o)``; o is a log-probability                none
    'kl_div_log'     ``exp(t) (t - o)``; t is a log-probability, too          none
    'bce'            ``-t log o - (1 - t) log(1 - o)``, logarithms >= -100    none
    'focal'          ``v q^b h`` of a logit o                                 a <= 1, b >= 0
    'cross_entropy'  ``-((1 - a) t + b) o``; o is a log-probability           0 <= a <= 1, b
    ================ ======================================================== ===============

    In 'focal', ``h = -t log s(o) - (1 - t) log(1 - s(o))``, ``q = t (1 - s(o)) + (1 - t) s(o)`` is
    the probability of the wrong answer, and ``v = a t + (1 - a) (1 - t)``, 1 if a is negative.

    Parameters
    ----------
    output : ndarray of float32, any shape
    target : ndarray of float32, the shape of `output`
    kind : str
        A name of the table.
    a, b : float
        The numbers of the table; 0 where a kind does not take them.
    weight : ndarray of float32, optional
        Factor of each loss, of the shape of `output` or of its last axes.
    divisor : float
        With reduction 'sum', the sum is divided by it.
    reduction : {'mean', 'sum', 'none'}
        'mean' divides the sum by the count of all numbers, whatever their weights.

    Returns
    -------
    float, or ndarray of float32 of the shape of `output` with reduction 'none'

    Raises
    ------
    TypeError
        A wrong dtype.
    ValueError
        Shapes that do not fit, the mean of an empty array, an unknown kind or reduction, numbers
        that are not as in the table, a divisor that is not above 0, or is not 1 with another
        reduction.

    Notes
    -----
    In double precision, rounded once. A term whose factor is 0 is 0 even where its logarithm is
    infinite. Probabilities outside [0, 1] give NaN.

    References
    ----------
    P. J. Huber, "Robust estimation of a location parameter", 1964; R. Girshick, "Fast R-CNN", ICCV
    2015 (smooth L1); T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.
    """
    return of(output).ops.pointwise_loss(output, target, kind, a, b, weight, divisor, reduction)


def pointwise_loss_backward(
    output: FloatArray,
    target: FloatArray,
    kind: str,
    dloss: float | FloatArray = 1.0,
    *,
    a: float = 0.0,
    b: float = 0.0,
    weight: FloatArray | None = None,
    divisor: float = 1.0,
    reduction: str = "mean",
) -> FloatArray:
    """Gradient of `pointwise_loss` with respect to the output.

    The slope of 'l1' where o = t is 0. That of 'bce' is ``(o - t) / max(o (1 - o), 1e-12)``.

    Parameters
    ----------
    output, target : ndarray of float32
        As in the forward pass.
    kind : str
        As in the forward pass.
    dloss : float, or ndarray of float32 of the shape of `output` with reduction 'none'
        Gradient of what follows with respect to the loss.
    a, b, weight, divisor, reduction
        As in the forward pass.

    Returns
    -------
    ndarray of float32, the shape of `output`

    Raises
    ------
    TypeError, ValueError
        As `pointwise_loss`.
    """
    return of(output).ops.pointwise_loss_backward(
        output, target, kind, dloss, a, b, weight, divisor, reduction
    )
