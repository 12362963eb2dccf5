"""Functions of each number that are chosen by name, and their slopes.

NaN passes. Where the formula has no value at an infinity (0 times infinity), the limit counts.
"""

from __future__ import annotations

import numpy as np

from pycnn.reference.activation import sigmoid
from pycnn.reference.geometry import Array

__all__ = ["activation", "activation_backward"]

KINDS = (
    "silu",
    "elu",
    "hardswish",
    "hardsigmoid",
    "softplus",
    "mish",
    "hardtanh",
    "negative",
    "focal",
)

# exp(-800) is 0 in float64, and exp(800) is not needed.
_FAR = 800.0


def activation(x: Array, kind: str, a: float = 0.0, b: float = 0.0) -> Array:
    """Apply the function `kind`; `pycnn.ops.activation` has the table of formulas.

    Parameters, results and errors are those of `pycnn.ops.activation`.
    """
    _check(kind)
    held = np.maximum(x, -_FAR)
    if kind == "silu":
        y = held * sigmoid(held)
    elif kind == "elu":
        y = np.where(x < 0, a * np.expm1(np.minimum(x, 0)), x)
    elif kind == "hardswish":
        low = np.maximum(x, -3)
        y = np.where(x >= 3, x, low * ((low + 3) / 6))
    elif kind == "hardsigmoid":
        y = np.clip(x + 3, 0, 6) / 6
    elif kind == "softplus":
        z = a * x
        y = np.where(z > b, x, (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / a)
    elif kind == "mish":
        y = held * _mish_factor(held)
    elif kind == "hardtanh":
        y = np.clip(x, a, b)
    elif kind == "negative":
        y = np.minimum(x, 0)
    else:
        y = b * x * _power(-np.expm1(np.minimum(x, 0)), a)
    return np.asarray(y, x.dtype)


def activation_backward(dy: Array, x: Array, kind: str, a: float = 0.0, b: float = 0.0) -> Array:
    """Multiply by the slope of the function `kind` at x, 0 where it is 0 on a whole side.

    Parameters, results and errors are those of `pycnn.ops.activation_backward`.
    """
    _check(kind)
    held = np.clip(x, -_FAR, _FAR)
    if kind == "silu":
        dx = dy * (sigmoid(held) + held * sigmoid(held) * sigmoid(-held))
    elif kind == "elu":
        dx = np.where(x <= 0, dy * (a * np.exp(np.minimum(x, 0))), dy)
    elif kind == "hardswish":
        dx = np.where(x <= -3, 0, np.where(x >= 3, dy, dy * (np.clip(x, -3, 3) / 3 + 0.5)))
    elif kind == "hardsigmoid":
        dx = np.where((x <= -3) | (x >= 3), 0, dy / 6)
    elif kind == "softplus":
        dx = np.where(a * x > b, dy, dy * sigmoid(a * x))
    elif kind == "mish":
        t = _mish_factor(held)
        dx = dy * (t + held * sigmoid(held) * (1 - t) * (1 + t))
    elif kind == "hardtanh":
        dx = np.where((x <= a) | (x >= b), 0, dy)
    elif kind == "negative":
        dx = np.where(x > 0, 0, dy)
    else:
        v = np.clip(x, -_FAR, 0)
        rest = -np.expm1(v)
        ratio = np.where(rest > 0, -v / np.where(rest > 0, rest, 1), np.where(rest == 0, 1, rest))
        dx = dy * b * _power(rest, a) * (1 + a * np.exp(v) * ratio)
    return np.asarray(dx, x.dtype)


def _check(kind: str) -> None:
    if kind not in KINDS:
        raise ValueError(f"[activation] kind must be one of {', '.join(KINDS)}, got {kind!r}")


def _mish_factor(x: Array) -> Array:
    """Return ``tanh(log(1 + exp(x)))`` from exp(-|x|), which does not overflow."""
    e = np.exp(-np.abs(x))
    top = np.where(x < 0, e * (e + 2), 1 + 2 * e)
    return np.asarray(top / (top + np.where(x < 0, 2, 2 * e * e)))


def _power(base: Array, exponent: float) -> Array:
    """Return a power; that of 0 is 0, or 1 if the exponent is 0."""
    return np.asarray(np.where(base == 0, float(exponent == 0), np.power(base, exponent)))
