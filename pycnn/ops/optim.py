"""Optimizer steps, in place on the weights and their state."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray

__all__ = ["adadelta_step", "adam_step", "rmsprop_step", "sgd_step"]


def sgd_step(
    w: FloatArray,
    grad: FloatArray,
    velocity: FloatArray | None = None,
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    first: bool = False,
) -> None:
    """One step of stochastic gradient descent, in place.

    ``g = grad + weight_decay * w``; with momentum, ``velocity = g`` on the first step, else
    ``momentum * velocity + (1 - dampening) * g``, and ``g = g + momentum * velocity`` (Nesterov)
    or ``g = velocity``; ``w -= lr * g``.

    Parameters
    ----------
    w : ndarray of float32, any shape
        Weights, changed in place.
    grad : ndarray of float32, the shape of `w`
    velocity : ndarray of float32, the shape of `w`
        State, changed in place; needed if `momentum` is not 0. Its contents do not matter on the
        first step.
    lr : float
        Learning rate.
    momentum, dampening, weight_decay : float
    nesterov : bool
        Needs momentum, and no dampening.
    first : bool
        Whether this is the first step.

    Raises
    ------
    TypeError, ValueError
        A wrong dtype, different shapes, a read-only array, an array that changes and shares memory
        with another one, a number out of range.

    References
    ----------
    I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum
    in deep learning", ICML 2013; in PyTorch's form, where the learning rate multiplies last.
    """
    of(w).ops.sgd_step(w, grad, velocity, lr, momentum, dampening, weight_decay, nesterov, first)


def adam_step(
    w: FloatArray,
    grad: FloatArray,
    m: FloatArray,
    v: FloatArray,
    *,
    step: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> None:
    """One step of Adam or AdamW, in place.

    ``m = b1 m + (1 - b1) g``, ``v = b2 v + (1 - b2) g^2``,
    ``w -= lr * (m / (1 - b1^step)) / (sqrt(v / (1 - b2^step)) + eps)``,
    where ``g = grad + weight_decay * w``; if `decoupled`, ``g = grad`` and the weights are first
    multiplied by ``1 - lr * weight_decay``.

    Parameters
    ----------
    w : ndarray of float32, any shape
        Weights, changed in place.
    grad : ndarray of float32, the shape of `w`
    m, v : ndarray of float32, the shape of `w`
        Running means of the gradient and its square, zero at first, changed in place.
    step : int
        Number of this step, from 1.
    lr : float
        Learning rate, at most 1e19.
    betas : (float, float)
        b1 and b2, in [0, 1).
    eps : float
        At least ``1e-17 / sqrt(1 - b2)``: 3.2e-16 for a b2 of 0.999.
    weight_decay : float
    decoupled : bool
        AdamW's weight decay instead of an L2 penalty.

    Raises
    ------
    TypeError, ValueError
        A wrong dtype, different shapes, a read-only array, an array that changes and shares memory
        with another one, a number out of range.

    Notes
    -----
    Squares below 2^-126 count as zero, so ``sqrt(v / (1 - b2^step))`` may be too small by
    ``2^-62 / sqrt(1 - b2)``. For an eps in its range this is at most ``2^-62 / (eps sqrt(1 - b2))``
    of the divisor: 7e-10 by default, 2.2 % at the limit. The rounding of single precision comes on
    top, and so does ``lr 2^-124 / (eps (1 - b1))`` for denormal gradients and products.

    A v above 3.4e38 is infinite: after one gradient above ``1.8e19 / sqrt(1 - b2)`` (5.8e20 by
    default), or lasting ones above 1.8e19. Such a number no longer moves. Before that, steps are
    finite while lr times the largest gradient is below 3.4e38. NaN and infinities in the gradient
    become NaN in the weight.

    References
    ----------
    D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1.
    I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2.
    """
    of(w).ops.adam_step(w, grad, m, v, step, lr, betas, eps, weight_decay, decoupled)


def adadelta_step(
    w: FloatArray,
    grad: FloatArray,
    square_avg: FloatArray,
    acc_delta: FloatArray,
    *,
    lr: float = 1.0,
    rho: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
) -> None:
    """One step of Adadelta, in place.

    ``g = grad + weight_decay * w``, ``square_avg = rho * square_avg + (1 - rho) g^2``,
    ``delta = sqrt(acc_delta + eps) / sqrt(square_avg + eps) * g``,
    ``acc_delta = rho * acc_delta + (1 - rho) delta^2``, ``w -= lr * delta``.

    Parameters
    ----------
    w : ndarray of float32, any shape
        Weights, changed in place.
    grad : ndarray of float32, the shape of `w`
    square_avg, acc_delta : ndarray of float32, the shape of `w`
        Running means of the squares of the gradient and of the steps, zero at first, changed in
        place.
    lr : float
        Factor of the step; 1 in the published method.
    rho : float
        Share of the old means that is kept, in [0, 1].
    eps : float
        At least ``1e-36 / (1 - rho)``, or 1e-36 for a rho of 1.
    weight_decay : float

    Raises
    ------
    TypeError, ValueError
        A wrong dtype, different shapes, a read-only array, an array that changes and shares memory
        with another one, a number out of range.

    Notes
    -----
    Squares below 2^-126 count as zero, so either mean may be too small by ``2^-125 / (1 - rho)``.
    That is at most ``2^-125 / ((1 - rho) eps)`` of the numbers under the roots: 2e-31 by default,
    2.4 % at the limit of eps. A mean square above 3.4e38 is infinite: after one gradient above
    ``1.8e19 / sqrt(1 - rho)`` (5.8e19 by default), or lasting ones above 1.8e19. Such a number no
    longer moves. NaN and infinities in the gradient become NaN in the weight.

    References
    ----------
    M. Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, algorithm 1; in PyTorch's form,
    with a learning rate.
    """
    of(w).ops.adadelta_step(w, grad, square_avg, acc_delta, lr, rho, eps, weight_decay)


def rmsprop_step(
    w: FloatArray,
    grad: FloatArray,
    square_avg: FloatArray,
    momentum_buffer: FloatArray | None = None,
    grad_avg: FloatArray | None = None,
    *,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
) -> None:
    """One step of RMSprop, in place.

    ``g = grad + weight_decay * w``, ``square_avg = alpha * square_avg + (1 - alpha) g^2``,
    ``step = g / (sqrt(square_avg) + eps)``, ``w -= lr * step``.

    With `grad_avg` the mean square is centered: ``grad_avg = alpha * grad_avg + (1 - alpha) g`` and
    ``square_avg - grad_avg^2`` is under the root (or 0, where rounding makes it negative). With
    momentum, ``momentum_buffer = momentum * momentum_buffer + step`` is the step.

    Parameters
    ----------
    w : ndarray of float32, any shape
        Weights, changed in place.
    grad : ndarray of float32, the shape of `w`
    square_avg : ndarray of float32, the shape of `w`
        Running mean of the square of the gradient, zero at first, changed in place.
    momentum_buffer : ndarray of float32, the shape of `w`, optional
        Running sum of the steps, zero at first, changed in place; given if and only if `momentum`
        is not 0.
    grad_avg : ndarray of float32, the shape of `w`, optional
        Running mean of the gradient, zero at first, changed in place.
    lr : float
        Learning rate.
    alpha : float
        Share of the old means that is kept, in [0, 1].
    eps : float
        At least ``1e-17 / sqrt(1 - alpha)``, or 1e-17 for an alpha of 1.
    weight_decay, momentum : float

    Raises
    ------
    TypeError, ValueError
        A wrong dtype, different shapes, a read-only array, an array that changes and shares memory
        with another one, a number out of range.

    Notes
    -----
    As for `adam_step`, squares below 2^-126 count as zero; this changes the divisor by at most
    ``2^-62 / (eps sqrt(1 - alpha))`` of it. A mean square above 3.4e38 is infinite: after one
    gradient above ``1.8e19 / sqrt(1 - alpha)`` (1.8e20 by default), or lasting ones above 1.8e19.
    Such a number no longer moves, except by its momentum. These bounds do not hold for the centered
    form: the variance of gradients that hardly change is a difference of nearly equal numbers. It
    may lose all its digits, and then eps alone is the divisor.

    References
    ----------
    T. Tieleman, G. Hinton, "Lecture 6.5 - RMSProp", Neural Networks for Machine Learning, 2012; the
    centered form: A. Graves, "Generating Sequences With Recurrent Neural Networks", 2013, equations
    38 to 41, with eps outside of the root as in PyTorch.
    """
    of(w).ops.rmsprop_step(
        w, grad, square_avg, momentum_buffer, grad_avg, lr, alpha, eps, weight_decay, momentum
    )
