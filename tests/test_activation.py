"""relu and its gradient: exact, for every shape and special value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from strategies import Values, shapes, values
from tolerance import assert_within

from pycnn import ops, reference

pytestmark = pytest.mark.usefixtures("isa")


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


def test_special_values() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-30, -1e-30], np.float32)
    y = ops.relu(x)
    np.testing.assert_array_equal(y, np.array([np.nan, np.inf, 0, 0, 0, 1e-30, 0], np.float32))
    dx = ops.relu_backward(np.full_like(x, 3), y)
    np.testing.assert_array_equal(dx, [3, 3, 0, 0, 0, 3, 0])


def test_a_nan_gradient_is_stopped_where_relu_was_zero() -> None:
    """Selecting is not multiplying by 0 or 1: 0 * NaN would be NaN."""
    dy = np.full(40, np.nan, np.float32)
    y = np.zeros(40, np.float32)
    np.testing.assert_array_equal(ops.relu_backward(dy, y), np.zeros(40))
