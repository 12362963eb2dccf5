"""upsample2d and zero_pad2d, ops and layers, against the float64 reference and PyTorch's rules."""

from __future__ import annotations

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
from pycnn.layers import Module, Upsample, ZeroPad2d

pytestmark = pytest.mark.usefixtures("backend")

F = np.float32
SIZES = st.sampled_from((1, 2, 3, 4, 5, 7, 8, 9, 16, 17))
SHAPES = st.tuples(st.sampled_from((0, 1, 2)), st.sampled_from((1, 3)), SIZES, SIZES)
FACTORS = st.sampled_from((1, 2, 3, 4, 7, 16))
SCALES = FACTORS | st.tuples(FACTORS, FACTORS)
MODES = st.sampled_from((("nearest", False), ("bilinear", False), ("bilinear", True)))
SIDES = st.integers(0, 5) | st.just(40)
PADDINGS = SIDES | st.tuples(SIDES, SIDES) | st.tuples(SIDES, SIDES, SIDES, SIDES)

Shape = tuple[int, int, int, int]


@given(SHAPES, SCALES, MODES, values("normal", "wide"))
def test_upsample(shape: Shape, scale: Any, mode: tuple[str, bool], numbers: Values) -> None:
    """Nearest is exact; a bilinear weight takes 2 roundings, its product 2 and the sum 2."""
    (x,) = numbers.arrays(shape)
    (wide,) = float64(x)
    total = reference.upsample2d(np.abs(wide), scale, *mode)
    bound = 0.0 if mode[0] == "nearest" else gamma(7) * total + 7 * TINY
    y = ops.upsample2d(x, scale, *mode)
    assert_within(y, reference.upsample2d(wide, scale, *mode), bound)


@given(SHAPES, SCALES, MODES, values("normal", "wide"))
def test_upsample_backward(
    shape: Shape, scale: Any, mode: tuple[str, bool], numbers: Values
) -> None:
    """A pixel has shares of up to 4 scale + 2 outputs along each axis (all, where size is 1)."""
    scales = (scale, scale) if isinstance(scale, int) else scale
    (dy,) = numbers.arrays((*shape[:2], shape[2] * scales[0], shape[3] * scales[1]))
    (wide,) = float64(dy)
    exact = reference.upsample2d_backward(wide, shape, scale, *mode)
    total = reference.upsample2d_backward(np.abs(wide), shape, scale, *mode)
    if mode[0] == "nearest":
        terms = scales[0] * scales[1]
    else:  # rows are added up after columns, so that their roundings add, not multiply
        terms = sum(4 * factor + 4 for factor in scales)
    bound = gamma(terms + 4) * total + (4 * scales[0] + 4) * (4 * scales[1] + 4) * TINY
    dx = ops.upsample2d_backward(dy, shape, scale, *mode)
    assert_within(dx, exact, bound)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@given(SHAPES, SCALES, MODES, values("nonfinite"))
def test_nan_and_infinity_go_where_they_belong(
    shape: Shape, scale: Any, mode: tuple[str, bool], numbers: Values
) -> None:
    (x,) = numbers.arrays(shape)
    (wide,) = float64(x)
    exact = reference.upsample2d(wide, scale, *mode)
    y = ops.upsample2d(x, scale, *mode)
    np.testing.assert_array_equal(y[~np.isfinite(exact)], exact[~np.isfinite(exact)])
    assert np.isfinite(y[np.isfinite(exact)]).all()


@given(SHAPES, PADDINGS, values("normal", "nonfinite"))
def test_zero_pad(shape: Shape, padding: Any, numbers: Values) -> None:
    (x,) = numbers.arrays(shape)
    y = ops.zero_pad2d(x, padding)
    assert_within(y, reference.zero_pad2d(x, padding), 0.0)
    assert_within(ops.zero_pad2d_backward(y, shape, padding), x, 0.0)
    back = reference.zero_pad2d_backward(y, shape, padding)
    np.testing.assert_array_equal(back, x)


SQUARE = np.array([[[[1, 2], [3, 4]]]], F)


@pytest.mark.parametrize(
    ("mode", "row", "column"),
    [
        (("nearest", False), [1, 1, 2, 2], [0, 0, 2, 2]),
        (("bilinear", False), [1, 1.25, 1.75, 2], [0, 0.5, 1.5, 2]),
        (("bilinear", True), [1, 4 / 3, 5 / 3, 2], [0, 2 / 3, 4 / 3, 2]),
    ],
)
def test_a_square_by_hand(mode: tuple[str, bool], row: list[float], column: list[float]) -> None:
    """The examples of PyTorch's documentation."""
    y = ops.upsample2d(SQUARE, 2, *mode)
    np.testing.assert_allclose(y[0, 0], np.add.outer(column, row), rtol=1e-6)


def test_padding_has_the_order_of_conv2d() -> None:
    y = ops.zero_pad2d(SQUARE, (1, 0, 2, 3))
    assert y.shape == (1, 1, 3, 7)
    np.testing.assert_array_equal(y[0, 0, 1:, 2:4], SQUARE[0, 0])
    assert y.sum() == 10
    w = np.ones((1, 1, 2, 2), F)
    np.testing.assert_array_equal(ops.conv2d(y, w), ops.conv2d(SQUARE, w, padding=(1, 0, 2, 3)))


