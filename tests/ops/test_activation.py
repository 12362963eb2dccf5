"""Activations and their gradients against the float64 reference, for every ISA."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance_activation as tolerance
from support.annotations import Options
from support.strategies import Values, shapes, values
from support.tolerance import TINY, assert_within, float64

from pycnn import ops, reference

pytestmark = pytest.mark.usefixtures("backend")

F = np.float32
NUMBERS = values("normal", "integer", "wide")
SCALES = st.sampled_from(((1.0, 1.0), (1.7159, 2 / 3), (-3.0, 0.01), (0.25, -40.0)))
FORMS = st.sampled_from(("none", "tanh"))


@given(shapes(), values("normal", "integer", "nonfinite"))
def test_relu(shape: tuple[int, ...], numbers: Values) -> None:
    (x,) = numbers.arrays(shape)
    assert_within(ops.relu(x), reference.relu(x), 0.0)


@given(shapes(), values("normal", "integer", "nonfinite"))
def test_relu_backward(shape: tuple[int, ...], numbers: Values) -> None:
    x, dy = numbers.arrays(shape, shape)
    y = reference.relu(x)
    expected = reference.relu_backward(dy, y)
    assert_within(ops.relu_backward(dy, y), expected, 0.0)
    # The input of relu is as good as its output.
    assert_within(ops.relu_backward(dy, x), expected, 0.0)


@given(shapes(), values("normal", "integer", "nonfinite"), st.sampled_from((0.01, 0.25, -2.0, 1.0)))
def test_leaky_relu(shape: tuple[int, ...], numbers: Values, slope: float) -> None:
    x, dy = numbers.arrays(shape, shape)
    slope = float(F(slope))
    # One product of float32 numbers: the reference in float32 rounds it in the same way.
    assert_within(ops.leaky_relu(x, slope), reference.leaky_relu(x, slope), 0.0)
    expected = reference.leaky_relu_backward(dy, x, slope)
    assert_within(ops.leaky_relu_backward(dy, x, slope), expected, 0.0)


@given(shapes(), NUMBERS, SCALES)
def test_tanh(shape: tuple[int, ...], numbers: Values, scales: tuple[float, float]) -> None:
    x, dy = numbers.arrays(shape, shape)
    amplitude, slope = scales
    options: Options = {"amplitude": amplitude, "slope": slope}
    exact = reference.tanh(*float64(x), **options)
    y = ops.tanh(x, **options)
    assert_within(y, exact, tolerance.tanh(exact))
    wide = float64(dy, y)
    bound = tolerance.tanh_backward(*wide, amplitude, slope)
    assert_within(
        ops.tanh_backward(dy, y, **options), reference.tanh_backward(*wide, **options), bound
    )


@given(shapes(), NUMBERS)
def test_sigmoid(shape: tuple[int, ...], numbers: Values) -> None:
    x, dy = numbers.arrays(shape, shape)
    exact = reference.sigmoid(*float64(x))
    y = ops.sigmoid(x)
    assert_within(y, exact, tolerance.sigmoid(exact))
    wide = float64(dy, y)
    bound = tolerance.sigmoid_backward(*wide)
    assert_within(ops.sigmoid_backward(dy, y), reference.sigmoid_backward(*wide), bound)


@given(shapes(), NUMBERS, FORMS)
def test_gelu(shape: tuple[int, ...], numbers: Values, form: str) -> None:
    x, dy = numbers.arrays(shape, shape)
    wide_dy, wide = float64(dy, x)
    exact = reference.gelu(wide, form)
    assert_within(ops.gelu(x, form), exact, tolerance.gelu(wide, form))
    exact = reference.gelu_backward(wide_dy, wide, form)
    bound = tolerance.gelu_backward(wide_dy, wide, form)
    assert_within(ops.gelu_backward(dy, x, form), exact, bound)


def every_size() -> np.ndarray:
    """Return 261,000 floats of all magnitudes and both signs, evenly spaced in their bits."""
    x = np.arange(0x00800000, 0x7F800000, 16_381, dtype=np.uint32).view(F)
    return np.concatenate([x, -x])


@pytest.mark.parametrize("form", ["none", "tanh"])
def test_accuracy_at_every_magnitude(form: str) -> None:
    x = every_size()
    (wide,) = float64(x)
    exact = reference.tanh(wide)
    assert_within(ops.tanh(x), exact, tolerance.tanh(exact))
    exact = reference.sigmoid(wide)
    assert_within(ops.sigmoid(x), exact, tolerance.sigmoid(exact))
    assert_within(ops.gelu(x, form), reference.gelu(wide, form), tolerance.gelu(wide, form))
    one = np.ones_like(wide)
    exact = reference.gelu_backward(one, wide, form)
    bound = tolerance.gelu_backward(one, wide, form)
    assert_within(ops.gelu_backward(np.ones_like(x), x, form), exact, bound)


# --- special values ------------------------------------------------------------------------------

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-30, -1e-30], F)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (ops.relu, [np.nan, np.inf, 0, 0, 0, 1e-30, 0]),
        (ops.leaky_relu, [np.nan, np.inf, -np.inf, 0, 0, 1e-30, F(-1e-30) * F(0.01)]),
        (ops.tanh, [np.nan, 1, -1, 0, 0, 1e-30, -1e-30]),
        (ops.sigmoid, [np.nan, 1, 0, 0.5, 0.5, 0.5, 0.5]),
        (ops.gelu, [np.nan, np.inf, 0, 0, 0, 5e-31, -5e-31]),
        (lambda x: ops.gelu(x, "tanh"), [np.nan, np.inf, 0, 0, 0, 5e-31, -5e-31]),
    ],
)
def test_special_values(op: Any, expected: list[float]) -> None:
    np.testing.assert_array_equal(op(SPECIAL), np.array(expected, F))
    # The sign of zero is kept by odd functions.
    if op in (ops.tanh, ops.leaky_relu, ops.gelu):
        np.testing.assert_array_equal(np.signbit(op(SPECIAL[3:5])), [False, True])


def test_special_gradients() -> None:
    dy = np.full_like(SPECIAL, 3)
    np.testing.assert_array_equal(ops.relu_backward(dy, ops.relu(SPECIAL)), [3, 3, 0, 0, 0, 3, 0])
    small = F(0.01) * F(3)
    expected = np.array([3, 3, small, small, small, 3, small], F)
    np.testing.assert_array_equal(ops.leaky_relu_backward(dy, SPECIAL), expected)
    for form in ("none", "tanh"):
        dx = ops.gelu_backward(dy, SPECIAL, form)
        np.testing.assert_array_equal(dx, np.array([np.nan, 3, 0, 1.5, 1.5, 1.5, 1.5], F))
    ends = np.array([np.nan, 1, -1], F)
    np.testing.assert_array_equal(ops.tanh_backward(dy[:3], ends), np.array([np.nan, 0, 0], F))
    ends = np.array([np.nan, 1, 0], F)
    np.testing.assert_array_equal(ops.sigmoid_backward(dy[:3], ends), np.array([np.nan, 0, 0], F))


def test_a_nan_gradient_is_stopped_where_relu_was_zero() -> None:
    """Selecting is not multiplying by 0 or 1: 0 * NaN would be NaN."""
    dy = np.full(40, np.nan, F)
    y = np.zeros(40, F)
    np.testing.assert_array_equal(ops.relu_backward(dy, y), np.zeros(40))


def test_denormal_numbers_count_as_zero() -> None:
    """Return whether an argument or a result is denormal."""
    x = np.array([TINY / 2, -TINY / 2, -87.4, -100.0], F)
    np.testing.assert_array_equal(ops.tanh(x)[:2], [0, 0])
    np.testing.assert_array_equal(ops.sigmoid(x), np.array([0.5, 0.5, 0, 0], F))


def test_the_scaled_tanh_of_lenet_meets_one_at_one() -> None:
    """1.7159 tanh(2/3) is 1 to four digits: that is how LeCun chose the numbers."""
    x = np.array([1, -1], F)
    y = ops.tanh(x, amplitude=1.7159, slope=2 / 3)
    np.testing.assert_allclose(y, x, atol=2e-5)
