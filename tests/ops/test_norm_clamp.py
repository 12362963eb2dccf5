"""Batch norm in parts and with what follows it: bits of the ops one by one, and values."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance_norm
from support.finite_differences import assert_gradient
from support.repeated_ops import assert_same_bits
from support.strategies import Values, values
from support.tolerance import assert_within, float64

from pycnn import backends, ops, reference

pytestmark = pytest.mark.usefixtures("backend")

F = np.float32
Shape = tuple[int, int, int, int]

# Planes that lanes run through one by one and, below 64 numbers, side by side; around the lanes.
SHAPES = st.tuples(
    st.sampled_from((1, 2, 3, 5)),
    st.sampled_from((1, 2, 3, 33)),
    st.sampled_from((1, 2, 3, 4)),
    st.sampled_from((1, 3, 4, 5, 8, 9, 12, 17, 33)),
)
LIMITS = st.sampled_from(((None, None), (0.0, None), (0.0, 0.5), (-0.25, 0.25), (None, 0.125)))


def one_by_one(x: Any, w: Any, b: Any, residual: Any, lower: Any, upper: Any) -> list[Any]:
    """Return what the fused op must, from the ops that it stands for."""
    y, *statistics = ops.batch_norm2d(x, w, b, 1e-3)
    if residual is not None:
        y = backends.of(y).binary("add", y, residual)
    if lower is not None and upper is None:
        y = ops.leaky_relu(y, 0.0) if lower else ops.relu(y)
    elif upper is not None:
        y = ops.activation(y, "hardtanh", -3e38 if lower is None else lower, upper)
    return [y, *statistics]


@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize("affine", [False, True])
@given(SHAPES, st.integers(0, 9), LIMITS)
def test_the_bits_are_those_of_the_ops_one_by_one(
    adds: bool, affine: bool, shape: Shape, seed: int, limits: tuple[Any, Any]
) -> None:
    x, residual, dy, w, b = Values("normal", seed).arrays(*[shape] * 3, *[shape[1:2]] * 2)
    added: Any = residual if adds else None
    weight: Any = w if affine else None
    bias: Any = b if affine else None
    expected = one_by_one(x, weight, bias, added, *limits)
    found = ops.batch_norm2d_clamp(x, weight, bias, 1e-3, added, *limits)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    mean, var, inv_std = ops.batch_norm2d_statistics(x, 1e-3)
    for one, other in zip((mean, var, inv_std), expected[1:], strict=True):
        np.testing.assert_array_equal(one, other)
    y = ops.batch_norm2d_apply(x, weight, bias, mean, inv_std, added, *limits)
    np.testing.assert_array_equal(y, found[0])

    lower, upper = limits
    kept = np.ones(shape, bool) if lower is None else y > lower
    kept &= upper is None or y < upper
    g = np.where(kept, dy, F(0))
    expected = [*ops.batch_norm2d_backward(g, x, weight, mean, inv_std), g]
    there = None if lower is upper else y
    gradients = d_clamp(dy, there, x, weight, mean, inv_std, lower, upper, True)
    for one, other in zip(gradients, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    for where in (there,) if adds else (there, None):
        *same, nothing = d_clamp(dy, where, x, weight, mean, inv_std, lower, upper, bias=bias)
        assert nothing is None
        for one, other in zip(same, expected[:3], strict=True):
            np.testing.assert_array_equal(one, other)


@given(SHAPES, values("normal", "wide"))
def test_values(shape: Shape, numbers: Values) -> None:
    """The bound of a batch norm, and one rounding for the sum; limits bring nothing nearer."""
    x, residual, w, b = numbers.arrays(shape, shape, *[shape[1:2]] * 2)
    wide = float64(x, w, b)
    bound, *_ = tolerance_norm.batch_norm2d(*wide, 1e-2)
    exact, *_ = reference.batch_norm2d_clamp(*wide, 1e-2, *float64(residual), -1.0, 1.0)
    y, *_ = ops.batch_norm2d_clamp(x, w, b, 1e-2, residual, -1.0, 1.0)
    whole = np.abs(reference.batch_norm2d_clamp(*wide, 1e-2, *float64(residual))[0])
    assert_within(y, exact, bound + 2.0**-23 * whole + 4e-38)


@pytest.mark.parametrize("limits", [(None, None), (0.0, None), (-0.5, 0.75)])
def test_gradients_of_the_reference(limits: tuple[float | None, float | None]) -> None:
    rng = np.random.default_rng(0)
    x, g, residual = rng.standard_normal((3, 3, 2, 3, 2))
    w, b = rng.standard_normal((2, 2))

    def loss(x: Any, w: Any, b: Any, residual: Any) -> float:
        y = reference.batch_norm2d_clamp(x, w, b, 1e-3, residual, *limits)[0]
        return float(np.vdot(g, y))

    y, mean, _, inv_std = reference.batch_norm2d_clamp(x, w, b, 1e-3, residual, *limits)
    dx, dw, db, dr = reference.batch_norm2d_clamp_backward(g, y, x, w, mean, inv_std, *limits, True)
    assert dr is not None
    assert_gradient(lambda a: loss(a, w, b, residual), x, dx, 1e-6)
    assert_gradient(lambda a: loss(x, a, b, residual), w, dw, 1e-6)
    assert_gradient(lambda a: loss(x, w, a, residual), b, db, 1e-6)
    assert_gradient(lambda a: loss(x, w, b, a), residual, dr, 1e-6)


def test_numbers_that_are_not_finite() -> None:
    """NaN passes the limits, and its gradient too; an infinite residual is no limit."""
    x, residual = Values("normal", 0).arrays((2, 2, 3, 5), (2, 2, 3, 5))
    residual = residual.copy()
    residual[0, 0, 0, :3] = np.nan, np.inf, -np.inf
    y, mean, _, inv_std = ops.batch_norm2d_clamp(x, None, None, 1e-5, residual, 0.0)
    assert np.isnan(y[0, 0, 0, 0])
    assert y[0, 0, 0, 1:3].tolist() == [np.inf, 0]
    dy = np.ones_like(x)
    *_, g = ops.batch_norm2d_clamp_backward(dy, y, x, None, mean, inv_std, 0.0, None, True)
    assert g is not None
    assert g[0, 0, 0, :3].tolist() == [1, 1, 0]
    x = x.copy()
    x[1, 1, 2, 4] = np.nan
    y, mean, _, inv_std = ops.batch_norm2d_clamp(x, None, None, 1e-5, None, 0.0, 6.0)
    assert np.isnan(y[:, 1]).all()
    assert np.isfinite(y[:, 0]).all()
    dx, *_ = d_clamp(dy, None, x, None, mean, inv_std, 0.0, 6.0)
    assert np.isnan(dx[:, 1]).all()
    assert np.isfinite(dx[:, 0]).all()


@pytest.mark.parametrize("plane", [(1, 5), (4, 33)])
@pytest.mark.parametrize("mean", [0, 3, 5, 1e4])
def test_the_variance_keeps_its_digits_beside_any_mean(mean: float, plane: Any) -> None:
    """On both sides of where sums around the mean take the place of sums of squares."""
    rng = np.random.default_rng(1)
    x = (mean + rng.standard_normal((7, 3, *plane))).astype(F)
    exact = reference.batch_norm2d_statistics(x.astype(float))
    for found, expected in zip(ops.batch_norm2d_statistics(x), exact, strict=True):
        np.testing.assert_allclose(found, expected, rtol=3e-7, atol=2e-7)


def sums_and_both(*arrays: Any, **limits: Any) -> Any:
    return d_clamp(*arrays, **limits, residual_gradient=True)


def of_what_x_gives(dy: Any, x: Any, w: Any, b: Any, *statistics: Any, **limits: Any) -> Any:
    return d_clamp(dy, None, x, w, *statistics, **limits, bias=b)


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize(
    "shape", [(33, 7, 41, 43), (64, 270, 3, 3), (9, 70, 7, 9), (1, 2, 300, 301)]
)
def test_same_bits_for_any_number_of_threads(shape: Shape) -> None:
    x, dy, residual = Values("normal", 2).arrays(*[shape] * 3)
    w, b, mean, inv_std = Values("normal", 3).arrays(*[shape[1:2]] * 4)
    far = x + F(100)
    y, limits = np.maximum(x, 0), {"lower": 0.0, "upper": 6.0}
    assert_same_bits(
        [
            (ops.batch_norm2d_statistics, [far], {}),
            (ops.batch_norm2d_apply, [x, w, b, mean, inv_std, residual], limits),
            (partial(ops.batch_norm2d_clamp, residual=residual), [far, w, b], limits),
            (sums_and_both, [dy, y, x, w, mean, inv_std], limits),
            (of_what_x_gives, [dy, x, w, b, mean, inv_std], limits),
        ]
    )


X, C, MORE = np.zeros((2, 3, 4, 5), F), np.zeros(3, F), np.zeros(4, F)
untyped: Any = ops  # for calls that a type checker would refuse
clamp, d_clamp = untyped.batch_norm2d_clamp, untyped.batch_norm2d_clamp_backward
apply = untyped.batch_norm2d_apply


@pytest.mark.parametrize(
    ("call", "error", "facts"),
    [
        (lambda: ops.batch_norm2d_statistics(X[:0]), ValueError, "mean of no images"),
        (lambda: ops.batch_norm2d_statistics(X, 0.0), ValueError, "eps must be at least 2"),
        (lambda: ops.batch_norm2d_statistics(X[0]), ValueError, "x must have 4 dimensions"),
        (lambda: clamp(X[:0], C, C), ValueError, "mean of no images"),
        (lambda: clamp(X, C, C, 1e-5, X[:1]), ValueError, r"residual has shape \(1, 3, 4, 5\)"),
        (lambda: clamp(X, C, C, 1e-5, X.astype(float)), TypeError, "residual must be float32"),
        (lambda: clamp(X, C, C, 1e-5, None, 1.0, 0.0), ValueError, "lower must not be above"),
        (lambda: clamp(X, C, C, 1e-5, None, np.nan), ValueError, "lower"),
        (lambda: clamp(X, C, C, 1e-5, None, 0.0, np.inf), ValueError, "upper"),
        (lambda: clamp(X, C, C, 1e-5, None, "0"), TypeError, "lower must be a number, got str"),
        (lambda: apply(X, C, C, MORE, C), ValueError, "mean has 4 elements, x has 3"),
        (lambda: apply(X, C, C, C, None), TypeError, "inv_std must be (a n|on)"),
        (lambda: d_clamp(X, None, X, *[C] * 3, 0.0, None, True), ValueError, "y must be an array"),
        (lambda: d_clamp(X, None, X, C, C, C, 0.0, bias=MORE), ValueError, "bias has 4 elements"),
        (lambda: d_clamp(X, X[:1], X, C, C, C, 0.0), ValueError, r"y has shape \(1, 3, 4, 5\)"),
        (lambda: d_clamp(X[:1], X, X, C, C, C, 0.0), ValueError, r"dy has shape \(1, 3, 4, 5\)"),
        (lambda: d_clamp(X, X, X, C, C, C, 0.0, None, 1), TypeError, "residual_gradient"),
    ],
)
def test_wrong_arguments_are_named(call: Any, error: type[Exception], facts: str) -> None:
    with pytest.raises(error, match=facts) as info:
        call()
    assert str(info.value).startswith("[")


def test_the_reference_says_what_it_misses() -> None:
    for call in (
        lambda: reference.batch_norm2d_statistics(X[:0]),
        lambda: reference.batch_norm2d_clamp_backward(X, None, X, C, C, C, 0.0, None, True),
        lambda: reference.add(X, X[:1]),
    ):
        with pytest.raises(ValueError, match=r"^\["):
            call()
