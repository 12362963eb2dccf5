"""Optimizer steps, in place on the weights and their state."""

from __future__ import annotations

from pycnn import _core
from pycnn.ops.types import FloatArray


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
        A wrong dtype, different shapes, a read-only array, a number out of range.

    References
    ----------
    I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum
    in deep learning", ICML 2013; in PyTorch's form, where the learning rate multiplies last.
    """
    _core.sgd_step(w, grad, velocity, lr, momentum, dampening, weight_decay, nesterov, first)


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
        Learning rate.
    betas : (float, float)
        b1 and b2, in [0, 1).
    eps : float
    weight_decay : float
    decoupled : bool
        AdamW's weight decay instead of an L2 penalty.

    Raises
    ------
    TypeError, ValueError
        A wrong dtype, different shapes, a read-only array, a number out of range.

    References
    ----------
    D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1.
    I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, algorithm 2.
    """
    beta1, beta2 = betas
    _core.adam_step(w, grad, m, v, step, lr, beta1, beta2, eps, weight_decay, decoupled)
