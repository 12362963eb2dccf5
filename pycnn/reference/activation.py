"""Functions of each number alone, and their gradients.

NaN passes through all of them. Where the formula has no value at an infinity (0 times infinity),
the limit counts: `gelu` of minus infinity is zero.
"""

from __future__ import annotations

import math

import numpy as np

from pycnn.reference.geometry import Array

__all__ = [
    "gelu",
    "gelu_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "tanh",
    "tanh_backward",
]

# Beyond this, the normal distribution function is 0 or 1 in float64.
_FAR = 40.0


def relu(x: Array) -> Array:
    """``y = 0 if x < 0 else x``, so that NaN passes.

    Parameters, results and errors are those of `pycnn.ops.relu`.
    """
    return np.where(x < 0, np.zeros_like(x), x)


def relu_backward(dy: Array, y: Array) -> Array:
    """Gradient of `relu`: ``dx = 0 if y <= 0 else dy``.

    Parameters, results and errors are those of `pycnn.ops.relu_backward`.
    """
    return np.where(y <= 0, np.zeros_like(dy), dy)


def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """``y = negative_slope * x if x < 0 else x``.

    Parameters, results and errors are those of `pycnn.ops.leaky_relu`.
    """
    return np.asarray(x * np.where(x < 0, np.asarray(negative_slope, x.dtype), np.ones_like(x)))


def leaky_relu_backward(dy: Array, x: Array, negative_slope: float = 0.01) -> Array:
    """Gradient of `leaky_relu`: ``dx = negative_slope * dy if x <= 0 else dy``.

    Parameters, results and errors are those of `pycnn.ops.leaky_relu_backward`.
    """
    slope = np.where(x <= 0, np.asarray(negative_slope, dy.dtype), np.ones_like(dy))
    return np.asarray(dy * slope)


def tanh(x: Array, *, amplitude: float = 1.0, slope: float = 1.0) -> Array:
    """``y = amplitude * tanh(slope * x)``.

    Parameters, results and errors are those of `pycnn.ops.tanh`.
    """
    return np.asarray(amplitude * np.tanh(slope * x))


def tanh_backward(dy: Array, y: Array, *, amplitude: float = 1.0, slope: float = 1.0) -> Array:
    """Gradient of `tanh`, from its output: ``dx = dy * amplitude * slope * (1 - (y/amplitude)^2)``.

    The difference of squares is a product, ``(amplitude - y) (amplitude + y) / amplitude^2``.
    Parameters, results and errors are those of `pycnn.ops.tanh_backward`.
    """
    return np.asarray(dy * (slope / amplitude) * (amplitude - y) * (amplitude + y))


def sigmoid(x: Array) -> Array:
    """``y = 1 / (1 + exp(-x))``, written so that exp does not overflow.

    Parameters, results and errors are those of `pycnn.ops.sigmoid`.
    """
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0, e, np.ones_like(e)) / (1 + e))


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """Gradient of `sigmoid`, from its output: ``dx = dy * y * (1 - y)``.

    Parameters, results and errors are those of `pycnn.ops.sigmoid_backward`.
    """
    return np.asarray(dy * y * (1 - y))


def _normal_distribution(x: Array) -> Array:
    """``P(X <= x) = erfc(-x / sqrt(2)) / 2`` for a standard normal X, one number at a time."""
    values = [math.erfc(-v / math.sqrt(2)) / 2 for v in x.ravel().tolist()]
    return np.array(values, x.dtype).reshape(x.shape)


def _check_form(approximate: str) -> None:
    if approximate not in ("none", "tanh"):
        raise ValueError(f"[gelu] approximate must be 'none' or 'tanh', got {approximate!r}")


def gelu(x: Array, approximate: str = "none") -> Array:
    r"""``y = x F(x)``, F the normal distribution function.

    ``approximate='tanh'`` replaces F by :math:`(1 + \tanh v) / 2`, with
    :math:`v = \sqrt{2 / \pi}\,(x + 0.044715\,x^3)`; this is the logistic function of 2 v.
    Parameters, results and errors are those of `pycnn.ops.gelu`.
    """
    _check_form(approximate)
    held = np.maximum(x, -_FAR)
    if approximate == "none":
        return np.asarray(held * _normal_distribution(held))
    return np.asarray(held * sigmoid(2 * math.sqrt(2 / math.pi) * (held + 0.044715 * held**3)))


def gelu_backward(dy: Array, x: Array, approximate: str = "none") -> Array:
    """Gradient of `gelu`: ``dx = dy (F(x) + x F'(x))``, F the function that multiplies x.

    Parameters, results and errors are those of `pycnn.ops.gelu_backward`.
    """
    _check_form(approximate)
    held = np.clip(x, -_FAR, _FAR)
    if approximate == "none":
        density = np.exp(-held * held / 2) / math.sqrt(2 * math.pi)
        return np.asarray(dy * (_normal_distribution(held) + held * density))
    two_v = 2 * math.sqrt(2 / math.pi) * (held + 0.044715 * held**3)
    slope = 2 * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * held**2)
    factor = sigmoid(two_v)
    return np.asarray(dy * (factor + held * factor * sigmoid(-two_v) * slope))
