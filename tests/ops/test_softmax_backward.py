"""The gradient of softmax: against the float64 reference, and against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance_activation as tolerance
from support.strategies import Values, values
from support.tolerance import assert_within, float64

from pycnn import ops, reference

pytestmark = pytest.mark.usefixtures("backend")

ROWS = st.sampled_from((0, 1, 2, 5, 63, 64, 65))
CLASSES = st.sampled_from((1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 31, 33, 100, 1000))


@given(ROWS, CLASSES, values("normal", "integer"))
def test_softmax_backward(rows: int, classes: int, numbers: Values) -> None:
    x, dy = numbers.arrays((rows, classes), (rows, classes))
    p = ops.softmax(x)
    wide = float64(dy, p)
    exact, bound = reference.softmax_backward(*wide), tolerance.softmax_backward(*wide)
    assert_within(ops.softmax_backward(dy, p), exact, bound)


def test_the_reference_is_the_slope() -> None:
    rng = np.random.default_rng(0)
    x, dy, direction = rng.standard_normal((3, 4, 7))
    step = 1e-6
    up, down = (reference.softmax(x + sign * step * direction) for sign in (1, -1))
    slope = np.sum(dy * (up - down)) / (2 * step)
    dx = reference.softmax_backward(dy, reference.softmax(x))
    assert np.sum(dx * direction) == pytest.approx(slope, rel=1e-7)


def test_equal_gradients_have_no_effect() -> None:
    """Adding a number to all probabilities of a row is impossible: their sum is 1."""
    p = np.full((3, 8), 0.125, np.float32)
    np.testing.assert_array_equal(ops.softmax_backward(np.full_like(p, 5), p), np.zeros((3, 8)))


def test_nan_stays_in_its_row() -> None:
    p, dy = np.full((20, 10), 0.1, np.float32), np.ones((20, 10), np.float32)
    dy[7, 3] = np.nan
    dx = ops.softmax_backward(dy, p)
    np.testing.assert_array_equal(np.isnan(dx).all(axis=1), np.arange(20) == 7)
    np.testing.assert_array_equal(np.isnan(dx).any(axis=1), np.arange(20) == 7)


@pytest.mark.parametrize("classes", [1, 3, 8, 10, 17])
def test_the_results_end_where_the_array_ends(classes: int) -> None:
    """Rows are written in whole vectors: the last one must not spill."""
    room = np.zeros(5 * classes + 64, np.float32)
    x = room[: 5 * classes].reshape(5, classes)
    for p in (ops.softmax(x), ops.softmax_backward(x, x)):
        assert p.shape == x.shape
    np.testing.assert_allclose(ops.softmax(x), np.full((5, classes), 1 / classes), rtol=1e-6)
