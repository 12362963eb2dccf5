"""linear and its gradients against the float64 reference, for every ISA."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance
from support.in_place import assert_in_place
from support.strategies import Values, examples, matrices, values
from support.tolerance import assert_within, float64

from pycnn import ops, reference

pytestmark = pytest.mark.usefixtures("backend")

MANY = examples(2)


@MANY
@given(matrices(), values(), st.booleans())
def test_forward(size: tuple[int, int, int], numbers: Values, bias: bool) -> None:
    rows, inputs, outputs = size
    x, w, b = numbers.arrays((rows, inputs), (outputs, inputs), (outputs,))
    operands = (x, w, b if bias else None)
    bound = 0.0 if numbers.exact else tolerance.linear(*float64(*operands))
    assert_within(ops.linear(*operands), reference.linear(*float64(*operands)), bound)


@given(matrices(), values(), st.booleans())
def test_rectified(size: tuple[int, int, int], numbers: Values, bias: bool) -> None:
    rows, inputs, outputs = size
    x, w, b = numbers.arrays((rows, inputs), (outputs, inputs), (outputs,))
    operands = (x, w, b if bias else None)
    expected = ops.relu(ops.linear(*operands))
    np.testing.assert_array_equal(ops.linear_relu(*operands), expected)
    exact = reference.relu(reference.linear(*float64(*operands)))
    np.testing.assert_array_equal(reference.linear_relu(*float64(*operands)), exact)


@MANY
@given(matrices(), values())
def test_backward(size: tuple[int, int, int], numbers: Values) -> None:
    rows, inputs, outputs = size
    dy, x, w = numbers.arrays((rows, outputs), (rows, inputs), (outputs, inputs))
    actual = ops.linear_backward(dy, x, w)
    exact = reference.linear_backward(*float64(dy, x, w))
    bounds = tolerance.linear_backward(*float64(dy, x, w))
    for got, want, bound in zip(actual, exact, bounds, strict=True):
        assert_within(got, want, 0.0 if numbers.exact else bound)


@pytest.mark.parametrize("rows", [1, 3, 7, 8, 9, 15, 16, 17])
@pytest.mark.parametrize("inputs", [127, 130, 1025])
def test_few_rows_and_long_sums(rows: int, inputs: int) -> None:
    """Sums over 1,600 outputs and more are added up in double."""
    for outputs in (1599, 4803):
        dy, w = Values("integer", outputs).arrays((rows, outputs), (outputs, inputs))
        dx = ops.linear_backward_input(dy, w)
        assert_within(dx, dy.astype(np.float64) @ w.astype(np.float64), 0.0)


@given(matrices(), values("normal"))
def test_the_gradients_alone_are_those_of_linear_backward(
    size: tuple[int, int, int], numbers: Values
) -> None:
    rows, inputs, outputs = size
    dy, x, w = numbers.arrays((rows, outputs), (rows, inputs), (outputs, inputs))
    dx, dw, db = ops.linear_backward(dy, x, w)
    np.testing.assert_array_equal(ops.linear_backward_input(dy, w), dx)
    alone = ops.linear_backward_weight(dy, x)
    np.testing.assert_array_equal(alone[0], dw)
    np.testing.assert_array_equal(alone[1], db)
    assert_in_place(ops.linear_backward_weight, dy, x)


@given(matrices(), values("integer"))
def test_adjoints(size: tuple[int, int, int], numbers: Values) -> None:
    """<x w^T, g> = <x, dx(g)> = <w, dw(g)>, exactly for integer data."""
    rows, inputs, outputs = size
    g, x, w = numbers.arrays((rows, outputs), (rows, inputs), (outputs, inputs))
    expected = np.vdot(*float64(ops.linear(x, w), g))
    dx, dw, _ = ops.linear_backward(g, x, w)
    assert np.vdot(*float64(x, dx)) == expected
    assert np.vdot(*float64(w, dw)) == expected


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@given(matrices(), values("nonfinite"))
def test_nan_and_infinity_stay_in_their_row(size: tuple[int, int, int], numbers: Values) -> None:
    rows, inputs, outputs = size
    (x,) = numbers.arrays((rows, inputs))
    w, b = Values("normal", numbers.seed).arrays((outputs, inputs), (outputs,))
    operands = float64(x, w, b)
    bound = tolerance.linear(*operands)
    assert_within(ops.linear(x, w, b), reference.linear(*operands), bound)
