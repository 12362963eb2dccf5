"""One update of the parameters, in place: optimizers with PyTorch's formulas."""

from __future__ import annotations

import numpy as np

from pycnn._arguments import apart
from pycnn.reference.geometry import Array

__all__ = ["adadelta_step", "adam_step", "rmsprop_step", "sgd_step"]


def sgd_step(
    w: Array,
    grad: Array,
    velocity: Array | None = None,
    *,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    first: bool = False,
) -> None:
    """Stochastic gradient descent: `w` and `velocity` change in place.

    With ``g = grad + weight_decay w`` the velocity becomes ``momentum v + (1 - dampening) g``
    (on the first step just ``g``), and ``w -= lr v``; Nesterov's variant steps along
    ``g + momentum v`` instead, and plain SGD along ``g``.
    Parameters, results and errors are those of `pycnn.ops.sgd_step`.
    """
    apart("sgd_step", {"w": w, "velocity": velocity}, {"grad": grad})
    if (velocity is not None) != (momentum != 0):
        raise ValueError("[sgd_step] velocity is required if and only if momentum is not zero")
    g = grad + weight_decay * w
    if velocity is not None:
        velocity[...] = g if first else momentum * velocity + (1 - dampening) * g
        g = g + momentum * velocity if nesterov else velocity
    w -= lr * g


def adam_step(
    w: Array,
    grad: Array,
    m: Array,
    v: Array,
    *,
    step: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> None:
    """Adam, or AdamW with ``decoupled=True``: `w`, `m` and `v` change in place.

    ``m = b1 m + (1 - b1) g``, ``v = b2 v + (1 - b2) g^2``,
    ``w -= lr / (1 - b1^step) m / (sqrt(v / (1 - b2^step)) + eps)``, where Adam decays through the
    gradient, ``g = grad + weight_decay w``, and AdamW first does ``w *= 1 - lr weight_decay``.
    Parameters, results and errors are those of `pycnn.ops.adam_step`.
    """
    apart("adam_step", {"w": w, "m": m, "v": v}, {"grad": grad})
    beta1, beta2 = betas
    if decoupled:
        w *= 1 - lr * weight_decay
        g = grad
    else:
        g = grad + weight_decay * w
    m[...] = beta1 * m + (1 - beta1) * g
    v[...] = beta2 * v + (1 - beta2) * g * g
    w -= lr / (1 - beta1**step) * m / (np.sqrt(v / (1 - beta2**step)) + eps)


def adadelta_step(
    w: Array,
    grad: Array,
    square_avg: Array,
    acc_delta: Array,
    *,
    lr: float = 1.0,
    rho: float = 0.9,
    eps: float = 1e-6,
    weight_decay: float = 0.0,
) -> None:
    """Adadelta: `w`, `square_avg` and `acc_delta` change in place.

    The step along ``g = grad + weight_decay w`` is ``delta = sqrt(acc_delta + eps) g /
    sqrt(square_avg + eps)``, with running means of g^2 (this one included) and of delta^2 (up to
    the last one); ``w -= lr delta``.
    Parameters, results and errors are those of `pycnn.ops.adadelta_step`.
    """
    apart(
        "adadelta_step", {"w": w, "square_avg": square_avg, "acc_delta": acc_delta}, {"grad": grad}
    )
    g = grad + weight_decay * w
    square_avg[...] = rho * square_avg + (1 - rho) * g * g
    delta = np.sqrt(acc_delta + eps) / np.sqrt(square_avg + eps) * g
    acc_delta[...] = rho * acc_delta + (1 - rho) * delta * delta
    w -= lr * delta


def rmsprop_step(
    w: Array,
    grad: Array,
    square_avg: Array,
    momentum_buffer: Array | None = None,
    grad_avg: Array | None = None,
    *,
    lr: float,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
) -> None:
    """RMSprop: `w` and all state arrays change in place.

    The step along ``g = grad + weight_decay w`` is ``g / (sqrt(v) + eps)``, v the running mean of
    g^2, less the square of the running mean of g (at least 0) if there is a `grad_avg`; the
    momentum buffer adds up steps, ``buffer = momentum buffer + step``, and ``w -= lr buffer``.
    Parameters, results and errors are those of `pycnn.ops.rmsprop_step`.
    """
    states = {"square_avg": square_avg, "momentum_buffer": momentum_buffer, "grad_avg": grad_avg}
    apart("rmsprop_step", {"w": w, **states}, {"grad": grad})
    if (momentum_buffer is not None) != (momentum != 0):
        raise ValueError("[rmsprop_step] momentum_buffer is required if and only if momentum is")
    g = grad + weight_decay * w
    square_avg[...] = alpha * square_avg + (1 - alpha) * g * g
    variance = square_avg
    if grad_avg is not None:
        grad_avg[...] = alpha * grad_avg + (1 - alpha) * g
        variance = np.maximum(square_avg - grad_avg * grad_avg, 0)
    step = g / (np.sqrt(variance) + eps)
    if momentum_buffer is not None:
        momentum_buffer[...] = momentum * momentum_buffer + step
        step = momentum_buffer
    w -= lr * step
