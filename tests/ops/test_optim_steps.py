"""sgd_step and adam_step against the float64 reference, for every ISA."""

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

from pycnn import ops, reference

pytestmark = pytest.mark.usefixtures("backend")


@given(
    shapes(),
    values(),
    st.sampled_from((0.0, 0.5, 0.9, 1.0)),
    st.sampled_from((0.0, 0.3, 1.0)),
    st.sampled_from((0.0, 5e-4, 0.1)),
    st.sampled_from((1.0, 0.01, 0.1)),
    st.booleans(),
    st.booleans(),
)
def test_sgd(
    shape: tuple[int, ...],
    numbers: Values,
    momentum: float,
    dampening: float,
    weight_decay: float,
    lr: float,
    nesterov: bool,
    first: bool,
) -> None:
    nesterov = nesterov and momentum > 0
    options: Options = {
        "lr": lr,
        "momentum": momentum,
        "dampening": 0.0 if nesterov else dampening,
        "weight_decay": weight_decay,
        "nesterov": nesterov,
        "first": first,
    }
    w, grad, velocity = writable(*numbers.arrays(shape, shape, shape))
    velocity = velocity if momentum else None
    wide = float64(w, grad, velocity)
    bound_w, bound_v = tolerance_optim.sgd_step(*wide, **options)
    in_place: Any = ops.sgd_step
    assert in_place(w, grad, velocity, **options) is None
    reference.sgd_step(*wide, **options)
    assert_within(w, wide[0], bound_w)
    if velocity is not None:
        assert_within(velocity, wide[2], bound_v)


@given(
    shapes(),
    values(),
    st.sampled_from((1, 2, 3, 10, 1000, 10**6)),
    st.sampled_from((1e-3, 0.1)),
    st.sampled_from(((0.9, 0.999), (0.5, 0.9), (0.0, 0.99))),
    st.sampled_from((1e-8, 1e-3)),
    st.sampled_from((0.0, 0.01)),
    st.booleans(),
)
def test_adam(
    shape: tuple[int, ...],
    numbers: Values,
    step: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> None:
    options: Options = {
        "step": step,
        "lr": lr,
        "betas": betas,
        "eps": eps,
        "weight_decay": weight_decay,
        "decoupled": decoupled,
    }
    w, grad, m, v = writable(*numbers.arrays(shape, shape, shape, shape))
    if step == 1:
        m, v = np.zeros_like(m), np.zeros_like(v)
    np.square(v, out=v)
    wide = float64(w, grad, m, v)
    bounds = tolerance_optim.adam_step(*wide, **options)
    in_place: Any = ops.adam_step
    assert in_place(w, grad, m, v, **options) is None
    reference.adam_step(*wide, **options)
    for actual, exact, bound in zip((w, m, v), (wide[0], wide[2], wide[3]), bounds, strict=True):
        assert_within(actual, exact, bound)


def test_the_gradient_is_not_changed() -> None:
    w, grad, velocity = writable(*Values("normal", 0).arrays((5, 7), (5, 7), (5, 7)))
    before = grad.copy()
    in_place: Any = ops.sgd_step
    assert (
        in_place(w, grad, velocity, lr=0.1, momentum=0.9, weight_decay=0.1, nesterov=True) is None
    )
    ops.adam_step(w, grad, velocity, np.ones_like(w), step=1, weight_decay=0.1)
    np.testing.assert_array_equal(grad, before)


def test_the_first_adam_step_has_the_length_of_the_learning_rate() -> None:
    """Bias correction makes it lr * sign(gradient), whatever the gradient's size."""
    grad = np.array([1e-3, -5, 100, -1e-2], np.float32)
    w, m, v = np.zeros_like(grad), np.zeros_like(grad), np.zeros_like(grad)
    ops.adam_step(w, grad, m, v, step=1, lr=0.5)
    np.testing.assert_allclose(w, -0.5 * np.sign(grad), rtol=2e-5)


def test_the_first_step_ignores_what_velocity_holds() -> None:
    w, grad, velocity = (
        np.ones(37, np.float32),
        np.full(37, 2, np.float32),
        np.full(37, np.nan, "f"),
    )
    ops.sgd_step(w, grad, velocity, lr=0.5, momentum=0.9, first=True)
    np.testing.assert_array_equal(velocity, grad)
    np.testing.assert_array_equal(w, np.zeros(37))


@pytest.mark.parametrize("nesterov", [False, True])
def test_an_infinite_gradient_gives_infinity_and_not_nan(nesterov: bool) -> None:
    """Terms that an option leaves out must not come back as 0 * inf."""
    w, velocity = np.ones(37, np.float32), np.zeros(37, np.float32)
    grad = np.full(37, np.inf, np.float32)
    ops.sgd_step(w, grad, velocity, lr=0.5, momentum=0.9, nesterov=nesterov)
    np.testing.assert_array_equal(velocity, np.full(37, np.inf))
    np.testing.assert_array_equal(w, np.full(37, -np.inf))


def test_nan_spreads_to_its_own_element_only() -> None:
    w, grad, m, v = (np.ones(37, np.float32) for _ in range(4))
    grad[11] = np.nan
    ops.sgd_step(w, grad, m, lr=0.1, momentum=0.9)
    np.testing.assert_array_equal(np.isnan(w), np.arange(37) == 11)
    w, m = np.ones(37, np.float32), np.ones(37, np.float32)
    ops.adam_step(w, grad, m, v, step=3)
    for array in (w, m, v):
        np.testing.assert_array_equal(np.isnan(array), np.arange(37) == 11)
