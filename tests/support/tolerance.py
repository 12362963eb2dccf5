"""How far a float32 result may be from the float64 reference: proven bounds, no taste.

Every float32 operation is off by a factor (1 + d) with |d| <= u = 2^-24. After n of them the
factor is within 1 +- gamma(n), gamma(n) = n u / (1 - n u), and a sum of products, taken in any
order, with or without FMA, has

    |computed - exact| <= gamma(n) * (sum of the absolute values of the terms)

where n counts the terms, plus one addition for a bias or an accumulator that already holds a
value (N. J. Higham, "Accuracy and Stability of Numerical Algorithms", chapter 3). So each bound
below is gamma(n) times the reference evaluated on absolute values. The error of the float64
reference itself is 2^-29 of that, and the rounding of n up by one covers it.

A result below the smallest normal number may be flushed to zero: each operation can lose TINY.
"""

from __future__ import annotations

import math
from typing import Any, overload

import numpy as np

from pycnn import ops, reference
from pycnn.reference.geometry import Array
from support import tolerance_winograd, tolerance_winograd_rows
from support.annotations import Shape
from support.oracle import Oracle, oracle

WINOGRAD = {
    "winograd": Oracle(tolerance_winograd),
    "winograd_rows": Oracle(tolerance_winograd_rows),
}

U = 2.0**-24
TINY = 2.0**-126

# Relative error granted to exp and log, in units of u: 2 units in the last place.
ELEMENTARY = 4

# Room for products of errors where a bound adds errors up: fewer than 2^14 units of u each.
SECOND_ORDER = 1 + 2.0**-9


def gamma(n: float) -> float:
    """Return the bound of the relative error after `n` roundings."""
    return n * U / (1 - n * U)


def magnitude(array: Array | None) -> Any:
    """Return absolute values, in a new array even for a single number."""
    return None if array is None else np.asarray(np.abs(array))


@overload
def float64(a: Array | None, /) -> tuple[Any]: ...
@overload
def float64(a: Array | None, b: Array | None, /) -> tuple[Any, Any]: ...
@overload
def float64(a: Array | None, b: Array | None, c: Array | None, /) -> tuple[Any, Any, Any]: ...
@overload
def float64(
    a: Array | None, b: Array | None, c: Array | None, d: Array | None, /
) -> tuple[Any, Any, Any, Any]: ...
@overload
def float64(*arrays: Array | None) -> tuple[Any, ...]: ...
def float64(*arrays: Array | None) -> tuple[Any, ...]:
    """Widen arrays for the reference, which changes no value."""
    return tuple(None if a is None else np.array(a, np.float64) for a in arrays)


def assert_within(actual: Array, exact: Array, bound: Array | float) -> None:
    """Check that `actual` is float32 and off by at most `bound`; NaN and infinities are equal."""
    assert actual.dtype == np.float32
    assert actual.shape == exact.shape
    assert actual.flags.c_contiguous
    finite = np.isfinite(exact)
    np.testing.assert_array_equal(actual[~finite], exact[~finite])
    error = np.abs(np.subtract(actual, exact, where=finite, out=np.zeros(exact.shape)))
    limit = np.broadcast_to(bound, exact.shape)
    wrong = finite & ~(error <= limit)
    if wrong.any():
        worst = np.unravel_index(np.argmax(np.where(wrong, error - limit, -1)), exact.shape)
        where = tuple(int(i) for i in worst)
        raise AssertionError(
            f"{wrong.sum()} of {wrong.size} elements are off; at {where}: got {actual[where]!r}, "
            f"exact {exact[where]!r}, error {error[where]:.3g} > bound {limit[where]:.3g}"
        )


def sum_bound(terms: float, total: Array) -> Array:
    """Return the bound of sums of `terms` products with magnitudes `total`; one spare rounding."""
    return np.asarray(gamma(terms + 1) * total + (terms + 1) * TINY)


