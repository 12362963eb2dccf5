"""conv2d and its gradients against the float64 reference, for every geometry and ISA."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from support import tolerance
from support.annotations import Shape, wrong
from support.convolution import assert_convolution, is_exact
from support.in_place import assert_in_place
from support.strategies import ConvCase, Values, conv_cases, examples, values
from support.tolerance import assert_within, float64

from pycnn import ops, reference

pytestmark = pytest.mark.usefixtures("backend")

DIRECTIONS = ("forward", "backward_input", "backward_weight")


def exactly(case: ConvCase, direction: str) -> bool:
    return is_exact(case.values.kind, direction, case.x_shape, case.w_shape, case.geometry)


MANY = examples(2)


@MANY
@given(conv_cases())
def test_forward(case: ConvCase) -> None:
    x, w, b = case.operands()
    y = ops.conv2d(x, w, b, **case.geometry)
    wide = float64(x, w, b)
    bound = 0.0 if exactly(case, "forward") else tolerance.conv2d(*wide, **case.geometry)
    assert_within(y, reference.conv2d(*wide, **case.geometry), bound)


@given(conv_cases())
def test_rectified(case: ConvCase) -> None:
    operands = case.operands()
    expected = ops.relu(ops.conv2d(*operands, **case.geometry))
    np.testing.assert_array_equal(ops.conv2d_relu(*operands, **case.geometry), expected)
    exact = reference.relu(reference.conv2d(*float64(*operands), **case.geometry))
    rectified = reference.conv2d_relu(*float64(*operands), **case.geometry)
    np.testing.assert_array_equal(rectified, exact)


@MANY
@given(conv_cases())
def test_backward_input(case: ConvCase) -> None:
    x, w, _ = float64(*case.operands())
    dy = case.gradient(reference.conv2d(x, w, **case.geometry).shape)
    dx = ops.conv2d_backward_input(dy, case.operands()[1], case.x_shape, **case.geometry)
    wide = dy.astype(np.float64)
    exact = reference.conv2d_backward_input(wide, w, case.x_shape, **case.geometry)
    bound = tolerance.conv2d_input(wide, w, case.x_shape, **case.geometry)
    assert_within(dx, exact, 0.0 if exactly(case, "backward_input") else bound)


@MANY
@given(conv_cases())
def test_backward_weight(case: ConvCase) -> None:
    x, w, _ = float64(*case.operands())
    dy = case.gradient(reference.conv2d(x, w, **case.geometry).shape)
    actual = ops.conv2d_backward_weight(dy, case.operands()[0], case.w_shape, **case.geometry)
    wide = dy.astype(np.float64)
    exact = reference.conv2d_backward_weight(wide, x, case.w_shape, **case.geometry)
    bounds = tolerance.conv2d_weight(wide, x, case.w_shape, **case.geometry)
    for got, want, bound in zip(actual, exact, bounds, strict=True):
        assert_within(got, want, 0.0 if exactly(case, "backward_weight") else bound)
    assert_in_place(
        ops.conv2d_backward_weight, dy, case.operands()[0], case.w_shape, **case.geometry
    )


@given(conv_cases(values("integer")))
def test_adjoints(case: ConvCase) -> None:
    """<conv(x, w), g> = <x, dx(g)> = <w, dw(g)>, exactly: integer data round nowhere."""
    assume(all(exactly(case, direction) for direction in DIRECTIONS))
    x, w, _ = case.operands()
    y = ops.conv2d(x, w, **case.geometry)
    g = case.gradient(y.shape)
    dx = ops.conv2d_backward_input(g, w, case.x_shape, **case.geometry)
    dw, _ = ops.conv2d_backward_weight(g, x, case.w_shape, **case.geometry)
    expected = np.vdot(*float64(y, g))
    assert np.vdot(*float64(x, dx)) == expected
    assert np.vdot(*float64(w, dw)) == expected


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@given(conv_cases(values("nonfinite")))
def test_nan_and_infinity_go_where_they_belong(case: ConvCase) -> None:
    """A NaN spreads to the windows over it, and not to their neighbours in a vector register."""
    x = case.operands()[0]
    finite = Values("normal", case.values.seed)
    w, b = finite.arrays(case.w_shape, case.w_shape[:1])
    wide = float64(x, w, b)
    exact = reference.conv2d(*wide, **case.geometry)
    bound = tolerance.conv2d(*wide, **case.geometry)
    assert_within(ops.conv2d(x, w, b, **case.geometry), exact, bound)

    dy = case.gradient(exact.shape)
    exact = reference.conv2d_backward_input(*float64(dy, w), case.x_shape, **case.geometry)
    bound = tolerance.conv2d_input(*float64(dy, w), case.x_shape, **case.geometry)
    dx = ops.conv2d_backward_input(dy, w, case.x_shape, **case.geometry)
    assert_within(dx, exact, bound)

    (dy,) = finite.arrays(dy.shape)
    actual = ops.conv2d_backward_weight(dy, x, case.w_shape, **case.geometry)
    exacts = reference.conv2d_backward_weight(*float64(dy, x), case.w_shape, **case.geometry)
    bounds = tolerance.conv2d_weight(*float64(dy, x), case.w_shape, **case.geometry)
    for got, exact, bound in zip(actual, exacts, bounds, strict=True):
        assert_within(got, exact, bound)


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "geometry"),
    [
        pytest.param((3, 1, 28, 28), (6, 1, 5, 5), {"padding": 2}, id="lenet-1"),
        pytest.param((9, 6, 14, 14), (16, 6, 5, 5), {}, id="lenet-2"),
        pytest.param((1, 3, 67, 67), (96, 3, 11, 11), {"stride": 4}, id="alexnet-1"),
        pytest.param((1, 96, 13, 13), (256, 48, 5, 5), {"padding": 2, "groups": 2}, id="alexnet-2"),
        pytest.param((1, 256, 13, 13), (97, 256, 3, 3), {"padding": 1}, id="alexnet-3"),
        pytest.param((1, 1, 1, 1), (1, 1, 1, 1), {}, id="one number"),
        pytest.param((1, 2, 1, 257), (3, 2, 1, 31), {"stride": (1, 40)}, id="stride over kernel"),
        pytest.param((1, 2, 3, 3), (2, 2, 2, 2), {"padding": (9, 0, 0, 11)}, id="mostly padding"),
        pytest.param((2, 2, 5, 7), (4, 2, 5, 7), {}, id="one window"),
        pytest.param((1, 1, 300, 2), (2, 1, 2, 2), {"dilation": (250, 1)}, id="far taps"),
        pytest.param((1, 3, 25, 23), (15, 3, 17, 19), {"padding": 2}, id="large filter"),
        pytest.param((2, 2, 3, 2100), (7, 2, 3, 3), {"padding": 1}, id="long rows"),
        pytest.param((1, 67, 4, 401), (5, 67, 3, 3), {"stride": (1, 2)}, id="long deep rows"),
        pytest.param((1, 2, 2100, 1), (3, 2, 3, 1), {"stride": (2, 1)}, id="long column"),
        pytest.param((70, 2, 5, 5), (130, 2, 3, 3), {}, id="many images and filters"),
    ],
)
@pytest.mark.parametrize("kind", ["normal", "integer"])
def test_shapes_of_real_networks_and_extremes(
    x_shape: Shape, w_shape: Shape, geometry: dict[str, object], kind: str
) -> None:
    assert_convolution(x_shape, w_shape, geometry, kind)


def test_numpy_integers_describe_geometry() -> None:
    x, w = Values("integer", 0).arrays((1, 2, 9, 9), (2, 1, 3, 3))
    one, two = wrong(np.int64(1)), wrong(np.int32(2))
    y = ops.conv2d(x, w, stride=(two, two), padding=one, dilation=one, groups=two)
    assert_within(y, reference.conv2d(*float64(x, w), stride=2, padding=1, groups=2), 0.0)


@pytest.mark.parametrize(
    ("images", "filters", "plane"),
    [(2100, 33, (1, 1)), (700, 5, (2, 5)), (3, 3, (70, 83)), (40, 6, (28, 28)), (1, 300, (9, 9))],
)
def test_bias_gradients_are_sums_of_any_length(
    images: int, filters: int, plane: tuple[int, int]
) -> None:
    (dy,) = Values("integer", 0).arrays((images, filters, *plane))
    x = np.ones((images, 1, *plane), np.float32)
    _, db = ops.conv2d_backward_weight(dy, x, (filters, 1, 1, 1))
    np.testing.assert_array_equal(db, dy.astype(np.float64).sum((0, 2, 3)))
