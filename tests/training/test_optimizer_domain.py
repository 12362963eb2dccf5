"""Optimizers with gradients of any size and eps down to its limit: finite, right, or refused.

The reference is exact in float64, where nothing here is denormal. The kernels count squares below
2^-126 as zero; the bounds are those that the docstrings of the ops state.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.annotations import Options

from pycnn import ops, reference
from pycnn.layers import Parameter
from pycnn.layers.sparse_rows import SparseRows
from pycnn.optim import Adadelta, Adam, AdamW, RMSprop

Floats = npt.NDArray[np.float32]
UNIT = 2.0**-24

STEPS = 12
# From the smallest denormal to the largest gradient that has a square.
SIZES = np.append(10.0 ** np.arange(-45, 19), 1.8e19)


def gradients() -> list[Floats]:
    """Return for each step a gradient of each size, of either sign and up to its size."""
    rng = np.random.default_rng(7)
    signs = rng.choice([-1.0, 1.0, 1.0], (STEPS, len(SIZES)))
    return list((signs * rng.uniform(0.1, 1.0, (STEPS, len(SIZES))) * SIZES).astype(np.float32))


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("beta1", [0.0, 0.9])
@pytest.mark.parametrize("beta2", [0.0, 0.9, 0.999, 1 - 1e-8])
@pytest.mark.parametrize("eps", [None, 1e-12, 1e-8, 1.0])
@pytest.mark.parametrize("first_step", [1, 10**6, 2**62])
def test_adam_is_right_for_gradients_of_any_size(
    beta1: float, beta2: float, eps: float | None, first_step: int
) -> None:
    limit = 1e-17 / math.sqrt(1 - beta2)
    eps = limit if eps is None else max(eps, limit)
    state = [np.zeros(len(SIZES), np.float32) for _ in range(3)]
    exact = [np.zeros(len(SIZES)) for _ in range(3)]
    mean, error = np.zeros(len(SIZES)), np.zeros(len(SIZES))
    short = 2.0**-62 / (eps * math.sqrt(1 - beta2))
    for number, grad in enumerate(gradients()):
        options: Options = {
            "step": first_step + number,
            "lr": 0.5,
            "betas": (beta1, beta2),
            "eps": eps,
        }
        before = exact[0].copy()
        w, m, v = state
        ops.adam_step(w, grad, m, v, **options)
        reference.adam_step(exact[0], grad.astype(np.float64), *exact[1:], **options)
        # Relative to the sum of absolute values, for gradients of different signs may cancel.
        mean = beta1 * mean + (1 - beta1) * np.abs(grad.astype(np.float64))
        correction = [1 - beta ** options["step"] for beta in (beta1, beta2)]
        divisor = np.sqrt(exact[2] / correction[1]) + eps
        step = 0.5 * mean / correction[0] / divisor
        error += step * 1.05 * (short + (20 + 4 * number) * UNIT)
        error += 2.0**-124 / (eps * (1 - beta1)) + UNIT * (np.abs(before) + step) + 2.0**-126
        assert np.isfinite(w).all()
        np.testing.assert_array_less(np.abs(w - exact[0]), error + 1e-300)


def _quotient_error(kept: float, eps: float) -> float:
    return 2.0**-62 / (eps * math.sqrt(1 - kept if kept < 1 else 1))


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("alpha", [0.0, 0.99, 1 - 1e-8, 1.0])
@pytest.mark.parametrize("eps", [None, 1e-12, 1e-8])
def test_rmsprop_is_right_for_gradients_of_any_size(alpha: float, eps: float | None) -> None:
    limit = 1e-17 / math.sqrt(1 - alpha if alpha < 1 else 1)
    eps = limit if eps is None else max(eps, limit)
    w, mean = (np.zeros(len(SIZES), np.float32) for _ in range(2))
    exact_w, exact_mean, error = (np.zeros(len(SIZES)) for _ in range(3))
    for number, grad in enumerate(gradients()):
        options: Options = {"lr": 2.0**-10, "alpha": alpha, "eps": eps}
        ops.rmsprop_step(w, grad, mean, **options)
        wide = grad.astype(np.float64)
        before = exact_w.copy()
        reference.rmsprop_step(exact_w, wide, exact_mean, **options)
        step = np.abs(exact_w - before)
        error += step * 1.05 * (_quotient_error(alpha, eps) + (20 + 4 * number) * UNIT)
        error += 2.0**-124 / eps + UNIT * np.abs(before) + 2.0**-126
        assert np.isfinite(w).all()
        np.testing.assert_array_less(np.abs(w - exact_w), error)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("rho", [0.0, 0.9, 0.999])
@pytest.mark.parametrize("eps", [None, 1e-30, 1e-6])
def test_adadelta_is_right_for_gradients_of_any_size(rho: float, eps: float | None) -> None:
    limit = 1e-36 / (1 - rho)
    eps = limit if eps is None else max(eps, limit)
    w, mean, moved = (np.zeros(len(SIZES), np.float32) for _ in range(3))
    exact = [np.zeros(len(SIZES)) for _ in range(3)]
    error = np.zeros(len(SIZES))
    short = 2.0**-125 / ((1 - rho) * eps)
    for number, grad in enumerate(gradients()):
        ops.adadelta_step(w, grad, mean, moved, lr=1.0, rho=rho, eps=eps)
        before = exact[0].copy()
        reference.adadelta_step(
            exact[0], grad.astype(np.float64), *exact[1:], lr=1.0, rho=rho, eps=eps
        )
        step = np.abs(exact[0] - before)
        # The error of a step is in the mean of steps, and in the next one.
        error += step * (1 + number) * 1.1 * (2 * short + (30 + 8 * number) * UNIT)
        error += 2.0**-124 + UNIT * np.abs(before)
        assert np.isfinite(w).all()
        np.testing.assert_array_less(np.abs(w - exact[0]), error)


def adam(eps: float, **options: Any) -> None:
    arrays = [np.zeros(1, np.float32) for _ in range(3)]
    ops.adam_step(arrays[0], np.ones(1, np.float32), *arrays[1:], step=1, eps=eps, **options)


def rmsprop(eps: float, **options: Any) -> None:
    w, mean = (np.zeros(1, np.float32) for _ in range(2))
    ops.rmsprop_step(w, np.ones(1, np.float32), mean, lr=0.1, eps=eps, **options)


def adadelta(eps: float, **options: Any) -> None:
    arrays = [np.zeros(1, np.float32) for _ in range(3)]
    ops.adadelta_step(arrays[0], np.ones(1, np.float32), *arrays[1:], eps=eps, **options)


LIMITS = [
    (adam, "adam_step", {}, 1e-17 / math.sqrt(1 - 0.999)),
    (adam, "adam_step", {"betas": (0.9, 0.0)}, 1e-17),
    (rmsprop, "rmsprop_step", {}, 1e-17 / math.sqrt(1 - 0.99)),
    (rmsprop, "rmsprop_step", {"alpha": 1.0}, 1e-17),
    (adadelta, "adadelta_step", {}, 1e-36 / (1 - 0.9)),
    (adadelta, "adadelta_step", {"rho": 1.0}, 1e-36),
]


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(("step", "name", "options", "limit"), LIMITS)
def test_an_eps_that_flushed_squares_would_outweigh_is_refused(
    step: Callable[..., None], name: str, options: dict[str, Any], limit: float
) -> None:
    step(limit, **options)
    for eps in (math.nextafter(limit, 0), 1e-45, 0.0):
        with pytest.raises(ValueError, match=rf"\[{name}\] eps must be at least {limit!r}"):
            step(eps, **options)


@pytest.mark.parametrize("make", [Adam, AdamW, RMSprop, Adadelta])
def test_optimizers_refuse_such_an_eps_when_they_are_made(make: Callable[..., Any]) -> None:
    parameter = Parameter(np.zeros(2, np.float32))
    parameter.grad = np.full(2, 1e-20, np.float32)
    for eps in (0.0, 0, 1e-45, 1e-38):
        with pytest.raises(ValueError, match=rf"\[{make.__name__}\] eps must be at least"):
            make([parameter], eps=eps)
    limit = 1e-30 if make is Adadelta else 1e-15
    optimizer = make([parameter], lr=1e-3, eps=limit)
    optimizer.step()
    assert np.isfinite(parameter.data).all()
    assert np.abs(parameter.data).max() <= 1e-3


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.99, 0.999, 1 - 1e-8])
@pytest.mark.parametrize("make", [Adam, RMSprop, Adadelta])
def test_an_optimizer_and_its_op_refuse_the_same_eps(make: Callable[..., Any], kept: float) -> None:
    parameter = Parameter(np.zeros(1, np.float32))
    kinds: dict[Any, tuple[Callable[..., None], Options, float]] = {
        Adam: (adam, {"betas": (0.9, kept)}, 1e-17 / math.sqrt(1 - kept)),
        RMSprop: (rmsprop, {"alpha": kept}, 1e-17 / math.sqrt(1 - kept)),
        Adadelta: (adadelta, {"rho": kept}, 1e-36 / (1 - kept)),
    }
    step, keep, limit = kinds[make]
    for eps in (math.nextafter(limit, 1), limit):
        make([parameter], eps=eps, **keep)
        step(eps, **keep)
    with pytest.raises(ValueError, match="eps must be at least") as one:
        make([parameter], eps=math.nextafter(limit, 0), **keep)
    with pytest.raises(ValueError, match="eps must be at least") as other:
        step(math.nextafter(limit, 0), **keep)
    number = str(one.value).split("at least ")[1].split()[0]
    assert number == str(other.value).split("at least ")[1].split()[0]


def test_rows_of_an_embedding_stay_finite_too() -> None:
    parameter = Parameter(np.zeros((4, 2), np.float32))
    values = np.array([[1e-20, 1e-38], [1e-45, 0]], np.float32)
    optimizer = Adam([parameter], lr=1e-3)
    for _ in range(3):
        parameter.grad = SparseRows(np.array([1, 3]), values, (4, 2))
        optimizer.step()
    assert np.isfinite(parameter.data).all()
    assert np.abs(parameter.data).max() < 1e-14


@pytest.mark.usefixtures("backend")
def test_adam_refuses_rates_that_overflow_before_the_division() -> None:
    adam(1e-8, lr=1e19)
    with pytest.raises(ValueError, match=r"\[adam_step\] lr must be at most 1e19"):
        adam(1e-8, lr=2e19)
    with pytest.raises(ValueError, match=r"\[adam_step\] lr \* weight_decay must be a finite"):
        adam(1e-8, lr=1e19, weight_decay=1e30, decoupled=True)


LARGE = np.array([1e19, 1.8e19, 2e19, 1e20, 5e20, 6e20, 1e22, 1e25, 1e30, 1e38, 3.3e38], np.float32)


def _after_large_gradients(take: Callable[..., None], arrays: int, **options: Any) -> Floats:
    """Return the weights after some steps with gradients that have no square, of either sign."""
    state = [np.zeros(2 * len(LARGE), np.float32) for _ in range(arrays)]
    for _ in range(4):
        take(state[0], np.concatenate((LARGE, -LARGE)), *state[1:], **options)
        options |= {"step": options["step"] + 1} if "step" in options else {}
    return state[0]


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("lr", [1e-3, 10.0, 1e14, 5e17])
def test_adam_makes_no_nan_of_gradients_without_a_square(lr: float) -> None:
    w = _after_large_gradients(ops.adam_step, 3, step=1, lr=lr)
    assert np.isfinite(w).all()
    moved = np.abs(w[: len(LARGE)])
    assert (moved[LARGE > 5.9e20] == 0).all()
    assert (moved[LARGE < 1.8e19] > 3 * lr).all()


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("centered", [False, True])
def test_rmsprop_makes_no_nan_of_gradients_without_a_square(
    momentum: float, centered: bool
) -> None:
    def step(w: Floats, grad: Floats, square: Floats, buffer: Floats, mean: Floats) -> None:
        options = {"lr": 0.1, "momentum": momentum}
        ops.rmsprop_step(
            w, grad, square, buffer if momentum else None, mean if centered else None, **options
        )

    w = _after_large_gradients(step, 4)
    assert np.isfinite(w).all()
    assert (w[: len(LARGE)][LARGE > 1.9e20] == 0).all()


@pytest.mark.usefixtures("backend")
def test_adadelta_makes_no_nan_of_gradients_without_a_square() -> None:
    w = _after_large_gradients(ops.adadelta_step, 3)
    assert np.isfinite(w).all()
    assert (w[: len(LARGE)][LARGE > 5.9e19] == 0).all()


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("count", [1, 21])
def test_centered_rmsprop_is_right_for_gradients_that_change(count: int) -> None:
    rng = np.random.default_rng(3)
    state = [np.zeros(count, np.float32) for _ in range(3)]
    exact = [np.zeros(count) for _ in range(3)]
    for _ in range(20):
        grad = rng.standard_normal(count).astype(np.float32)
        w, square, mean = state
        ops.rmsprop_step(w, grad, square, None, mean, lr=0.01)
        wide = grad.astype(np.float64)
        reference.rmsprop_step(exact[0], wide, exact[1], None, exact[2], lr=0.01)
        np.testing.assert_allclose(w, exact[0], rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_bad_gradients_show_in_the_weights(value: float) -> None:
    grad = np.array([value, 1.0], np.float32)
    zeros = [np.zeros(2, np.float32) for _ in range(8)]
    ops.adam_step(zeros[0], grad, zeros[1], zeros[2], step=1)
    ops.rmsprop_step(zeros[3], grad, zeros[4], lr=0.1)
    ops.adadelta_step(zeros[5], grad, zeros[6], zeros[7])
    for w in (zeros[0], zeros[3], zeros[5]):
        assert np.isnan(w[0])
        assert np.isfinite(w[1])
