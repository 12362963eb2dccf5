"""Local response normalisation and its gradient against the float64 reference, for every ISA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance_activation as tolerance
from support.annotations import Options
from support.strategies import LANES, Values, values
from support.tolerance import assert_within, float64

from pycnn import ops, reference

pytestmark = pytest.mark.usefixtures("backend")

ALEXNET: Options = {"alpha": 1e-4, "beta": 0.75, "k": 2.0, "form": "paper"}


@dataclass(frozen=True)
class Case:
    """One normalisation: shape, window, arguments, numbers."""

    shape: tuple[int, int, int, int]
    size: int
    options: dict[str, Any]
    values: Values

    def backward_options(self) -> dict[str, Any]:
        return {name: value for name, value in self.options.items() if name != "k"}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    form = draw(st.sampled_from(("mean", "paper")))
    sizes = (1, 3, 5, 5, 7, 31, 35) if form == "paper" else (1, 2, 3, 4, 5, 5, 6, 30, 34)
    options = {
        "alpha": draw(st.sampled_from((0.0, 1e-4, 0.3, 2.0))),
        "beta": draw(st.sampled_from((0.75, 0.75, 0.5, 1.0, 0.0, 2.3))),
        "k": draw(st.sampled_from((1.0, 2.0, 1e-3, 77.0))),
        "form": form,
    }
    planes = st.sampled_from(((1, 1), (1, 7), (3, 5), (4, 4), (1, 17), (16, 16), (1, 257), (9, 40)))
    shape = (draw(st.sampled_from((0, 1, 2))), draw(st.sampled_from(LANES)), *draw(planes))
    return Case(shape, draw(st.sampled_from(sizes)), options, draw(values("normal", "integer")))


@given(cases())
def test_forward(case: Case) -> None:
    (x,) = case.values.arrays(case.shape)
    (wide,) = float64(x)
    results = ops.local_response_norm(x, case.size, **case.options)
    exact = reference.local_response_norm(wide, case.size, **case.options)
    bounds = tolerance.local_response_norm(wide, case.size, **case.options)
    for got, expected, bound in zip(results, exact, bounds, strict=True):
        assert_within(got, expected, bound)


@given(cases())
def test_backward(case: Case) -> None:
    x, dy = case.values.arrays(case.shape, case.shape)
    y, scale = ops.local_response_norm(x, case.size, **case.options)
    options = case.backward_options()
    wide = float64(dy, x, y, scale)
    exact = reference.local_response_norm_backward(*wide, case.size, **options)
    bound = tolerance.local_response_norm_backward(*wide, case.size, **options)
    dx = ops.local_response_norm_backward(dy, x, y, scale, case.size, **options)
    assert_within(dx, exact, bound)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 12])
@pytest.mark.parametrize("beta", [0.75, 1.3])
def test_the_reference_is_the_slope(size: int, beta: float) -> None:
    """Even sizes have unequal sides, which the gradient mirrors."""
    rng = np.random.default_rng(size)
    x, dy, direction = rng.standard_normal((3, 2, 7, 2, 3))
    options: dict[str, Any] = {"alpha": 0.5, "beta": beta}
    step = 1e-6
    up, down = (
        reference.local_response_norm(x + sign * step * direction, size, **options)[0]
        for sign in (1, -1)
    )
    slope = np.sum(dy * (up - down)) / (2 * step)
    y, scale = reference.local_response_norm(x, size, **options)
    dx = reference.local_response_norm_backward(dy, x, y, scale, size, **options)
    assert np.sum(dx * direction) == pytest.approx(slope, rel=1e-7)


def test_the_window_by_hand() -> None:
    """Channels 1, 2, 3, 4: with size 3, sums of 1+4, 1+4+9, 4+9+16, 9+16; size 2 looks back."""
    x = np.arange(1, 5, dtype=np.float32).reshape(1, 4, 1, 1)
    y, scale = ops.local_response_norm(x, 3, alpha=1.0, beta=1.0, k=1.0, form="paper")
    np.testing.assert_array_equal(scale.ravel(), [6, 15, 30, 26])
    np.testing.assert_allclose(y.ravel(), x.ravel() / [6, 15, 30, 26], rtol=1e-6)
    _, scale = ops.local_response_norm(x, 3, alpha=3.0, k=1.0, form="mean")
    np.testing.assert_array_equal(scale.ravel(), [6, 15, 30, 26])
    _, scale = ops.local_response_norm(x, 2, alpha=2.0, k=1.0)
    np.testing.assert_array_equal(scale.ravel(), [2, 6, 14, 26])


def test_a_window_may_be_larger_than_all_channels() -> None:
    x, dy = Values("normal", 0).arrays((1, 3, 4, 5), (1, 3, 4, 5))
    for size in (7, 2**31 - 1, 2**62):
        y, scale = ops.local_response_norm(x, size, alpha=float(size))
        np.testing.assert_allclose(scale[0, 0], 1 + (x * x).sum(axis=1)[0], rtol=1e-6)
        dx = ops.local_response_norm_backward(dy, x, y, scale, size, alpha=float(size))
        assert np.isfinite(dx).all()


def test_large_numbers_leave_the_channels_behind_them_alone() -> None:
    """A running sum would keep their rounding error, or NaN, to the last channel."""

    def run(value: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = np.full((1, 12, 1, 20), 0.5, np.float32)
        x[0, 2] = value
        y, scale = ops.local_response_norm(x, 5, alpha=0.1)
        return y, scale, ops.local_response_norm_backward(np.ones_like(x), x, y, scale, alpha=0.1)

    for value in (1e10, 1e25, np.inf, np.nan):
        # Channel 2 is in the windows of channels 0 to 4, and these in those of channels 0 to 6.
        for got, expected, first in zip(run(value), run(0.5), (5, 5, 7), strict=True):
            np.testing.assert_array_equal(got[0, first:], expected[0, first:])


def test_infinities_and_squares_beyond_float32() -> None:
    x = np.ones((1, 3, 1, 1), np.float32)
    for value, expected in ((1e25, 0.0), (np.inf, np.nan), (np.nan, np.nan)):
        x[0, 1] = value
        y, _ = ops.local_response_norm(x, 1, **ALEXNET)
        np.testing.assert_array_equal(y[0, 1], np.float32(expected))
        assert np.isfinite(y[0, [0, 2]]).all()
