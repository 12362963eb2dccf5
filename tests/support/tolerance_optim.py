"""Bounds for the steps of the optimizers; the rules are those of tolerance.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn import reference
from pycnn.reference.geometry import Array
from support.annotations import Options
from support.tolerance import TINY, gamma, magnitude, sum_bound


def sgd_step(
    w: Array, grad: Array, velocity: Array | None, lr: float, **rest: Any
) -> tuple[Any, Any]:
    """At most three roundings in each of four lines: weight decay, momentum, Nesterov, step.

    All coefficients are non-negative but -lr, so the step with lr < 0 on absolute values adds
    up the magnitudes of all terms.
    """
    w, grad, velocity = magnitude(w), magnitude(grad), magnitude(velocity)
    reference.sgd_step(w, grad, velocity, lr=-lr, **rest)
    return sum_bound(12, w), None if velocity is None else sum_bound(12, velocity)


def adam_step(
    w: Array,
    grad: Array,
    m: Array,
    v: Array,
    *,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> tuple[Array, Array, Array]:
    """Return bounds for w, m and v after the step.

    The gradient takes 3 roundings (weight decay), m 3 more, v 3 more and a square, which doubles
    its errors. The step m' / (sqrt(v') + eps) gets the error of m', divided, and the relative error
    of the denominator; sqrt turns an error e of v' into at most min(sqrt(e), e / sqrt(v')).
    """
    magnitude_w, magnitude_m, magnitude_v = magnitude(w), magnitude(m), v.copy()
    options: Options = {"step": step, "betas": betas, "eps": eps, "weight_decay": weight_decay}
    reference.adam_step(
        magnitude_w, np.abs(grad), magnitude_m, magnitude_v, lr=0.0, decoupled=decoupled, **options
    )
    after_w, after_m, after_v = w.copy(), m.copy(), v.copy()
    reference.adam_step(after_w, grad, after_m, after_v, lr=lr, decoupled=decoupled, **options)
    error_m, error_v = sum_bound(6, magnitude_m), sum_bound(12, magnitude_v)

    correction_m, correction_v = 1 - betas[0] ** step, 1 - betas[1] ** step
    second = after_v / correction_v
    error_second = error_v / correction_v + gamma(2) * second
    denominator = np.sqrt(second) + eps
    by_slope = error_second / np.sqrt(np.where(second > 0, second, TINY))
    error_denominator = np.minimum(np.sqrt(error_second), by_slope) + gamma(4) * denominator
    smallest = denominator - error_denominator
    ratio_error = (error_m + np.abs(after_m) * error_denominator / denominator) / smallest
    ratio_error = np.where(smallest > 0, ratio_error, np.inf)
    ratio = np.abs(after_m) / denominator + ratio_error
    error_w = lr / correction_m * (ratio_error + gamma(6) * ratio) + gamma(6) * np.abs(w)
    return error_w + TINY, error_m, error_v


def _quotient(
    g: Array, error_g: Array, radicand: Array, error: Array, offset: float = 0.0
) -> Array:
    """Return the bound of the error of g / (sqrt(radicand) + offset), with its eight roundings."""

    def ratio(numerator: Array, under: Array) -> Array:
        denominator = np.sqrt(np.maximum(under, 0)) + offset
        positive = denominator > 0
        return np.where(positive, numerator / np.where(positive, denominator, 1), np.inf)

    largest = ratio(np.abs(g) + error_g, radicand - error)
    exact = ratio(np.abs(g), radicand)
    least = ratio(np.maximum(np.abs(g) - error_g, 0), radicand + error)
    # Where the quotient may change its sign, the largest one counts twice.
    opposite = np.where(error_g > np.abs(g), largest, 0)
    return np.asarray(np.maximum(largest - exact, exact - least) + opposite + gamma(8) * largest)


def _mean_square(
    w: Array, grad: Array, mean: Array, keep: float, weight_decay: float
) -> tuple[Array, Array, Array, Array]:
    """g = grad + weight_decay w and mean = keep mean + (1 - keep) g^2, each with its bound."""
    g, size = grad + weight_decay * w, np.abs(grad) + weight_decay * np.abs(w)
    bound = sum_bound(12, keep * mean + (1 - keep) * size * size)
    return g, sum_bound(3, size), keep * mean + (1 - keep) * g * g, bound


def adadelta_step(
    w: Array,
    grad: Array,
    square_avg: Array,
    acc_delta: Array,
    *,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
) -> tuple[Array, Array, Array]:
    """Bounds for w, square_avg and acc_delta: the step is a quotient, and its square is added."""
    g, error_g, mean, error_mean = _mean_square(w, grad, square_avg, rho, weight_decay)
    above = np.sqrt(acc_delta + eps)  # three roundings, in the quotient's spare ones
    error = _quotient(above * g, above * error_g, mean + eps, error_mean + gamma(3) * (mean + eps))
    delta = np.abs(above * g / np.sqrt(mean + eps)) + error
    error = error + gamma(4) * delta + TINY
    after = rho * acc_delta + (1 - rho) * delta**2
    error_after = (1 - rho) * 2 * delta * error + gamma(6) * after + 4 * TINY
    error_w = lr * error + gamma(4) * (np.abs(w) + lr * delta) + TINY
    return error_w, error_mean, error_after


def rmsprop_step(
    w: Array,
    grad: Array,
    square_avg: Array,
    momentum_buffer: Array | None,
    grad_avg: Array | None,
    *,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
) -> tuple[Any, ...]:
    """Bounds for w, square_avg, momentum_buffer and grad_avg: the step is a quotient."""
    g, error_g, mean, error_mean = _mean_square(w, grad, square_avg, alpha, weight_decay)
    variance, error, error_average = mean, error_mean, None
    if grad_avg is not None:
        size = np.abs(grad) + weight_decay * np.abs(w)
        average = np.abs(alpha * grad_avg + (1 - alpha) * g)
        error_average = sum_bound(6, alpha * np.abs(grad_avg) + (1 - alpha) * size)
        variance = np.maximum(mean - average**2, 0)
        largest = average + error_average
        error = error + 2 * largest * error_average + gamma(3) * (mean + largest**2)
    error = error + gamma(2) * variance
    error_step = _quotient(g, error_g, variance, error, eps) + TINY
    denominator = np.sqrt(variance) + eps
    step = np.abs(g) / np.where(denominator > 0, denominator, 1) + error_step
    error_buffer = None
    if momentum_buffer is not None:
        step = momentum * np.abs(momentum_buffer) + step
        error_step = error_buffer = error_step + gamma(4) * step + TINY
    error_w = lr * error_step + gamma(4) * (np.abs(w) + lr * step) + TINY
    return error_w, error_mean, error_buffer, error_average
