"""Bounds on errors, and errors as fractions of them.

For sums of products the bound is Higham's for any order of summation: |y - y64| <= g (|a| * |b|)
with g = n u / (1 - n u), u = 2^-24 and n the number of terms (Accuracy and Stability of Numerical
Algorithms, 2nd edition, section 3.1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from case import Array

_UNIT = 2.0**-24


def gamma(terms: int) -> float:
    return terms * _UNIT / (1 - terms * _UNIT)


def worst(got: Array, exact: Array, bound: Array) -> float:
    """Return the largest |got - exact| / bound; infinity for a wrong shape or NaN; 0 / 0 is 0."""
    if got.shape != exact.shape:
        return float("inf")
    error = np.abs(got.astype(float) - exact)
    ratio = np.divide(error, bound, out=np.where(error == 0, 0.0, np.inf), where=bound > 0)
    return float(np.nan_to_num(ratio, nan=np.inf).max())


def equal(got: Array, exact: Array) -> float:
    return worst(got, exact, np.zeros(exact.shape))


def ends(size: int, count: int = 4) -> Array:
    """Return the first and last indices: kernels go wrong at the edges of blocks."""
    return np.unique(np.r_[: min(count, size), max(0, size - count) : size])


def products(
    op: Callable[..., Any], a: Array, b: Array, *rest: Any, **options: Any
) -> tuple[Array, Array]:
    """Apply a bilinear op in float64; return its result, and that on the absolute values."""
    a, b = a.astype(float), b.astype(float)
    exact = op(a, b, *rest, **options)
    magnitude = op(np.abs(a), np.abs(b), *rest, **options)
    return (exact[0], magnitude[0]) if isinstance(exact, tuple) else (exact, magnitude)
