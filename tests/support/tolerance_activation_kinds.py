"""Bounds for the kinds of `ops.activation`; see `tolerance` and `tolerance_activation`.

Every slope is a sum of terms whose own errors are relative; where terms of both signs meet, their
magnitudes count.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn import reference
from pycnn.reference.geometry import Array
from support.tolerance import ELEMENTARY, TINY
from support.tolerance_activation import relative

# exp(x) below TINY is flushed to zero, and x, which multiplies it, is at most 104 there.
VANISHED = 128 * TINY


def activation(x: Array, kind: str, a: float, b: float) -> Array:
    """Units of each kind's operations; the argument a x of an exponential is rounded itself."""
    y = reference.activation(x, kind, a, b)
    if kind in ("hardtanh", "negative"):
        return np.zeros_like(y)
    units: Any = {"silu": 3, "elu": 2, "hardswish": 4, "hardsigmoid": 3, "mish": 7}.get(kind, 0)
    if kind == "softplus":
        units = 8 + np.abs(np.minimum(a * x, 0))
    if kind == "focal":
        units = _power_units(x, a) + 2
    return relative(ELEMENTARY + units, y) + _vanished(kind, a)


def activation_backward(dy: Array, x: Array, kind: str, a: float, b: float) -> Array:
    """Return units of the operations, and of those of both terms where two are added."""
    exact = reference.activation_backward(dy, x, kind, a, b)
    magnitude = np.abs(exact)
    units: Any = {"elu": 2, "hardswish": 4, "hardsigmoid": 2}.get(kind, 0)
    if kind in ("hardtanh", "negative"):
        return np.zeros_like(exact)
    held = np.clip(x, -800, 800)
    if kind == "silu":
        s = reference.sigmoid(held)
        magnitude = np.abs(dy) * (s + np.abs(held) * s * reference.sigmoid(-held))
        units = 2 * ELEMENTARY + 8
    if kind == "mish":
        magnitude = np.abs(dy) * (1 + np.abs(held)) * reference.sigmoid(held)
        units = 4 * ELEMENTARY + 24
    if kind == "hardswish":
        magnitude = np.abs(dy)
    if kind == "softplus":
        units = 2 + np.abs(np.minimum(a * x, 0))
    if kind == "focal":
        units = _power_units(x, a) + 2 * ELEMENTARY + 8
    return relative(ELEMENTARY + units, magnitude) + (1 + np.abs(dy)) * _vanished(kind, a)


def _vanished(kind: str, a: float) -> float:
    """Return how much a result can lose where an exponential is flushed to zero."""
    return VANISHED * (1 + abs(a) + 1 / a if kind == "softplus" else 1 + abs(a))


def _power_units(x: Array, a: float) -> Array:
    """Return the units of (1 - exp(x))^a, by logarithm and exponential: the exponent's error."""
    exponent = a * np.abs(np.log(np.maximum(-np.expm1(np.minimum(x, 0)), TINY)))
    return np.asarray(a * ELEMENTARY + (ELEMENTARY + 2) * exponent + ELEMENTARY)