@pytest.mark.parametrize("mode", [("nearest", False), ("bilinear", False), ("bilinear", True)])
def test_gradient_of_the_reference(mode: tuple[str, bool]) -> None:
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, 3, 4, 1)), rng.standard_normal((2, 3, 8, 3))
    dx = reference.upsample2d_backward(g, x.shape, (2, 3), *mode)
    op = reference.upsample2d
    assert_gradient(lambda a: np.vdot(g, op(a, (2, 3), *mode)), x, dx, 1)
    np.testing.assert_allclose(dx.sum(), g.sum())  # the weights of an output add up to 1


@pytest.mark.usefixtures("restore_threads")
def test_same_bits_for_any_number_of_threads() -> None:
    (x,) = Values("normal", 0).arrays((9, 16, 27, 29))
    bilinear = {"scale_factor": 2, "mode": "bilinear"}
    y, padded = ops.upsample2d(x, 2), ops.zero_pad2d(x, 3)
    shape = {"input_shape": x.shape}
    assert_same_bits(
        [
            (ops.upsample2d, [x], {"scale_factor": 2}),
            (ops.upsample2d, [x], bilinear),
            (ops.upsample2d_backward, [y], {"scale_factor": 2, **shape}),
            (ops.upsample2d_backward, [y], {**bilinear, **shape}),
            (ops.zero_pad2d, [x], {"padding": 3}),
            (ops.zero_pad2d_backward, [padded], {"padding": 3, **shape}),
        ]
    )


@pytest.mark.parametrize(
    ("layer", "op", "backward", "arguments"),
    [
        (Upsample(scale_factor=2), ops.upsample2d, ops.upsample2d_backward, (2,)),
        (
            Upsample(None, (2, 3), "bilinear", True),
            ops.upsample2d,
            ops.upsample2d_backward,
            ((2, 3), "bilinear", True),
        ),
        (ZeroPad2d(2), ops.zero_pad2d, ops.zero_pad2d_backward, (2,)),
        (ZeroPad2d((1, 2, 3, 4)), ops.zero_pad2d, ops.zero_pad2d_backward, ((3, 4, 1, 2),)),
    ],
)
def test_layers_are_their_ops(layer: Module, op: Any, backward: Any, arguments: Any) -> None:
    x = Values("normal", 1).arrays((2, 3, 4, 5))[0]
    y = layer(x)
    np.testing.assert_array_equal(y, op(x, *arguments))
    dy = np.cos(y)
    np.testing.assert_array_equal(layer.backward(dy), backward(dy, x.shape, *arguments))
    with pytest.raises(RuntimeError, match="one backward"):
        layer.backward(dy)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Upsample(scale_factor=2), "Upsample(scale_factor=(2,), mode='nearest')"),
        (ZeroPad2d(1), "ZeroPad2d((1, 1, 1, 1))"),
    ],
)
def test_repr(layer: Module, text: str) -> None:
    assert repr(layer) == text


X = np.zeros((2, 3, 4, 5), F)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ops.upsample2d(X, 0), ValueError, "scale_factor must be between 1"),
        (lambda: ops.upsample2d(X, 1.5), TypeError, "scale_factor must be an int, got float"),  # type: ignore[arg-type]
        (lambda: ops.upsample2d(X, 2**30), ValueError, "output height must be between"),
        (lambda: ops.upsample2d(X, 2, "cubic"), ValueError, "'nearest' or 'bilinear', got 'cubic'"),
        (lambda: ops.upsample2d(X, 2, align_corners=True), ValueError, "align_corners needs mode"),
        (lambda: ops.upsample2d(X.astype(float), 2), TypeError, "x must be float32"),
        (lambda: ops.upsample2d_backward(X, X.shape, 2), ValueError, r"gives \(2, 3, 8, 10\)"),
        (lambda: ops.zero_pad2d(X, -1), ValueError, "padding must be between 0"),
        (lambda: ops.zero_pad2d(X, "same"), TypeError, "padding must be numbers, got str"),  # type: ignore[arg-type]
        (lambda: ops.zero_pad2d(X, (1, 2, 3)), ValueError, "one, two or four numbers"),  # type: ignore[arg-type]
        (lambda: ops.zero_pad2d_backward(X, X.shape, 1), ValueError, r"gives \(2, 3, 6, 7\)"),
        (lambda: reference.upsample2d(X, 0), ValueError, "at least 1"),
        (lambda: reference.upsample2d(X, 2, "cubic"), ValueError, "got 'cubic'"),
        (lambda: reference.zero_pad2d(X, -1), ValueError, "must not be negative"),
        (lambda: Upsample(scale_factor=0), ValueError, "scale_factor must be at least 1"),
        (lambda: Upsample(2, mode="cubic"), ValueError, "one of .* got 'cubic'"),
        (lambda: Upsample(2, align_corners=True), ValueError, "needs mode 'bilinear'"),
        (lambda: ZeroPad2d((1, 2, 3)), ValueError, r"\(left, right, top, bottom\)"),
    ],
)
def test_wrong_arguments_are_named(
    call: Callable[[], Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        call()
