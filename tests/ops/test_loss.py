"""softmax and cross-entropy against the float64 reference, for every ISA."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance
from support.strategies import examples
from support.tolerance import assert_within, float64

from pycnn import ops, reference

pytestmark = pytest.mark.usefixtures("backend")

MANY = examples(2)
CLASSES = (1, 2, 3, 4, 7, 8, 9, 10, 15, 16, 17, 33, 100, 1000)


@dataclass(frozen=True)
class Rows:
    """Recipe for (N, C) logits: flat, peaked, far from zero, with some -inf."""

    count: int
    classes: int
    scale: float
    offset: float
    impossible: bool
    seed: int

    def logits(self) -> np.ndarray:
        rng = np.random.default_rng(self.seed)
        x = self.scale * rng.standard_normal((self.count, self.classes)) + self.offset
        if self.impossible:
            # Never the first class, so that no row is -inf throughout.
            x[:, 1:][rng.random((self.count, self.classes - 1)) < 0.1] = -np.inf
        x = x.astype(np.float32)
        x.flags.writeable = False
        return x


@dataclass(frozen=True)
class Loss:
    """Logits, and a recipe for labels and arguments of the loss."""

    rows: Rows
    weighted: bool
    ignore_index: int
    ignored_part: float
    label_smoothing: float
    reduction: str

    def target(self) -> np.ndarray:
        rng = np.random.default_rng(self.rows.seed + 1)
        target = rng.integers(0, self.rows.classes, self.rows.count)
        target[rng.random(self.rows.count) < self.ignored_part] = self.ignore_index
        # The first row counts: a mean of ignored rows has its own test.
        target[:1] = self.rows.classes - 1
        return target

    def options(self) -> dict[str, Any]:
        rng = np.random.default_rng(self.rows.seed + 2)
        weight = rng.uniform(0.1, 2, self.rows.classes).astype(np.float32)
        return {
            "weight": weight if self.weighted else None,
            "ignore_index": self.ignore_index,
            "label_smoothing": self.label_smoothing,
            "reduction": self.reduction,
        }


def rows_of_logits(minimum: int = 0, impossible: bool = True) -> st.SearchStrategy[Rows]:
    return st.builds(
        Rows,
        count=st.sampled_from([n for n in (0, 1, 2, 5, 8, 17, 64) if n >= minimum]),
        classes=st.sampled_from(CLASSES),
        scale=st.sampled_from((0.0, 1.0, 8.0, 60.0, 1e4)),
        offset=st.sampled_from((0.0, 300.0, -1000.0)),
        impossible=st.booleans() if impossible else st.just(False),
        seed=st.integers(0, 2**32 - 1),
    )


@st.composite
def losses(draw: st.DrawFn) -> Loss:
    reduction = draw(st.sampled_from(("mean", "sum", "none")))
    smoothing = draw(st.sampled_from((0.0, 0.0, 0.1, 0.37, 1.0)))
    # Smoothing looks at all classes: an impossible one makes the loss infinite.
    rows = draw(rows_of_logits(1 if reduction == "mean" else 0, impossible=smoothing == 0))
    ignored = draw(st.sampled_from((-100, -1, 0 if rows.classes > 1 else -7, rows.classes + 3)))
    part = draw(st.sampled_from((0.0, 0.3)))
    return Loss(rows, draw(st.booleans()), ignored, part, smoothing, reduction)


def widened(options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "weight": float64(options["weight"])[0]}


@MANY
@given(rows_of_logits())
def test_softmax(rows: Rows) -> None:
    x = rows.logits()
    wide = x.astype(np.float64)
    assert_within(ops.softmax(x), reference.softmax(wide), tolerance.softmax(wide))


@MANY
@given(losses())
def test_forward(case: Loss) -> None:
    x, target, options = case.rows.logits(), case.target(), case.options()
    loss, probs = ops.softmax_cross_entropy(x, target, **options)
    wide, options = x.astype(np.float64), widened(options)
    exact, p = reference.softmax_cross_entropy(wide, target, **options)
    assert_within(probs, p, tolerance.softmax(wide))
    bound = tolerance.cross_entropy(wide, target, **options)
    if options["reduction"] == "none":
        assert_within(np.asarray(loss), np.asarray(exact), bound)
        return
    assert type(loss) is float
    # The reductions add the rows, the weights of the labels, and divide.
    per_row, _ = reference.softmax_cross_entropy(wide, target, **{**options, "reduction": "none"})
    total = bound.sum() + tolerance.gamma(2 * len(x) + 2) * np.abs(per_row).sum()
    if options["reduction"] == "mean":
        kept = target[target != options["ignore_index"]]
        total /= len(kept) if options["weight"] is None else options["weight"][kept].sum()
    if np.isfinite(exact):
        assert abs(loss - exact) <= total
    else:
        assert loss == exact


@MANY
@given(losses(), st.sampled_from((1.0, -0.3, 7.5)))
def test_backward(case: Loss, scale: float) -> None:
    x, target, options = case.rows.logits(), case.target(), case.options()
    probs = reference.softmax(x.astype(np.float64)).astype(np.float32)
    probs[probs < tolerance.TINY] = 0  # as the kernels read denormal numbers
    dloss: Any = scale
    if options["reduction"] == "none":
        dloss = (scale * np.arange(1, len(x) + 1)).astype(np.float32)
    dx = ops.softmax_cross_entropy_backward(probs, target, dloss, **options)
    p, options = probs.astype(np.float64), widened(options)
    exact = reference.softmax_cross_entropy_backward(p, target, dloss, **options)
    bound = tolerance.cross_entropy_gradient(p, target, dloss, **options)
    assert_within(dx, exact, bound)


def test_a_mean_of_ignored_rows_is_nan_and_has_no_gradient() -> None:
    x = np.zeros((3, 4), np.float32)
    target = np.full(3, -100)
    loss, probs = ops.softmax_cross_entropy(x, target)
    assert math.isnan(loss)
    dx = ops.softmax_cross_entropy_backward(probs, target)
    np.testing.assert_array_equal(dx, np.zeros((3, 4)))
    assert ops.softmax_cross_entropy(x, target, reduction="sum")[0] == 0


def test_the_loss_of_equal_logits_is_log_classes() -> None:
    x = np.full((2, 10), 123.0, np.float32)
    loss, probs = ops.softmax_cross_entropy(x, np.array([0, 9]))
    assert loss == pytest.approx(math.log(10), rel=4 * tolerance.U)
    np.testing.assert_allclose(probs, np.full((2, 10), 0.1), rtol=4 * tolerance.U)


def test_a_certain_wrong_answer_has_a_finite_loss() -> None:
    """log(softmax) would underflow at 110 below the maximum; the loss must not."""
    x = np.array([[200.0, 0.0]], np.float32)
    loss, _ = ops.softmax_cross_entropy(x, np.array([1]))
    assert loss == pytest.approx(200, rel=4 * tolerance.U)


def test_nan_stays_in_its_row() -> None:
    x = np.zeros((20, 10), np.float32)
    x[7, 3] = np.nan
    target = np.zeros(20, np.int64)
    loss, probs = ops.softmax_cross_entropy(x, target, reduction="none")
    np.testing.assert_array_equal(np.isnan(probs).all(axis=1), np.arange(20) == 7)
    np.testing.assert_array_equal(np.isnan(probs).any(axis=1), np.arange(20) == 7)
    np.testing.assert_array_equal(np.isnan(loss), np.arange(20) == 7)
    assert math.isnan(ops.softmax_cross_entropy(x, target)[0])


def test_no_rows() -> None:
    x, target = np.zeros((0, 10), np.float32), np.zeros(0, np.int64)
    loss, probs = ops.softmax_cross_entropy(x, target, reduction="none")
    assert np.shape(loss) == (0,)
    assert probs.shape == (0, 10)
    assert ops.softmax_cross_entropy(x, target, reduction="sum")[0] == 0
    dx = ops.softmax_cross_entropy_backward(probs, target, reduction="sum")
    assert dx.shape == (0, 10)
