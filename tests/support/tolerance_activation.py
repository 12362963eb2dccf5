"""Bounds for activations and local response normalisation; see `tolerance`.

Errors are counted in units of u = 2^-24. The functions themselves are granted ELEMENTARY units
(exp, log, tanh, the logistic function) or NORMAL_TAIL (the normal distribution's tail, whose
exponential is that of a square); every other operation takes one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pycnn import reference
from pycnn.reference.geometry import Array
from support.tolerance import ELEMENTARY, SECOND_ORDER, TINY, U, gamma

NORMAL_TAIL = 6

# A factor below TINY is flushed to zero, and the other factor of a gelu is at most 14 there.
FLUSHED = 16 * TINY


def relative(units: Any, y: Array) -> Array:
    return np.asarray(U * SECOND_ORDER * units * np.abs(y) + TINY)


def tanh(y: Array) -> Array:
    """Two constants and two products; the error of the argument z counts z tanh'(z) <= tanh(z)."""
    return relative(ELEMENTARY + 4, y)


def tanh_backward(dy: Array, y: Array, amplitude: float, slope: float) -> Array:
    """Six operations; and the amplitude's own rounding, which `amplitude - y` may uncover."""
    ratio, a = abs(slope / amplitude), abs(amplitude)
    exact = reference.tanh_backward(dy, y, amplitude=amplitude, slope=slope)
    uncovered = np.abs(dy) * ratio * a * ((a + np.abs(y)) + np.abs(a - np.abs(y)))
    return relative(6, exact) + gamma(2) * uncovered + (1 + np.abs(dy)) * FLUSHED


def sigmoid(y: Array) -> Array:
    return relative(ELEMENTARY, y)


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """A difference and two products."""
    return relative(3, reference.sigmoid_backward(dy, y)) + np.abs(dy) * TINY


def _held(x: Array) -> Array:
    return np.clip(x, -40, 40)


def _two_v(x: Array) -> Array:
    """Return the argument of the logistic function in gelu's tanh form."""
    return 2 * math.sqrt(2 / math.pi) * (_held(x) + 0.044715 * _held(x) ** 3)


def gelu(x: Array, approximate: str) -> Array:
    """1 - tail doubles the tail's error at most, and two operations follow.

    In the tanh form, the argument 2 v has seven operations and two constants, and an absolute error
    d of it changes the logistic function s(2 v) by a share of s(-2 v) d.
    """
    y = reference.gelu(x, approximate)
    if approximate == "none":
        return relative(NORMAL_TAIL + 2, y) + FLUSHED
    argument = np.abs(_two_v(x)) * reference.sigmoid(-_two_v(x))
    return relative(ELEMENTARY + 1 + 9 * argument, y) + FLUSHED


def gelu_backward(dy: Array, x: Array, approximate: str) -> Array:
    """Each term has its own error, and the terms may cancel: their magnitudes add up."""
    x = _held(x)
    if approximate == "none":
        first = np.where(x == 0, 0.5, reference.gelu(x, "none") / np.where(x == 0, 1, x))
        second = np.abs(x) * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        units, flushed = np.asarray(NORMAL_TAIL + 6), np.asarray(FLUSHED)
    else:
        two_v = _two_v(x)
        slope = 2 * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
        first = reference.sigmoid(two_v)
        second = np.abs(x) * first * reference.sigmoid(-two_v) * slope
        units = 2 * ELEMENTARY + 14 + 2 * 9 * np.abs(two_v)
        flushed = (1 + np.abs(x) * slope) * TINY
    return np.asarray(relative(units, np.abs(dy) * (first + second)) + (1 + np.abs(dy)) * flushed)


def softmax_backward(dy: Array, p: Array) -> Array:
    """A sum of C products, a difference and a product."""
    columns = p.shape[1]
    total = (np.abs(dy) * p).sum(axis=1, keepdims=True)
    return np.asarray(gamma(columns + 3) * p * (np.abs(dy) + total) + (columns + 3) * TINY)


def _power_units(scale: Array, units: float, beta: float) -> Array:
    """Return the units of error of scale^-beta, for a scale with `units` of them.

    By square roots, the powers 1/2 and 3/4, and four operations; else exp(-beta log(scale)), where
    the relative error of the exponent counts |beta log(scale)| times.
    """
    if beta == 0.75:
        return np.full_like(scale, 0.75 * units + 4)
    return beta * units + (ELEMENTARY + 2) * beta * np.abs(np.log(scale)) + ELEMENTARY + 1


def local_response_norm(
    x: Array, size: int, *, alpha: float, beta: float, k: float, form: str
) -> tuple[Array, Array]:
    """The scale has `size` products and sums, two constants, a product and a sum."""
    y, scale = reference.local_response_norm(x, size, alpha=alpha, beta=beta, k=k, form=form)
    units = min(size, x.shape[1]) + 4
    # A square below TINY, and the product of alpha and the sum, may be flushed.
    flushed = (alpha * size + 1) * TINY / scale
    own = _power_units(scale, units, beta) + 1
    return relative(own, y) + np.abs(y) * beta * flushed, relative(units, scale) + flushed * scale


def local_response_norm_backward(
    dy: Array, x: Array, y: Array, scale: Array, size: int, *, alpha: float, beta: float, form: str
) -> Array:
    """Direct: the power, a product. Through the scale: two operations a quotient, sums, four."""
    direct = np.abs(dy) * scale**-beta
    total = direct - reference.local_response_norm_backward(
        np.abs(dy), np.abs(x), np.abs(y), scale, size, alpha=alpha, beta=beta, form=form
    )
    units = min(size, x.shape[1]) + 6
    flushed = (1 + np.abs(x)) * (size + 1) * TINY * (1 + 2 * alpha * beta)
    return relative(_power_units(scale, 0, beta) + 2, direct) + relative(units, total) + flushed
