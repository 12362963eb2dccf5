"""The kinds of `pointwise_loss` against the float64 reference, at their edges; what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.finite_differences import assert_gradient
from support.refusals import Call, assert_refuses, row, zeros
from support.repeated_ops import assert_same_bits
from support.strategies import Values, shapes, values
from support.tolerance import assert_within, float64, in_double

from pycnn import ops, reference

pytestmark = pytest.mark.usefixtures("backend")

F = np.float32
Kind = tuple[str, float, float]
KINDS: tuple[Kind, ...] = (
    ("l1", 0, 0),
    ("smooth_l1", 0, 0),
    ("smooth_l1", 0.5, 0),
    ("huber", 2, 0),
    ("kl_div", 0, 0),
    ("kl_div_log", 0, 0),
    ("bce", 0, 0),
    ("focal", -1, 2),
    ("focal", 0.25, 0.5),
    ("focal", 1, 0),
    ("cross_entropy", 0, 0),
    ("cross_entropy", 0.1, 0.02),
)
PROBABILITY, LOG, NUMBER = range(3)
# What outputs and targets are.
OPERANDS = {
    "kl_div": (LOG, PROBABILITY),
    "kl_div_log": (LOG, LOG),
    "bce": (PROBABILITY, PROBABILITY),
    "focal": (NUMBER, PROBABILITY),
    "cross_entropy": (LOG, PROBABILITY),
}
untyped: Any = ops  # for calls that a type checker would refuse
loss, slope = untyped.pointwise_loss, untyped.pointwise_loss_backward
X = zeros(2, 3)


def operand(what: int, x: np.ndarray) -> np.ndarray:
    """Turn numbers into what a kind wants."""
    if what == NUMBER:
        return x
    return np.asarray(-np.abs(x) if what == LOG else np.clip(np.abs(x), 0, 1))


def operands(kind: str, x: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    first, second = OPERANDS.get(kind, (NUMBER, NUMBER))
    return operand(first, x), operand(second, t)


@given(
    shapes(),
    values("normal", "integer", "wide"),
    st.sampled_from(KINDS),
    st.sampled_from(("mean", "sum", "none")),
    st.none() | st.integers(0, 4),
)
def test_values(
    shape: tuple[int, ...], numbers: Values, function: Kind, reduction: str, axes: int | None
) -> None:
    if reduction == "mean":
        shape = tuple(max(n, 1) for n in shape)
    kind, a, b = function
    x, t = numbers.arrays(shape, shape)
    x, t = operands(kind, x, t)
    weight = None
    if axes is not None:
        (weight,) = Values("normal", axes).arrays(shape[max(len(shape) - axes, 0) :])
        weight = np.asarray(np.abs(weight))
    divisor = 3.5 if reduction == "sum" else 1.0
    options: Any = {"kind": kind, "a": a, "b": b, "divisor": divisor, "reduction": reduction}
    wide_x, wide_t, wide_weight = float64(x, t, weight)
    exact = reference.pointwise_loss(wide_x, wide_t, weight=wide_weight, **options)
    got = ops.pointwise_loss(x, t, weight=weight, **options)
    if isinstance(exact, np.ndarray):
        assert isinstance(got, np.ndarray)
        assert_within(got, exact, in_double(exact, 1.0))  # t log t - t o may cancel
    else:
        assert type(got) is float
        scale = float(np.abs(np.asarray(exact))) + 1
        assert got == pytest.approx(exact, rel=1e-12, abs=1e-9 * scale if "kl" in kind else 0)
    dloss: Any = Values("normal", 9).arrays(shape)[0] if reduction == "none" else -0.75
    slopes = reference.pointwise_loss_backward(
        wide_x, wide_t, dloss=dloss, weight=wide_weight, **options
    )
    dx = ops.pointwise_loss_backward(x, t, dloss=dloss, weight=weight, **options)
    assert_within(dx, slopes, in_double(slopes, 100.0))


@pytest.mark.parametrize("function", KINDS, ids=map(str, KINDS))
def test_the_gradient_is_the_slope(function: Kind) -> None:
    kind, a, b = function
    rng = np.random.default_rng(1)
    x, t = operands(kind, *rng.standard_normal((2, 3, 4)))
    x = np.clip(x, 0.01, 0.99) if kind == "bce" else x
    options: Any = {"kind": kind, "a": a, "b": b, "reduction": "sum", "divisor": 2.0}
    gradient = reference.pointwise_loss_backward(x, t, **options)
    assert_gradient(
        lambda v: float(np.sum(reference.pointwise_loss(v, t, **options))), x, gradient, h=1e-6
    )


def each(kind: str, x: list[float], t: list[float], a: float = 0, b: float = 0) -> Any:
    """Return the losses and slopes of numbers."""
    options: Any = {"kind": kind, "a": a, "b": b, "reduction": "none"}
    output, target = np.array(x, F), np.array(t, F)
    losses = ops.pointwise_loss(output, target, **options)
    return losses, ops.pointwise_loss_backward(
        output, target, dloss=np.ones_like(output), **options
    )


def test_edges() -> None:
    losses, slopes = each("l1", [1, np.nan, np.inf], [1, 0, 0])
    np.testing.assert_array_equal(losses, np.array([0, np.nan, np.inf], F))
    np.testing.assert_array_equal(slopes, np.array([0, np.nan, 1], F))
    losses, slopes = each("huber", [2, -2, 2.5], [0, 0, 0], a=2)
    np.testing.assert_array_equal(losses, [2, 2, 3])
    np.testing.assert_array_equal(slopes, [2, -2, 2])
    # A target of 0 costs nothing, whatever the output.
    losses, slopes = each("kl_div", [-np.inf, -1], [0, 0])
    np.testing.assert_array_equal(losses, [0, 0])
    losses, _ = each("cross_entropy", [-np.inf, -np.inf], [0, 1])
    np.testing.assert_array_equal(losses, np.array([0, np.inf], F))
    # PyTorch's limits.
    losses, slopes = each("bce", [0, 1, 1, 0], [1, 0, 1, 0])
    np.testing.assert_array_equal(losses, [100, 100, 0, 0])
    np.testing.assert_allclose(slopes, [-1e12, 1e12, 0, 0])
    assert np.isnan(each("bce", [-0.5, 1.5], [1, 0])[0]).all()
    for gamma in (0.0, 0.5, 2.0):
        losses, slopes = each("focal", [900, -900, np.inf, -np.inf], [1, 0, 1, 1], a=-1, b=gamma)
        np.testing.assert_array_equal(losses, np.array([0, 0, 0, np.inf], F))
        np.testing.assert_array_equal(slopes, [0, 0, 0, -1])


def test_pytorchs_numbers() -> None:
    """Those of PyTorch 2.13, and torchvision's formula of the focal loss computed with it."""
    x, t = np.array([[0.5, -1, 2], [3, 0.25, -0.75]], F), np.array([[1, 0, 0.25], [0, 1, 1]], F)
    p = np.array([[0.2, 0.5, 0.9], [0.1, 0.75, 0.3]], F)
    log_p = np.log(p)
    for name, kind, a, b, expected in TORCH:
        output = {"x": x, "p": p, "log": log_p}[name]
        assert ops.pointwise_loss(output, t, kind=kind, a=a, b=b) == pytest.approx(
            expected, rel=1e-6
        )


