"""channel_affine and batch_norm2d, forward and backward, against the float64 reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance_norm
from support.finite_differences import assert_gradient
from support.same_bits import assert_same_bits
from support.strategies import Values, values
from support.tolerance import assert_within, float64

from pycnn import ops, reference

pytestmark = pytest.mark.usefixtures("backend")

F = np.float32
Array = np.ndarray
Shape = tuple[int, int, int, int]

# Planes around the lanes of every instruction set, and around four vectors of doubles.
SHAPES = st.tuples(
    st.sampled_from((1, 2, 3, 5, 17)),
    st.sampled_from((1, 2, 3, 7, 16)),
    st.sampled_from((1, 1, 2, 3, 5)),
    st.sampled_from((1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65)),
)
ANY = SHAPES | st.tuples(st.just(0), st.sampled_from((1, 3)), st.just(2), st.just(3))
AFFINE = pytest.mark.parametrize("affine", [True, False])


def assert_all_within(actual: Any, exact: Any, bounds: Any) -> None:
    for got, want, bound in zip(actual, exact, bounds, strict=True):
        assert_within(got, want, bound)


@given(ANY, values("normal", "wide"))
def test_channel_affine(shape: Shape, numbers: Values) -> None:
    x, scale, shift = numbers.arrays(shape, shape[1:2], shape[1:2])
    wide = float64(x, scale, shift)
    bound = tolerance_norm.channel_affine(*wide)
    assert_within(ops.channel_affine(x, scale, shift), reference.channel_affine(*wide), bound)


@given(ANY, values("normal", "wide"))
def test_channel_affine_backward(shape: Shape, numbers: Values) -> None:
    dy, x, scale = numbers.arrays(shape, shape, shape[1:2])
    wide = float64(dy, x, scale)
    assert_all_within(
        ops.channel_affine_backward(dy, x, scale),
        reference.channel_affine_backward(*wide),
        tolerance_norm.channel_affine_backward(*wide),
    )


@AFFINE
@given(SHAPES, values("normal", "wide"), st.sampled_from((1e-5, 0.1)))
def test_batch_norm2d(affine: bool, shape: Shape, numbers: Values, eps: float) -> None:
    x, weight, bias = numbers.arrays(shape, shape[1:2], shape[1:2])
    operands = x, weight if affine else None, bias if affine else None
    wide = float64(*operands)
    assert_all_within(
        ops.batch_norm2d(*operands, eps),
        reference.batch_norm2d(*wide, eps),
        tolerance_norm.batch_norm2d(*wide, eps),
    )


@AFFINE
@given(ANY, values("normal", "wide"))
def test_batch_norm2d_backward(affine: bool, shape: Shape, numbers: Values) -> None:
    dy, x, weight, mean = numbers.arrays(shape, shape, *[shape[1:2]] * 2)
    (inv_std,) = Values("normal", numbers.seed).arrays(shape[1:2])  # its cube must not overflow
    operands = (dy, x, weight if affine else None, mean, np.abs(inv_std))
    wide = float64(*operands)
    assert_all_within(
        ops.batch_norm2d_backward(*operands),
        reference.batch_norm2d_backward(*wide),
        tolerance_norm.batch_norm2d_backward(*wide),
    )


def test_a_large_mean_takes_no_digits_from_the_variance() -> None:
    """Values 4096 + k / 16: the mean of the squares, in float32, would lose the variance."""
    steps = np.arange(48, dtype=F).reshape(2, 1, 4, 6) / 16
    y, mean, var, inv_std = ops.batch_norm2d(np.float32(4096) + steps, None, None, 1e-5)
    exact_var = (48**2 - 1) / 12 / 256  # of 0 .. 47, over 16^2
    assert mean.item() == F(4096 + 23.5 / 16)
    assert var.item() == pytest.approx(exact_var, rel=1e-7)
    assert inv_std.item() == pytest.approx(exact_var**-0.5, rel=1e-5)
    np.testing.assert_allclose(y.ravel(), (np.arange(48) - 23.5) / 16 / exact_var**0.5, rtol=1e-5)


def test_a_constant_channel_becomes_its_bias() -> None:
    x = np.full((3, 2, 5, 7), 1e6 / 3, F)
    weight, bias = np.array([1e6, 2], F), np.array([0.25, -3], F)
    y, _, var, inv_std = ops.batch_norm2d(x, weight, bias, 1e-5)
    np.testing.assert_array_equal(var, 0)
    np.testing.assert_allclose(inv_std, 1e-5**-0.5, rtol=1e-6)
    np.testing.assert_array_equal(y, np.broadcast_to(bias[:, np.newaxis, np.newaxis], x.shape))


def test_a_normalised_channel_has_mean_0_and_variance_1() -> None:
    (x,) = Values("normal", 0).arrays((8, 3, 9, 11))
    y, *_ = ops.batch_norm2d(F(3) * x + F(5), None, None)
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(y.var(axis=(0, 2, 3)), 1, rtol=1e-5)


def test_a_nan_stays_in_its_channel() -> None:
    (x,) = Values("normal", 0).arrays((2, 3, 4, 5))
    x = x.copy()
    x[1, 1, 2, 3], x[0, 2, 0, 0] = np.nan, np.inf
    y, mean, var, _ = ops.batch_norm2d(x, None, None)
    assert np.isfinite(y[:, 0]).all()
    assert np.isnan(y[:, 1]).all()
    assert np.isnan(mean[1])
    assert np.isnan(var[1:]).all()
    dy = np.ones_like(x)
    dx, dscale, dshift = ops.channel_affine_backward(dy, x, np.ones(3, F))
    assert np.isfinite(dx).all()
    assert np.isnan(dscale[1])
    assert (dscale[2], dshift[1]) == (np.inf, 40)
    affine = ops.channel_affine(x, np.array([1, 2, 0], F), np.zeros(3, F))
    assert np.isnan(affine).sum() == 2  # NaN, and 0 * inf


@AFFINE
def test_gradients_of_the_reference(affine: bool) -> None:
    """Finite differences: the gradient passes through the mean and the variance."""
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, 4, 3, 5, 2)) * 3 + 1
    w, b = rng.standard_normal((2, 3))
    weight, bias = (w, b) if affine else (None, None)

    def loss(x: Array, weight: Array | None, bias: Array | None) -> float:
        return float(np.vdot(g, reference.batch_norm2d(x, weight, bias, 1e-3)[0]))

    _, mean, _, inv_std = reference.batch_norm2d(x, weight, bias, 1e-3)
    dx, dweight, dbias = reference.batch_norm2d_backward(g, x, weight, mean, inv_std)
    assert_gradient(lambda a: loss(a, weight, bias), x, dx, 1e-6)
    assert_gradient(lambda a: loss(x, a, b), np.ones(3) if weight is None else w, dweight, 1)
    assert_gradient(lambda a: loss(x, w, a), b, dbias, 1)

    dx, dscale, dshift = reference.channel_affine_backward(g, x, w)
    assert_gradient(lambda a: np.vdot(g, reference.channel_affine(a, w, b)), x, dx, 1)
    assert_gradient(lambda a: np.vdot(g, reference.channel_affine(x, a, b)), w, dscale, 1)
    assert_gradient(lambda a: np.vdot(g, reference.channel_affine(x, w, a)), b, dshift, 1)


@pytest.mark.usefixtures("restore_threads")
def test_same_bits_for_any_number_of_threads() -> None:
    x, dy = Values("normal", 2).arrays(*[(33, 7, 41, 43)] * 2)
    w, b, mean, inv_std = Values("normal", 3).arrays(*[(7,)] * 4)
    assert_same_bits(
        [
            (ops.channel_affine, [x, w, b], {}),
            (ops.channel_affine_backward, [dy, x, w], {}),
            (ops.batch_norm2d, [x, w, b], {}),
            (ops.batch_norm2d_backward, [dy, x, w, mean, inv_std], {}),
        ]
    )


X, C, MORE = np.zeros((2, 3, 4, 5), F), np.zeros(3, F), np.zeros(4, F)


@pytest.mark.parametrize(
    ("call", "error", "facts"),
    [
        (lambda: ops.channel_affine(X, C, C.astype(float)), TypeError, "shift must be float32"),
        (lambda: ops.channel_affine(X, MORE, C), ValueError, "scale has 4 elements, x has 3"),
        (lambda: ops.channel_affine(X[0], C, C), ValueError, "x must have 4 dimensions"),
        (lambda: ops.channel_affine(X[..., ::2], C, C), ValueError, "C-contiguous"),
        (lambda: ops.channel_affine(X[..., :0].copy(), C, C), ValueError, "at least one channel"),
        (lambda: ops.channel_affine_backward(X[:1], X, C), ValueError, r"dy has shape \(1, 3, 4"),
        (lambda: ops.batch_norm2d(X, C, MORE), ValueError, r"bias: \(4,\), x: \(2, 3, 4, 5\)"),
        (lambda: ops.batch_norm2d(X[:0], C, C), ValueError, "mean of no images"),
        (lambda: ops.batch_norm2d(X, C, C, 0.0), ValueError, "eps must be at least 2"),
        (lambda: ops.batch_norm2d(X, C, C, np.nan), ValueError, "eps must be at least 2"),
        (lambda: ops.batch_norm2d(X, C, C, "x"), TypeError, "eps must be a number, got str"),  # type: ignore[arg-type]
        (lambda: ops.batch_norm2d_backward(X, X, C, C, MORE), ValueError, "inv_std has 4 elements"),
        (lambda: ops.batch_norm2d_backward(X, X, C, None, C), TypeError, "mean must be (a n|on)"),  # type: ignore[arg-type]
        (lambda: reference.channel_affine(X, C, MORE), ValueError, "x has 3 channels"),
        (lambda: reference.batch_norm2d(X[:0], C, C), ValueError, "mean of no images"),
    ],
)
def test_wrong_arguments_are_named(call: Any, error: type[Exception], facts: str) -> None:
    with pytest.raises(error, match=facts) as info:
        call()
    assert str(info.value).startswith("[")
