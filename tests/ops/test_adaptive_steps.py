"""adadelta_step and rmsprop_step against the float64 reference, for every ISA."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance_optim
from support.annotations import Options
from support.strategies import Values, shapes, values, writable
from support.tolerance import assert_within, float64

from pycnn import _core, ops, reference

pytestmark = pytest.mark.usefixtures("backend")


@given(
    shapes(),
    values(),
    st.sampled_from((1.0, 0.1)),
    st.sampled_from((0.9, 0.95, 0.0, 1.0)),
    st.sampled_from((1e-6, 1e-3)),
    st.sampled_from((0.0, 0.01)),
)
def test_adadelta(
    shape: tuple[int, ...],
    numbers: Values,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
) -> None:
    options: Options = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay}
    w, grad, square_avg, acc_delta = writable(*numbers.arrays(shape, shape, shape, shape))
    np.square(square_avg, out=square_avg)
    np.square(acc_delta, out=acc_delta)
    wide = float64(w, grad, square_avg, acc_delta)
    bounds = tolerance_optim.adadelta_step(*wide, **options)
    in_place: Any = ops.adadelta_step
    assert in_place(w, grad, square_avg, acc_delta, **options) is None
    reference.adadelta_step(*wide, **options)
    results = (w, wide[0]), (square_avg, wide[2]), (acc_delta, wide[3])
    for (actual, exact), bound in zip(results, bounds, strict=True):
        assert_within(actual, exact, bound)


@given(
    shapes(),
    values(),
    st.sampled_from((0.1, 1e-3)),
    st.sampled_from((0.99, 0.9, 0.0, 1.0)),
    st.sampled_from((1e-8, 1e-3)),
    st.sampled_from((0.0, 0.01)),
    st.sampled_from((0.0, 0.9)),
    st.booleans(),
)
def test_rmsprop(
    shape: tuple[int, ...],
    numbers: Values,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    centered: bool,
) -> None:
    options: Options = {
        "lr": lr,
        "alpha": alpha,
        "eps": eps,
        "weight_decay": weight_decay,
        "momentum": momentum,
    }
    w, grad, square_avg, buffer, average = writable(*numbers.arrays(*[shape] * 5))
    square_avg = np.asarray(np.square(square_avg) + np.square(average))
    buffer, average = buffer if momentum else None, average if centered else None
    wide = float64(w, grad, square_avg, buffer, average)
    bounds = tolerance_optim.rmsprop_step(*wide, **options)
    in_place: Any = ops.rmsprop_step
    assert in_place(w, grad, square_avg, buffer, average, **options) is None
    reference.rmsprop_step(*wide, **options)
    results = (w, wide[0]), (square_avg, wide[2]), (buffer, wide[3]), (average, wide[4])
    for (actual, exact), bound in zip(results, bounds, strict=True):
        if actual is not None:
            assert_within(actual, exact, bound)


def test_a_variance_that_rounding_makes_negative_counts_as_zero() -> None:
    grad = np.float32(1) + np.linspace(0, 1, 1001, dtype=np.float32) / 100
    w, square_avg, average = np.zeros_like(grad), grad * grad, grad.copy()
    for _ in range(20):
        ops.rmsprop_step(w, grad, square_avg, None, average, lr=1e-3, alpha=0.9)
        assert np.isfinite(w).all()


def ones(count: int) -> list[np.ndarray]:
    return [np.ones(37, np.float32) for _ in range(count)]


def test_nan_spreads_to_its_own_element_only_and_the_gradient_stays() -> None:
    grad = np.where(np.arange(37) == 11, np.nan, 1).astype(np.float32)
    before = grad.copy()
    w, square_avg, acc_delta = ones(3)
    ops.adadelta_step(w, grad, square_avg, acc_delta, weight_decay=0.1)
    for array in (w, square_avg, acc_delta):
        np.testing.assert_array_equal(np.isnan(array), np.isnan(before))
    w, square_avg, buffer, average = ones(4)
    ops.rmsprop_step(w, grad, square_avg, buffer, average, lr=0.1, momentum=0.5)
    for array in (w, square_avg, buffer, average):
        np.testing.assert_array_equal(np.isnan(array), np.isnan(before))
    np.testing.assert_array_equal(grad, before)


def test_the_first_steps_have_the_length_their_methods_say() -> None:
    grad = np.array([1e-2, -5, 100, -3], np.float32)
    w, a, b = (np.zeros_like(grad) for _ in range(3))
    ops.adadelta_step(w, grad, a, b, rho=0.75, eps=1e-8)
    np.testing.assert_allclose(w, -2e-4 * np.sign(grad), rtol=1e-3)  # sqrt(eps / (1 - rho))
    w, a = np.zeros_like(grad), np.zeros_like(grad)
    ops.rmsprop_step(w, grad, a, lr=0.5, alpha=0.75)
    np.testing.assert_allclose(w, -np.sign(grad), rtol=1e-5)  # lr / sqrt(1 - alpha)


def test_errors(backend: str) -> None:
    w, grad, a, b = ones(4)
    short = a[:5]
    with pytest.raises(ValueError, match=r"\[adadelta_step\] acc_delta has shape \(5,\)"):
        ops.adadelta_step(w, grad, a, short)
    with pytest.raises(ValueError, match=r"\[adadelta_step\] rho must lie in \[0, 1\], got 1.5"):
        ops.adadelta_step(w, grad, a, b, rho=1.5)
    with pytest.raises(TypeError, match="grad must be float32, got float64"):
        ops.adadelta_step(w, grad.astype(float), a, b)
    with pytest.raises(ValueError, match=r"\[rmsprop_step\] momentum_buffer is needed if"):
        ops.rmsprop_step(w, grad, a, lr=0.1, momentum=0.9)
    with pytest.raises(ValueError, match="momentum_buffer is needed if"):
        ops.rmsprop_step(w, grad, a, b, lr=0.1)
    with pytest.raises(ValueError, match="grad_avg has shape"):
        ops.rmsprop_step(w, grad, a, None, short, lr=0.1)
    with pytest.raises(ValueError, match="alpha must lie in"):
        ops.rmsprop_step(w, grad, a, lr=0.1, alpha=1.01)
    if backend not in _core.isa_available():
        return  # no device array is read-only
    a.flags.writeable = False
    with pytest.raises(ValueError, match="square_avg is updated in place but is read-only"):
        ops.rmsprop_step(w, grad, a, lr=0.1)
