"""Adaptive and global pooling, ops and layers, against the float64 reference."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.finite_differences import assert_gradient
from support.repeated_ops import assert_same_bits
from support.strategies import Values, values
from support.tolerance import TINY, assert_within, float64, gamma

from pycnn import ops, reference
from pycnn.layers import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    Module,
)

pytestmark = pytest.mark.usefixtures("backend")

F = np.float32
SIZES = st.sampled_from((1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 31, 33, 65))
SHAPES = st.tuples(st.sampled_from((0, 1, 2)), st.sampled_from((1, 3)), SIZES, SIZES)
OUTPUTS = SIZES | st.tuples(SIZES, SIZES)

Shape = tuple[int, int, int, int]
Size = int | tuple[int, int]


def window_size(shape: Shape, output: Size) -> int:
    """Return the number of elements of the largest window."""
    both = (output, output) if isinstance(output, int) else output
    return math.prod(-(-size // out) + 1 for size, out in zip(shape[2:], both, strict=True))


@given(SHAPES, OUTPUTS, values("normal", "wide"))
def test_average(shape: Shape, output: Size, numbers: Values) -> None:
    (x,) = numbers.arrays(shape)
    exact = reference.adaptive_avg_pool2d(*float64(x), output)
    total = reference.adaptive_avg_pool2d(np.abs(*float64(x)), output)
    bound = gamma(window_size(shape, output) + 1) * total + window_size(shape, output) * TINY
    assert_within(ops.adaptive_avg_pool2d(x, output), exact, bound)


@given(SHAPES, OUTPUTS, values("normal", "wide"))
def test_average_backward(shape: Shape, output: Size, numbers: Values) -> None:
    both = (output, output) if isinstance(output, int) else output
    (dy,) = numbers.arrays((*shape[:2], *both))
    (wide,) = float64(dy)
    exact = reference.adaptive_avg_pool2d_backward(wide, shape)
    total = reference.adaptive_avg_pool2d_backward(np.abs(wide), shape)
    # An element lies in as many windows as an output would have elements the other way round.
    windows = window_size((1, 1, *both), (shape[2], shape[3]))
    bound = gamma(windows + 1) * total + (windows + 1) * TINY
    assert_within(ops.adaptive_avg_pool2d_backward(dy, shape), exact, bound)


@given(SHAPES, OUTPUTS, values("normal", "integer", "nonfinite"))
def test_maximum(shape: Shape, output: Size, numbers: Values) -> None:
    (x,) = numbers.arrays(shape)
    y, indices = ops.adaptive_max_pool2d(x, output)
    exact, positions = reference.adaptive_max_pool2d(x, output)
    assert_within(y, exact, 0.0)
    assert indices.dtype == np.int32
    np.testing.assert_array_equal(indices, positions)
    dx = ops.max_pool2d_backward(np.ones_like(y), indices, shape)
    assert dx.sum() == y.size


@given(st.sampled_from((1, 2, 3)), st.sampled_from((1, 2, 5)), values("integer"))
def test_where_sizes_divide_it_is_ordinary_pooling(p: int, k: int, numbers: Values) -> None:
    (x,) = numbers.arrays((2, 3, p * k, 2 * p * k))
    kernel = (k, 2 * k)
    np.testing.assert_array_equal(ops.adaptive_avg_pool2d(x, p), ops.avg_pool2d(x, kernel))
    for got, want in zip(ops.adaptive_max_pool2d(x, p), ops.max_pool2d(x, kernel), strict=True):
        np.testing.assert_array_equal(got, want)


def test_windows_may_overlap_by_one() -> None:
    """5 elements in 3 windows: 0-1, 1-3, 3-4."""
    x = np.arange(5, dtype=F).reshape(1, 1, 1, 5)
    np.testing.assert_array_equal(ops.adaptive_avg_pool2d(x, (1, 3)).ravel(), [0.5, 2, 3.5])
    y, indices = ops.adaptive_max_pool2d(x, (1, 3))
    np.testing.assert_array_equal(indices.ravel(), [1, 3, 4])
    np.testing.assert_array_equal(ops.adaptive_avg_pool2d(x, (2, 10))[0, 0, 1, ::2], range(5))
    dx = ops.adaptive_avg_pool2d_backward(np.full_like(y, 6), x.shape)
    np.testing.assert_array_equal(dx.ravel(), [3, 5, 2, 5, 3])


def test_gradient_of_the_reference() -> None:
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, 3, 7, 5)), rng.standard_normal((2, 3, 4, 9))
    dx = reference.adaptive_avg_pool2d_backward(g, x.shape)
    op = reference.adaptive_avg_pool2d
    assert_gradient(lambda a: np.vdot(g, op(a, (4, 9))), x, dx, 1)


@pytest.mark.usefixtures("restore_threads")
def test_same_bits_for_any_number_of_threads() -> None:
    (x,) = Values("normal", 0).arrays((9, 16, 55, 57))
    y = ops.adaptive_avg_pool2d(x, 6)
    assert_same_bits(
        [
            (ops.adaptive_avg_pool2d, [x], {"output_size": 6}),
            (ops.adaptive_avg_pool2d_backward, [y], {"input_shape": x.shape}),
            (ops.adaptive_max_pool2d, [x], {"output_size": (6, 7)}),
        ]
    )


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (AdaptiveAvgPool2d(3), (2, 3, 3, 3)),
        (AdaptiveMaxPool2d((None, 2)), (2, 3, 7, 2)),
        (GlobalAvgPool2d(), (2, 3)),
        (GlobalMaxPool2d(), (2, 3)),
    ],
)
def test_layers(layer: Module, shape: tuple[int, ...]) -> None:
    x = Values("normal", 1).arrays((2, 3, 7, 5))[0]
    y = layer(x)
    assert y.shape == shape
    assert y.flags.c_contiguous
    if isinstance(layer, GlobalAvgPool2d):
        np.testing.assert_allclose(y, x.mean(axis=(2, 3)), atol=1e-6)
    if isinstance(layer, GlobalMaxPool2d):
        np.testing.assert_array_equal(y, x.max(axis=(2, 3)))
    (dy,) = Values("normal", 2).arrays(shape)
    dx = layer.backward(dy)
    # Both are linear around x: <dx, x> = <dy, y>.
    assert np.vdot(*float64(dx, x)) == pytest.approx(np.vdot(*float64(dy, y)), rel=1e-5)
    with pytest.raises(RuntimeError, match="one backward"):
        layer.backward(dy)


def test_repr() -> None:
    assert repr(AdaptiveAvgPool2d((None, 4))) == "AdaptiveAvgPool2d(output_size=(None, 4))"
    assert repr(GlobalMaxPool2d()) == "GlobalMaxPool2d()"


X = np.zeros((2, 3, 4, 5), F)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ops.adaptive_avg_pool2d(X, 0), ValueError, "output_size must be between 1"),
        (lambda: ops.adaptive_avg_pool2d(X, 2.0), TypeError, "output_size must be an int"),  # type: ignore[arg-type]
        (lambda: ops.adaptive_avg_pool2d(X[0], 1), ValueError, "x must have 4 dimensions"),
        (lambda: ops.adaptive_max_pool2d(X.astype(float), 1), TypeError, "x must be float32"),
        (lambda: ops.adaptive_max_pool2d(X[..., ::2], 1), ValueError, "C-contiguous"),
        (
            lambda: ops.adaptive_avg_pool2d_backward(X, (1, 3, 8, 8)),
            ValueError,
            r"dy has shape \(2, 3, 4, 5\), the forward pass gives \(1, 3, 4, 5\)",
        ),
        (lambda: reference.adaptive_avg_pool2d(X, 0), ValueError, "sizes must be at least 1"),
        (lambda: AdaptiveAvgPool2d(0), ValueError, "output_size must be at least 1"),
        (lambda: AdaptiveMaxPool2d((1, 2, 3)), ValueError, r"an int or \(height, width\)"),
        (lambda: AdaptiveMaxPool2d("x"), TypeError, "output_size must be an int"),  # type: ignore[arg-type]
        (lambda: GlobalAvgPool2d()(X[0]), ValueError, r"expects \(N, C, H, W\)"),
    ],
)
def test_wrong_arguments_are_named(
    call: Callable[[], Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        call()
