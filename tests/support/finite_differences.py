"""Gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from support.annotations import Array

Function: TypeAlias = Callable[[Array], float | np.floating[Any]]


def directional(f: Function, x: Array, v: Array, h: float) -> float:
    """Central difference of `f` at `x` along `v`."""
    return float(f(x + h * v) - f(x - h * v)) / (2 * h)


def assert_gradient(f: Function, x: Array, gradient: Array, h: float) -> None:
    """<gradient, v> is the derivative of f along a random direction v.

    With h = 1e-6 rounding in f leaves about 1e-10 of |f| and truncation about 1e-12 |f'''|;
    linear functions have no truncation, so they are given h = 1.
    """
    assert gradient.shape == x.shape
    v = np.random.default_rng(5).standard_normal(x.shape)
    expected = directional(f, x, v, h)
    scale = np.abs(gradient).sum() + abs(f(x)) + 1
    assert abs(np.vdot(gradient, v) - expected) <= 1e-8 * scale