def winograd(direction: str, shape: Shape, w_shape: Shape, **geometry: Any) -> Oracle | None:
    """Return the bounds of the transforms that compute a convolution, which round even integers.

    None where it is a plain sum.
    """
    return WINOGRAD.get(ops.conv2d_algorithm(shape, w_shape, direction=direction, **geometry))


def _or_direct(bound: Array, direct: Array) -> Array:
    """Where an image is not finite, it is computed directly."""
    return np.where(np.isfinite(bound), np.maximum(bound, direct), direct)


def conv2d(x: Array, w: Array, b: Array | None, **geometry: Any) -> Array:
    """C/groups R S products and the bias."""
    x, w, b = magnitude(x), magnitude(w), magnitude(b)
    bound = sum_bound(math.prod(w.shape[1:]), oracle.conv2d(x, w, b, **geometry))
    if transforms := winograd("forward", x.shape, w.shape, **geometry):
        return _or_direct(transforms.conv2d(x, w, b, **geometry), bound)
    return bound


def conv2d_input(dy: Array, w: Array, shape: Shape, groups: int = 1, **rest: Any) -> Array:
    """K/groups R S products, fewer where windows do not overlap fully."""
    dy, w, taps = magnitude(dy), magnitude(w), w.shape[0] // groups * math.prod(w.shape[2:])
    total = oracle.conv2d_backward_input(dy, w, shape, groups=groups, **rest)
    bound = sum_bound(taps, total)
    if transforms := winograd("backward_input", shape, w.shape, groups=groups, **rest):
        return _or_direct(transforms.conv2d_input(dy, w, shape, groups=groups, **rest), bound)
    return bound


def conv2d_weight(dy: Array, x: Array, shape: Shape, **geometry: Any) -> tuple[Array, Array]:
    """N P Q products for a weight, N P Q numbers for a bias."""
    dy, x = magnitude(dy), magnitude(x)
    dw, db = oracle.conv2d_backward_weight(dy, x, shape, **geometry)
    pixels = dy.shape[0] * math.prod(dy.shape[2:])
    bound = sum_bound(pixels, dw)
    transforms = winograd("backward_weight", x.shape, shape, **geometry)
    if transforms and len(x):
        bound = _or_direct(transforms.conv2d_weight(dy, x, shape, **geometry), bound)
    return bound, sum_bound(pixels, db)


def linear(x: Array, w: Array, b: Array | None) -> Array:
    """`in` products and the bias."""
    total = reference.linear(magnitude(x), magnitude(w), magnitude(b))
    return sum_bound(x.shape[1], total)


def linear_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """`out` products for dx, N products for dw, N numbers for db."""
    dx, dw, db = reference.linear_backward(np.abs(dy), np.abs(x), np.abs(w))
    return sum_bound(dy.shape[1], dx), sum_bound(len(dy), dw), sum_bound(len(dy), db)


def max_pool2d_backward(dy: Array, indices: Array, shape: tuple[int, ...], taps: int) -> Array:
    """At most one window for each tap can have chosen an element."""
    return sum_bound(taps, reference.max_pool2d_backward(np.abs(dy), indices, shape))


def avg_pool2d(x: Array, taps: int, *arguments: Any) -> Array:
    """`taps` - 1 additions, then 1/divisor and a product with it (or one division)."""
    return sum_bound(taps, np.abs(reference.avg_pool2d(np.abs(x), *arguments)))


def avg_pool2d_backward(dy: Array, taps: int, *arguments: Any) -> Array:
    """The same operations in the opposite order: scale, then add at most `taps` shares."""
    return sum_bound(taps, np.abs(reference.avg_pool2d_backward(np.abs(dy), *arguments)))


