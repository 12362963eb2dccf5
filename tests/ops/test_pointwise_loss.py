"""mse_loss and bce_with_logits, with their gradients, against the float64 reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance
from support.annotations import Options
from support.strategies import Values, shapes, values
from support.tolerance import assert_within

from pycnn import ops, reference

pytestmark = pytest.mark.usefixtures("backend")

REDUCTIONS = st.sampled_from(("mean", "sum", "none"))


def gradient_of_loss(reduction: str, shape: tuple[int, ...]) -> Any:
    (each,) = Values("normal", 9).arrays(shape)
    return each if reduction == "none" else -0.75


def check_value(actual: Any, exact: Any) -> None:
    """Values are computed in double, from positive terms."""
    if isinstance(exact, np.ndarray):
        assert_within(actual, exact, tolerance.in_double(exact))
    else:
        assert type(actual) is float
        assert actual == pytest.approx(exact, rel=1e-12, nan_ok=True)


def wanted(shape: tuple[int, ...], reduction: str) -> tuple[int, ...]:
    """Return a shape that is not empty, for a mean."""
    return tuple(max(n, 1) for n in shape) if reduction == "mean" else shape


def last_axes(shape: tuple[int, ...], count: int | None) -> np.ndarray | None:
    """Make weights of the shape of the last axes."""
    if count is None:
        return None
    (weights,) = Values("normal", count).arrays(shape[max(len(shape) - count, 0) :])
    return np.asarray(np.abs(weights))


@given(shapes(), values("normal", "wide"), REDUCTIONS)
def test_mse_loss(shape: tuple[int, ...], numbers: Values, reduction: str) -> None:
    shape = wanted(shape, reduction)
    output, target = numbers.arrays(shape, shape)
    wide = tolerance.float64(output, target)
    exact = reference.mse_loss(*wide, reduction=reduction)
    check_value(ops.mse_loss(output, target, reduction=reduction), exact)
    dloss = gradient_of_loss(reduction, shape)
    slopes = reference.mse_loss_backward(*wide, dloss, reduction=reduction)
    dx = ops.mse_loss_backward(output, target, dloss, reduction=reduction)
    assert_within(dx, slopes, tolerance.in_double(slopes))


@given(
    shapes(),
    values("normal", "wide"),
    REDUCTIONS,
    st.none() | st.integers(0, 4),
    st.none() | st.integers(0, 4),
)
def test_bce_with_logits(
    shape: tuple[int, ...],
    numbers: Values,
    reduction: str,
    weight_axes: int | None,
    positive_axes: int | None,
) -> None:
    shape = wanted(shape, reduction)
    logits, target = numbers.arrays(shape, shape)
    target = np.asarray(np.clip(target, 0, 1))
    weight, pos_weight = last_axes(shape, weight_axes), last_axes(shape, positive_axes)
    options: Options = {"weight": weight, "pos_weight": pos_weight}
    wide = dict(zip(options, tolerance.float64(weight, pos_weight), strict=True))
    x, t = tolerance.float64(logits, target)
    exact = reference.bce_with_logits(x, t, reduction=reduction, **wide)
    check_value(ops.bce_with_logits(logits, target, reduction=reduction, **options), exact)
    dloss = gradient_of_loss(reduction, shape)
    slopes = reference.bce_with_logits_backward(x, t, dloss, reduction=reduction, **wide)
    dx = ops.bce_with_logits_backward(logits, target, dloss, reduction=reduction, **options)
    # (1 - t) s(x) - p t s(-x) may cancel, in double.
    assert_within(dx, slopes, tolerance.in_double(slopes, 100.0))


def test_slopes_of_the_losses() -> None:
    """Finite differences of the reference."""
    rng = np.random.default_rng(0)
    x, target, weight = rng.standard_normal((3, 4)), rng.random((3, 4)), rng.random(4)
    options: dict[str, Any] = {"weight": weight, "pos_weight": 2 * weight}
    for loss, backward, chosen in (
        (reference.mse_loss, reference.mse_loss_backward, {}),
        (reference.bce_with_logits, reference.bce_with_logits_backward, options),
    ):
        gradient = backward(x, target, **chosen)
        for index in np.ndindex(*x.shape):
            step = np.zeros_like(x)
            step[index] = 1e-5
            rise = loss(x + step, target, **chosen) - loss(x - step, target, **chosen)
            assert gradient[index] == pytest.approx(rise / 2e-5, abs=1e-8)


def test_pytorchs_numbers() -> None:
    x = np.array([[0.5, -1, 2], [3, 0.25, -0.75]], np.float32)
    target = np.array([[1, 0, 0.25], [0, 1, 1]], np.float32)
    weight, pos_weight = np.array([1, 2, 0.5], np.float32), np.array([0.5, 2, 1.5], np.float32)
    options: Options = {"weight": weight, "pos_weight": pos_weight}
    assert ops.bce_with_logits(x, target, **options) == pytest.approx(1.31499286, rel=1e-8)
    expected: Any = [
        [-0.031461722, 0.08964714, 0.051324726],
        [0.15876235, -0.29188233, -0.084897337],
    ]
    np.testing.assert_allclose(
        ops.bce_with_logits_backward(x, target, **options), expected, rtol=1e-6
    )
    assert ops.mse_loss(x, target) == pytest.approx(2.822916667, rel=1e-9)
    expected = [[-1 / 6, -1 / 3, 7 / 12], [1, -0.25, -7 / 12]]
    np.testing.assert_allclose(ops.mse_loss_backward(x, target), expected, rtol=1e-6)


def test_large_logits_neither_overflow_nor_lose_small_losses() -> None:
    x = np.array([80.0, -80, 1e30, np.inf, -np.inf, -50], np.float32)
    target = np.array([1, 0, 0, 1, 0, 1], np.float32)
    loss = ops.bce_with_logits(x, target, reduction="none")
    np.testing.assert_allclose(loss, [np.exp(-80), np.exp(-80), 1e30, 0, 0, 50], rtol=1e-6)
    dx = ops.bce_with_logits_backward(x, target, reduction="sum")
    np.testing.assert_allclose(dx, [-np.exp(-80), np.exp(-80), 1, 0, 0, -1], rtol=1e-6)


def test_nan_stays_where_it_is() -> None:
    x, target = np.ones(37, np.float32), np.zeros(37, np.float32)
    x[11] = np.nan
    for loss in (ops.mse_loss, ops.bce_with_logits):
        losses = loss(x, target, reduction="none")
        np.testing.assert_array_equal(np.isnan(losses), np.arange(37) == 11)
        assert np.isnan(loss(x, target))


def test_errors() -> None:
    x = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"\[mse_loss\] target has shape \(3, 2\), output gives"):
        ops.mse_loss(x, x.reshape(3, 2))
    with pytest.raises(TypeError, match="target must be float32, got int64"):
        ops.bce_with_logits(x, np.zeros((2, 3), np.int64))
    with pytest.raises(ValueError, match=r"pos_weight must have the shape of the last axes"):
        ops.bce_with_logits(x, x, pos_weight=np.ones(2, np.float32))
    with pytest.raises(ValueError, match="weight must have the shape"):
        ops.bce_with_logits(x, x, weight=np.ones((1, 2, 3), np.float32))
    with pytest.raises(ValueError, match="the mean loss of an empty batch is not defined"):
        ops.mse_loss(x[:0], x[:0])
    assert ops.mse_loss(x[:0], x[:0], reduction="sum") == 0
    with pytest.raises(ValueError, match=r"dloss has shape \(3,\)"):
        ops.mse_loss_backward(x, x, np.ones(3, np.float32), reduction="none")
    with pytest.raises(ValueError, match="reduction must be"):
        ops.bce_with_logits(x, x, reduction="")
