"""The kinds of `activation` against the float64 reference, at their edges, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance_activation_kinds as tolerance
from support.finite_differences import assert_gradient
from support.refusals import Call, assert_refuses, row, zeros
from support.repeated_ops import assert_same_bits
from support.strategies import Values, shapes, values
from support.tolerance import assert_within, float64

from pycnn import ops, reference
from pycnn.reference.activation_kinds import KINDS

pytestmark = pytest.mark.usefixtures("backend")

F = np.float32
Function = tuple[str, float, float]
FUNCTIONS: tuple[Function, ...] = (
    ("silu", 0, 0),
    ("elu", 1, 0),
    ("elu", -0.3, 0),
    ("hardswish", 0, 0),
    ("hardsigmoid", 0, 0),
    ("softplus", 1, 20),
    ("softplus", 0.25, 5),
    ("softplus", 8, 30),
    ("mish", 0, 0),
    ("hardtanh", -1, 1),
    ("hardtanh", 0, 6),
    ("hardtanh", 2, 2),
    ("negative", 0, 0),
    ("focal", 0, 1),
    ("focal", 0.5, 1),
    ("focal", 2, 0.25),
    ("focal", 5, -2),
)
untyped: Any = ops  # for calls that a type checker would refuse
activation, slope = untyped.activation, untyped.activation_backward
X = zeros(2, 3)


def domain(function: Function, x: np.ndarray) -> np.ndarray:
    """Return log-probabilities for 'focal', any numbers for the others, softplus off its jump."""
    kind, a, b = function
    if kind == "focal":
        return np.asarray(-np.abs(x))
    if kind == "softplus":  # at a x = b the function jumps by exp(-b) / a
        return np.where(np.abs(a * x - b) < 1e-4, F(0), x)
    return x


def check(function: Function, x: np.ndarray, dy: np.ndarray) -> None:
    kind, a, b = function[0], float(F(function[1])), float(F(function[2]))
    x = domain(function, x)
    wide, wide_dy = float64(x, dy)
    exact = reference.activation(wide, kind, a, b)
    assert_within(ops.activation(x, kind, a, b), exact, tolerance.activation(wide, kind, a, b))
    exact = reference.activation_backward(wide_dy, wide, kind, a, b)
    bound = tolerance.activation_backward(wide_dy, wide, kind, a, b)
    assert_within(ops.activation_backward(dy, x, kind, a, b), exact, bound)


@given(shapes(), values("normal", "integer", "wide"), st.sampled_from(FUNCTIONS))
def test_values(shape: tuple[int, ...], numbers: Values, function: Function) -> None:
    x, dy = numbers.arrays(shape, shape)
    check(function, x, dy)


@pytest.mark.parametrize("function", FUNCTIONS, ids=map(str, FUNCTIONS))
def test_accuracy_at_every_magnitude(function: Function) -> None:
    """131,000 floats of all magnitudes and both signs, evenly spaced in their bits."""
    x = np.arange(0x00800000, 0x7F800000, 32_771, dtype=np.uint32).view(F)
    x = np.concatenate([x, -x])
    with np.errstate(over="ignore", invalid="ignore"):
        big = np.abs(x) > 1e30  # whose products with a overflow
        check(function, np.where(big, F(1), x), np.ones_like(x))


@pytest.mark.parametrize("function", FUNCTIONS, ids=map(str, FUNCTIONS))
def test_the_gradient_is_the_slope(function: Function) -> None:
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 3, 5)) * 2
    x = domain(function, x)
    gradient = reference.activation_backward(dy, x, *function)
    assert_gradient(
        lambda v: float(np.vdot(dy, reference.activation(v, *function))), x, gradient, h=1e-6
    )


# --- edges: NaN, infinities and zeros, and where a slope jumps -----------------------------------

EDGES = np.array([np.nan, np.inf, -np.inf, 0, 3, -3, 6], F)


@pytest.mark.parametrize(
    ("function", "y", "dx"),
    [
        (("silu", 0, 0), [np.nan, np.inf, 0, 0], [np.nan, 1, 0, 0.5]),
        (("elu", 2, 0), [np.nan, np.inf, -2, 0], [1, 1, 0, 2]),
        (("hardswish", 0, 0), [np.nan, np.inf, 0, 0, 3, 0, 6], [np.nan, 1, 0, 0.5, 1, 0, 1]),
        (("hardsigmoid", 0, 0), [np.nan, 1, 0, 0.5, 1, 0, 1], [1 / 6, 0, 0, 1 / 6, 0, 0, 0]),
        (("softplus", 1, 20), [np.nan, np.inf, 0, np.log(2)], [np.nan, 1, 0, 0.5]),
        (("softplus", 2, -1), [np.nan, np.inf, 0, 0, 3], [np.nan, 1, 0, 1, 1]),
        (("mish", 0, 0), [np.nan, np.inf, 0, 0], [np.nan, 1, 0, 0.6]),
        (("hardtanh", 0, 6), [np.nan, 6, 0, 0, 3, 0, 6], [1, 0, 0, 0, 1, 0, 0]),
        (("negative", 0, 0), [np.nan, 0, -np.inf, 0, 0, -3, 0], [1, 0, 1, 1, 0, 1, 0]),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, tuple) else "",
)
def test_edges(function: Function, y: list[float], dx: list[float]) -> None:
    x = EDGES[: len(y)]
    np.testing.assert_allclose(ops.activation(x, *function), np.array(y, F), rtol=3e-7)
    got = ops.activation_backward(np.ones_like(x), x, *function)
    np.testing.assert_allclose(got, np.array(dx, F), rtol=3e-7)


def test_edges_of_a_focal_log_probability() -> None:
    x = np.array([np.nan, -np.inf, 0], F)
    for gamma, at_zero in ((0.0, 1.0), (0.5, 0.0), (2.0, 0.0)):
        np.testing.assert_array_equal(
            ops.activation(x, "focal", gamma, 1), np.array([np.nan, -np.inf, 0], F)
        )
        got = ops.activation_backward(np.ones_like(x), x, "focal", gamma, 1)
        np.testing.assert_allclose(got, np.array([np.nan, 1, at_zero], F))


def test_a_nan_gradient_is_stopped_where_the_function_is_flat() -> None:
    dy = np.full(40, np.nan, F)
    for function in (("hardtanh", 0, 6), ("hardsigmoid", 0, 0)):
        for x in (-9, 9):
            got = ops.activation_backward(dy, np.full(40, x, F), *function)
            np.testing.assert_array_equal(got, np.zeros(40))
    np.testing.assert_array_equal(
        ops.activation_backward(dy, np.full(40, 9, F), "negative"), np.zeros(40)
    )


# From PyTorch 2.13 (float64), rounded to nine digits: values, then slopes, at -4, -1.5, 0.5 and 2.
TORCH: dict[Function, tuple[list[float], list[float]]] = {
    ("silu", 0, 0): ([-0.0719448398, -0.273638286, 0.311229666, 1.76159416],
                     [-0.0526646149, -0.0412941543, 0.739961187, 1.09078425]),
    ("elu", 1, 0): ([-0.981684361, -0.77686984, 0.5, 2], [0.0183156389, 0.22313016, 1, 1]),
    ("hardswish", 0, 0): ([0, -0.375, 0.291666667, 1.66666667], [0, 0, 0.666666667, 1.16666667]),
    ("softplus", 2, 20): ([0.000167703186, 0.0242936758, 0.656630844, 2.00907496],
                          [0.00033535013, 0.0474258732, 0.731058579, 0.98201379]),
    ("mish", 0, 0): ([-0.0725917408, -0.298099742, 0.375245211, 1.94395896],
                     [-0.0537732098, -0.0640978159, 0.886424375, 1.06931793]),
}  # fmt: skip


@pytest.mark.parametrize("function", TORCH)
def test_pytorchs_numbers(function: Function) -> None:
    x = np.array([-4, -1.5, 0.5, 2], F)
    y, dx = TORCH[function]
    np.testing.assert_allclose(ops.activation(x, *function), y, rtol=1e-6, atol=1e-9)
    got = ops.activation_backward(np.ones_like(x), x, *function)
    np.testing.assert_allclose(got, dx, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("call", "facts"),
    [
        row(lambda: activation([0.0], "silu"), "[activation]", "x", "list"),
        row(lambda: activation(X, 3), "[activation]", "kind", "int"),
        row(lambda: activation(X, "elu", "1"), "[activation]", "a", "str"),
        row(lambda: slope(X, X.astype(int), "silu"), "[activation_backward]", "x", "int64"),
    ],
)
def test_types(call: Call, facts: tuple[str, ...]) -> None:
    assert_refuses(call, TypeError, facts)


@pytest.mark.parametrize(
    ("call", "facts"),
    [
        row(lambda: activation(X.T, "silu"), "[activation]", "x", "C-contiguous"),
        row(lambda: activation(X, "swish"), "[activation]", "one of silu, elu", "'swish'"),
        row(lambda: activation(X, "silu", 1.0), "[activation]", "'silu' takes neither", "a = 1"),
        row(lambda: activation(X, "elu", 1.0, 2.0), "'elu' takes no b", "b = 2"),
        row(lambda: activation(X, "elu", np.inf), "[activation]", "a", "inf"),
        row(lambda: activation(X, "softplus", 0.0, 2.0), "'softplus' must be above 0", "0"),
        row(lambda: activation(X, "focal", -1.0, 1.0), "'focal' must be at least 0", "-1"),
        row(lambda: activation(X, "hardtanh", 2.0, 1.0), "a = 2", "b = 1"),
        row(lambda: slope(X, zeros(3, 2), "silu"), "[activation_backward]", "(2, 3)", "(3, 2)"),
    ],
)
def test_values_that_are_refused(call: Call, facts: tuple[str, ...]) -> None:
    assert_refuses(call, ValueError, facts)


def test_every_kind_is_tested() -> None:
    assert {kind for kind, _, _ in FUNCTIONS} == set(KINDS)
    for kind in KINDS:
        assert f"'{kind}'" in (ops.activation.__doc__ or "")


def test_the_same_bits_for_any_number_of_threads() -> None:
    x, dy = Values("normal", 0).arrays((70_001,), (70_001,))
    for function in FUNCTIONS:
        options = dict(zip(("kind", "a", "b"), function, strict=True))
        there = domain(function, x)
        forward = (ops.activation, [there], options)
        assert_same_bits([forward, (ops.activation_backward, [dy, there], options)])