def _exp_errors(x: Array) -> tuple[Array, Array]:
    """Return the relative errors of exp(x - max) and of its row sum, in units of u.

    With d = x - max rounded once, exp(d) is off by |d| units, and by exp's own error. The sum
    weighs the errors of its terms by the softmax, and adds C - 1 roundings.
    """
    d = x - x.max(axis=1, keepdims=True)
    p = np.exp(d) / np.exp(d).sum(axis=1, keepdims=True)
    term = np.where(p > 0, np.abs(np.where(p > 0, d, 0)), 0) + ELEMENTARY
    return term, (p * term).sum(axis=1, keepdims=True) + x.shape[1]


def softmax(x: Array) -> Array:
    """exp(d) / sum: the errors of both and one division; tiny probabilities may be flushed."""
    term, total = _exp_errors(x)
    return np.asarray(gamma(1) * SECOND_ORDER * (term + total + 2) * reference.softmax(x) + TINY)


def log_softmax(x: Array) -> Array:
    """x - (max + log(sum)), of which all but the exponentials and their sum is in double."""
    _, total = _exp_errors(x)
    exact = np.abs(reference.log_softmax(x))
    return np.asarray(gamma(1) * SECOND_ORDER * (total + exact + 1) + TINY)


def log_softmax_backward(dy: Array, y: Array) -> Array:
    """C - 1 additions, an exponential, a product and a difference."""
    parts = np.abs(dy) + np.exp(y) * np.abs(dy).sum(axis=1, keepdims=True)
    return sum_bound(dy.shape[1] + ELEMENTARY + 2, parts)


def in_double(exact: Array, scale: Array | float = 0.0) -> Array:
    """Return one rounding to float32 of a result in double, for numbers of this scale."""
    return np.asarray(gamma(2) * np.abs(exact) + 2.0**-45 * scale + TINY)


def cross_entropy(
    x: Array,
    target: Array,
    *,
    weight: Array | None,
    ignore_index: int,
    label_smoothing: float,
    reduction: str,
) -> Array:
    """Return the bound of the loss of each row, before the `reduction`.

    -log p = log(sum) - d: the relative error of the sum is an absolute one of its logarithm. The
    loss adds C of them with non-negative coefficients, which take six more roundings.
    """
    d = x - x.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(d).sum(axis=1, keepdims=True))
    _, total = _exp_errors(x)
    units = total + ELEMENTARY * log_sum + np.abs(d) + (x.shape[1] + 8) * (log_sum - d)
    kept = target != ignore_index
    rows, label = np.arange(len(x)), np.where(kept, target, 0)
    weights = np.ones(x.shape[1]) if weight is None else weight
    coefficients = np.zeros(x.shape)
    coefficients[rows, label] = (1 - label_smoothing) * weights[label]
    coefficients += label_smoothing / x.shape[1] * weights
    # The loss does not look at classes without a coefficient; an infinite one is compared exactly.
    used = kept[:, np.newaxis] & (coefficients > 0) & np.isfinite(d)
    error = gamma(1) * SECOND_ORDER * np.where(used, units, 0)
    return np.asarray((coefficients * error).sum(axis=1) + TINY)


def cross_entropy_gradient(
    probs: Array, target: Array, dloss: Array | float, **options: Any
) -> Array:
    """dz is four products and two sums of them, a sum over classes and one over rows.

    The subtractions p - 1 and p sum(w) - w may cancel, so the magnitude adds what they subtract:
    the gradient is a difference of two non-negative parts, and the second one, which does not
    contain p, is what the gradient is at p = 0.
    """
    at_zero = reference.softmax_cross_entropy_backward(
        np.zeros_like(probs), target, np.abs(dloss), **options
    )
    full = reference.softmax_cross_entropy_backward(probs, target, np.abs(dloss), **options)
    parts = np.abs(full - at_zero) + np.abs(at_zero)
    return sum_bound(probs.shape[0] + probs.shape[1] + 8, parts)


def embedding_backward(dy: Array, index: Array, padding_idx: int | None) -> Array:
    """A row adds at most as many numbers as there are positions."""
    _, total = reference.embedding_backward(np.abs(dy), index, padding_idx)
    return sum_bound(index.size, total)