TORCH = (
    ("x", "l1", 0, 0, 1.45833333),
    ("x", "smooth_l1", 0.5, 0, 1.20833333),
    ("x", "huber", 2, 0, 1.328125),
    ("log", "kl_div", 0, 0, 0.463476555),
    ("p", "bce", 0, 0, 0.942146572),
    ("x", "focal", 0.25, 2, 0.458662467),
)


@pytest.mark.parametrize(
    ("call", "facts"),
    [
        row(lambda: loss(X, X.astype(int), kind="l1"), "[pointwise_loss]", "target", "int64"),
        row(lambda: loss(X, X, kind=1), "[pointwise_loss]", "kind", "int"),
        row(lambda: loss(X, X, kind="huber", a="1"), "[pointwise_loss]", "a", "str"),
        row(lambda: slope(X, X, kind="l1", reduction="none"), "dloss", "float"),
    ],
)
def test_types(call: Call, facts: tuple[str, ...]) -> None:
    assert_refuses(call, TypeError, facts)


@pytest.mark.parametrize(
    ("call", "facts"),
    [
        row(lambda: loss(X, zeros(3, 2), kind="l1"), "[pointwise_loss]", "(2, 3)", "(3, 2)"),
        row(lambda: loss(X, X, kind="l2"), "[pointwise_loss]", "one of l1, smooth_l1", "'l2'"),
        row(lambda: loss(X, X, kind="l1", a=1.0), "'l1' takes neither a nor b", "a = 1"),
        row(lambda: loss(X, X, kind="huber", a=0.0), "'huber' must be above 0", "0"),
        row(lambda: loss(X, X, kind="smooth_l1", a=-1.0), "at least 0", "-1"),
        row(lambda: loss(X, X, kind="focal", a=2.0), "'focal' takes a up to 1", "a = 2"),
        row(lambda: loss(X, X, kind="cross_entropy", a=2.0), "[0, 1]", "a = 2"),
        row(lambda: loss(X, X, kind="l1", divisor=2.0), "divisor", "'sum'", "2"),
        row(lambda: loss(X, X, kind="l1", divisor=0.0, reduction="sum"), "divisor", "above 0"),
        row(lambda: loss(X, X, kind="l1", weight=zeros(2)), "weight", "last axes of output"),
        row(lambda: loss(X[:0], X[:0], kind="l1"), "mean loss of an empty batch"),
        row(lambda: slope(X, X, kind="l1", reduction="max"), "[pointwise_loss_backward]", "'max'"),
    ],
)
def test_values_that_are_refused(call: Call, facts: tuple[str, ...]) -> None:
    assert_refuses(call, ValueError, facts)


def test_the_same_bits_for_any_number_of_threads() -> None:
    x, t = Values("normal", 0).arrays((70_001,), (70_001,))
    for kind, a, b in KINDS:
        output, target = operands(kind, x, t)
        options = {"kind": kind, "a": a, "b": b}
        assert_same_bits(
            [
                (ops.pointwise_loss, [output, target], options),
                (ops.pointwise_loss_backward, [output, target], options),
            ]
        )
