"""log_softmax, nll_loss and map_loss, with their gradients, against the float64 reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance
from support.annotations import Options
from support.tolerance import assert_within

from pycnn import ops, reference

pytestmark = pytest.mark.usefixtures("backend")

SIZES = st.tuples(
    st.sampled_from((0, 1, 2, 5, 8, 17, 65)),
    st.sampled_from((1, 2, 3, 4, 7, 8, 9, 10, 15, 16, 17, 33, 100, 1000)),
)
SEEDS = st.integers(0, 2**32 - 1)
REDUCTIONS = st.sampled_from(("mean", "sum", "none"))


def numbers(shape: tuple[int, int], seed: int, scale: float, offset: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (scale * rng.standard_normal(shape) + offset).astype(np.float32)


def labels(shape: tuple[int, int], seed: int, ignored: int | None = None) -> np.ndarray:
    rng = np.random.default_rng(seed + 1)
    target = rng.integers(0, shape[1], shape[0])
    if ignored is not None:
        target[1:][rng.random(max(shape[0] - 1, 0)) < 0.3] = ignored
    return target


def gradient_of_loss(reduction: str, count: int) -> Any:
    return np.linspace(-1, 2, count, dtype=np.float32) if reduction == "none" else -0.75


def check_value(actual: Any, exact: Any, scale: float) -> None:
    """Values are computed in double: arrays are rounded once, sums not at all."""
    if isinstance(exact, np.ndarray):
        assert_within(actual, exact, tolerance.in_double(exact, scale))
    else:
        assert type(actual) is float
        assert actual == pytest.approx(exact, rel=1e-12, abs=1e-12 * scale)


@given(SIZES, SEEDS, st.sampled_from((0.0, 1.0, 8.0, 1e4)), st.sampled_from((0.0, 300.0)))
def test_log_softmax(shape: tuple[int, int], seed: int, scale: float, offset: float) -> None:
    x = numbers(shape, seed, scale, offset)
    wide = x.astype(np.float64)
    y = ops.log_softmax(x)
    assert_within(y, reference.log_softmax(wide), tolerance.log_softmax(wide))
    dy = numbers(shape, seed + 1, 1.0)
    wide, wide_y = dy.astype(np.float64), y.astype(np.float64)
    exact = reference.log_softmax_backward(wide, wide_y)
    bound = tolerance.log_softmax_backward(wide, wide_y)
    assert_within(ops.log_softmax_backward(dy, y), exact, bound)


@given(SIZES, SEEDS, REDUCTIONS, st.booleans(), st.sampled_from((-100, 0)))
def test_nll_loss(
    shape: tuple[int, int], seed: int, reduction: str, weighted: bool, ignored: int
) -> None:
    shape = (max(shape[0], 1), shape[1]) if reduction == "mean" else shape
    log_probs, target = numbers(shape, seed, 3.0, -4.0), labels(shape, seed, ignored)
    target[:1] = shape[1] - 1
    weight = np.linspace(0.5, 2, shape[1], dtype=np.float32) if weighted else None
    options: Options = {"ignore_index": ignored, "reduction": reduction}
    if shape[1] == 1 and ignored == 0 and reduction == "mean":
        return  # nothing counts: there is a separate test for it
    wide, wide_weight = tolerance.float64(log_probs, weight)
    exact = reference.nll_loss(wide, target, weight=wide_weight, **options)
    check_value(ops.nll_loss(log_probs, target, weight=weight, **options), exact, 40 * len(target))
    dloss = gradient_of_loss(reduction, shape[0])
    dx = ops.nll_loss_backward(log_probs, target, dloss, weight=weight, **options)
    slopes = reference.nll_loss_backward(wide, target, dloss, weight=wide_weight, **options)
    assert_within(dx, slopes, tolerance.in_double(slopes))


@given(SIZES, SEEDS, REDUCTIONS, st.sampled_from((0.1, 1.0, 50.0)), st.sampled_from((1, 30, 1e5)))
def test_map_loss(
    shape: tuple[int, int], seed: int, reduction: str, j: float, scale: float
) -> None:
    shape = (max(shape[0], 1), shape[1]) if reduction == "mean" else shape
    distances, target = np.abs(numbers(shape, seed, scale)), labels(shape, seed)
    wide = distances.astype(np.float64)
    j = float(np.float32(j))
    exact = reference.map_loss(wide, target, j=j, reduction=reduction)
    assert np.all(np.asarray(exact) >= 0)
    actual = ops.map_loss(distances, target, j=j, reduction=reduction)
    check_value(actual, exact, 10 * scale * len(target))
    dloss = gradient_of_loss(reduction, shape[0])
    slopes = reference.map_loss_backward(wide, target, dloss, j=j, reduction=reduction)
    dx = ops.map_loss_backward(distances, target, dloss, j=j, reduction=reduction)
    # The right class has 1 - share, which may cancel in double.
    assert_within(dx, slopes, tolerance.in_double(slopes, 10.0))


def test_slopes_of_the_losses() -> None:
    """Finite differences of the reference."""
    x = np.random.default_rng(0).uniform(0, 3, (4, 5))
    target, weight = np.array([0, 4, 2, 2]), np.linspace(0.5, 2, 5)
    for loss, backward, options in (
        (reference.nll_loss, reference.nll_loss_backward, {"weight": weight, "ignore_index": 4}),
        (reference.map_loss, reference.map_loss_backward, {"j": 0.7}),
    ):
        gradient = backward(x, target, **options)
        for index in np.ndindex(*x.shape):
            step = np.zeros_like(x)
            step[index] = 1e-5
            rise = loss(x + step, target, **options) - loss(x - step, target, **options)
            assert gradient[index] == pytest.approx(rise / 2e-5, abs=1e-8)


def test_nll_of_log_softmax_is_cross_entropy_and_pytorchs_number() -> None:
    x = np.array([[0.5, -1, 2], [3, 0.25, -0.75]], np.float32)
    weight, target = np.array([0.5, 2, 1.5], np.float32), np.array([1, 0])
    y = ops.log_softmax(x)
    loss = ops.nll_loss(y, target, weight=weight)
    assert loss == pytest.approx(2.609815331, rel=1e-6)
    assert loss == pytest.approx(ops.softmax_cross_entropy(x, target, weight=weight)[0], rel=1e-6)
    dx = ops.log_softmax_backward(ops.nll_loss_backward(y, target, weight=weight), y)
    expected = [[0.14023231, -0.76870994, 0.62847763], [-0.016082755, 0.011757436, 0.004325319]]
    np.testing.assert_allclose(dx, expected, rtol=1e-5)


def test_all_rows_ignored() -> None:
    x, target = np.zeros((3, 4), np.float32), np.full(3, -100)
    assert math.isnan(ops.nll_loss(x, target))
    assert ops.nll_loss(x, target, reduction="sum") == 0
    np.testing.assert_array_equal(ops.nll_loss_backward(x, target), np.zeros((3, 4)))


def test_map_loss_by_hand_and_far_from_overflow() -> None:
    d = np.array([[1.0, 2.0, 4.0]], np.float32)
    competition = math.exp(-0.5) + math.exp(-1) + math.exp(-2) + math.exp(-4)
    loss = ops.map_loss(d, np.array([1]), j=0.5)
    assert loss == pytest.approx(2 + math.log(competition), rel=1e-12)
    # exp(-d) underflows at 800 even in double, and exp(800) overflows.
    d = np.array([[900.0, 800.0, 3e38]], np.float32)
    assert ops.map_loss(d, np.array([0]), j=1000.0) == pytest.approx(100, rel=1e-12)
    dx = ops.map_loss_backward(d, np.array([0]), j=1000.0)
    np.testing.assert_allclose(dx, [[1, -1, 0]], atol=1e-6)
    assert ops.map_loss(-d[:, :2], np.array([1])) == pytest.approx(100, rel=1e-12)


def test_nan_stays_in_its_row() -> None:
    x = np.ones((20, 10), np.float32)
    x[7, 3] = np.nan
    target = np.zeros(20, np.int64)
    row = np.arange(20) == 7
    np.testing.assert_array_equal(np.isnan(ops.log_softmax(x)).all(axis=1), row)
    np.testing.assert_array_equal(np.isnan(ops.map_loss(x, target, reduction="none")), row)
    assert not np.isnan(ops.nll_loss(x, target, reduction="none")).any()


def test_errors() -> None:
    x, target = np.zeros((2, 3), np.float32), np.array([0, 2])
    with pytest.raises(ValueError, match=r"\[map_loss\] target\[1\] is 3, outside 0\.\.2"):
        ops.map_loss(x, np.array([0, 3]))
    with pytest.raises(ValueError, match=r"\[nll_loss\] target\[0\] is -1, outside 0\.\.2"):
        ops.nll_loss(x, np.array([-1, 2]))
    with pytest.raises(ValueError, match="j must be above 0, got 0"):
        ops.map_loss(x, target, j=0)
    with pytest.raises(ValueError, match="the mean loss of an empty batch"):
        ops.map_loss(x[:0], target[:0])
    with pytest.raises(ValueError, match="reduction must be 'mean', 'sum' or 'none', got 'max'"):
        ops.nll_loss(x, target, reduction="max")
    with pytest.raises(ValueError, match=r"target has shape \(2,\), distances gives \(1,\)"):
        ops.map_loss(x[:1], target)
    with pytest.raises(TypeError, match=r"dloss must be an array of one number per loss"):
        ops.map_loss_backward(x, target, 1.0, reduction="none")
    with pytest.raises(ValueError, match=r"\[log_softmax\] needs at least one class"):
        ops.log_softmax(np.zeros((2, 0), np.float32))
    with pytest.raises(TypeError, match="log_probs must be float32"):
        ops.nll_loss(x.astype(float), target)
