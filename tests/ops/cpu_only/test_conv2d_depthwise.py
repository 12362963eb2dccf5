"""Filters of one channel: the algorithm for them against the reference, for every geometry."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance
from support.annotations import Options, Shape
from support.convolution import assert_convolution, assert_same_bits, forced
from support.strategies import Values
from support.tolerance import assert_within, float64

from pycnn import ops, reference

Case = tuple[Shape, Shape, Options]


@pytest.fixture(scope="module", autouse=True)
def depthwise(backend: str) -> Iterator[None]:
    """Also where the table would choose another algorithm, for many filters a channel."""
    with forced("depthwise"):
        yield


@st.composite
def geometries(draw: st.DrawFn) -> Case:
    """Rows shorter and longer than a vector, or two; blocks of 1 to 4 rows and what is left."""
    groups, filters = draw(st.sampled_from((1, 2, 3, 17))), draw(st.sampled_from((1, 1, 2, 5)))
    stride = draw(st.tuples(*[st.sampled_from((1, 1, 2, 2, 3))] * 2))
    dilation = draw(st.tuples(*[st.sampled_from((1, 1, 1, 2))] * 2))
    taps = draw(st.tuples(*[st.sampled_from((1, 2, 3, 3, 4, 5))] * 2))
    padding = draw(st.tuples(*[st.integers(0, 3)] * 4))
    needed = [d * (t - 1) + 1 for d, t in zip(dilation, taps, strict=True)]
    extra = draw(st.tuples(st.integers(0, 9), st.sampled_from((0, 1, 6, 7, 13, 15, 29, 32, 63))))
    height, width = (n + e for n, e in zip(needed, extra, strict=True))
    x_shape = (draw(st.sampled_from((1, 2, 5))), groups, height, width)
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return x_shape, (groups * filters, 1, *taps), geometry


@st.composite
def flat_geometries(draw: st.DrawFn) -> Case:
    """Filters of 3 x 3 and few channels: planes that become one long row, and nearly."""
    groups, filters = draw(st.sampled_from((1, 2))), draw(st.sampled_from((1, 1, 2)))
    stride = draw(st.sampled_from(((1, 1), (2, 2), (1, 2), (2, 1))))
    padding = draw(st.tuples(*[st.integers(0, n) for n in (3, 3, 1, 2)]))
    height = draw(st.sampled_from((1, 2, 3, 4, 7, 30))) + max(0, 2 - sum(padding[:2]))
    width = draw(st.sampled_from((1, 2, 3, 4, 7, 8, 9, 16, 17, 33, 65)))
    width += max(0, 2 - sum(padding[2:]))
    x_shape = (draw(st.sampled_from((0, 1, 2))), groups, height, width)
    geometry = {"stride": stride, "padding": padding, "groups": groups}
    return x_shape, (groups * filters, 1, 3, 3), geometry


@st.composite
def small_planes(draw: st.DrawFn) -> Case:
    """Channels that fill vectors or nearly; planes below the filter, strides beyond both."""
    groups = draw(st.sampled_from((2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33)))
    filters = draw(st.sampled_from((1, 1, 2, 3)))
    stride = draw(st.tuples(*[st.sampled_from((1, 1, 2, 2, 3, 7))] * 2))
    dilation = draw(st.tuples(*[st.sampled_from((1, 1, 2, 3))] * 2))
    taps = draw(st.tuples(*[st.sampled_from((1, 2, 3, 3, 5, 7))] * 2))
    extents = [d * (t - 1) + 1 for d, t in zip(dilation, taps, strict=True)]
    limits = (extents[0], extents[0], extents[1], extents[1])
    padding = draw(st.tuples(*[st.integers(0, limit) for limit in limits]))
    around = (padding[0] + padding[1], padding[2] + padding[3])
    height, width = (
        max(1, extent - pad) + draw(st.sampled_from((0, 0, 1, 2, 5, 6)))
        for extent, pad in zip(extents, around, strict=True)
    )
    x_shape = (draw(st.sampled_from((0, 1, 3))), groups, height, width)
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return x_shape, (groups * filters, 1, *taps), geometry


CASES = geometries() | flat_geometries() | small_planes()


@given(CASES, st.sampled_from(("normal", "integer", "wide")))
def test_every_geometry(case: Case, kind: str) -> None:
    assert ops.conv2d_algorithm(case[0], case[1], **case[2]) == "depthwise"
    assert_convolution(*case, kind)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@given(CASES, st.integers(0, 2**32 - 1))
def test_nan_and_infinity_go_where_they_belong(case: Case, seed: int) -> None:
    """Lanes beyond the end of a row hold elements of the next one: they must not count."""
    x_shape, w_shape, geometry = case
    (x,) = Values("nonfinite", seed).arrays(x_shape)
    (w,) = Values("normal", seed).arrays(w_shape)
    exact = reference.conv2d(*float64(x, w), **geometry)
    bound = tolerance.conv2d(*float64(x, w), None, **geometry)
    assert_within(ops.conv2d(x, w, **geometry), exact, bound)

    (dy,) = Values("nonfinite", seed).arrays(exact.shape)
    dx = ops.conv2d_backward_input(dy, w, x_shape, **geometry)
    exact = reference.conv2d_backward_input(*float64(dy, w), x_shape, **geometry)
    assert_within(dx, exact, tolerance.conv2d_input(*float64(dy, w), x_shape, **geometry))

    (dy,) = Values("normal", seed).arrays(dy.shape)
    actual = ops.conv2d_backward_weight(dy, x, w_shape, **geometry)
    exacts = reference.conv2d_backward_weight(*float64(dy, x), w_shape, **geometry)
    bounds = tolerance.conv2d_weight(*float64(dy, x), w_shape, **geometry)
    for got, want, limit in zip(actual, exacts, bounds, strict=True):
        assert_within(got, want, limit)


@pytest.mark.parametrize(
    ("size", "taps", "geometry"),
    [
        pytest.param((28, 28), 3, {"padding": 1}, id="3x3"),
        pytest.param((56, 56), 3, {"padding": 1, "stride": 2}, id="3x3 stride 2"),
        pytest.param((14, 14), 5, {"padding": 2}, id="5x5"),
        pytest.param((7, 7), 5, {"padding": 2, "stride": 2}, id="5x5 stride 2"),
        pytest.param((9, 1), 3, {"padding": 1, "stride": 2}, id="one column"),
        pytest.param((3, 33000), 3, {"padding": 1}, id="rows longer than a band"),
        pytest.param((700, 200), 3, {"padding": 1, "stride": (2, 1)}, id="many bands"),
        pytest.param((5, 6), 2, {"stride": 4}, id="stride over kernel"),
        pytest.param((113, 112), 3, {"padding": 1, "stride": 2}, id="bands of phases"),
        pytest.param((3, 3), 7, {"padding": 3}, id="plane below the filter"),
    ],
)
def test_shapes_of_real_networks_and_extremes(
    size: tuple[int, int], taps: int, geometry: dict[str, object]
) -> None:
    channels = 1 if max(size) > 100 else 9
    assert_convolution(
        (2, channels, *size), (channels, 1, taps, taps), {**geometry, "groups": channels}, "normal"
    )


def test_the_table_chooses_it_for_few_filters_a_channel() -> None:
    with forced(""):
        assert ops.conv2d_algorithm((1, 32, 28, 28), (32, 1, 3, 3), groups=32) == "depthwise"
        assert ops.conv2d_algorithm((1, 1, 28, 28), (6, 1, 5, 5), padding=2) == "gemm_unpacked"


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize("plane", [(30, 31), (7, 6)])
@pytest.mark.parametrize(("groups", "filters"), [(12, 24), (2, 2), (17, 17)])
def test_same_bits_for_any_number_of_threads(
    plane: tuple[int, int], groups: int, filters: int
) -> None:
    x_shape, w_shape = (9, groups, *plane), (filters, 1, 3, 3)
    assert_same_bits(x_shape, w_shape, padding=1, stride=2, groups=groups)


def test_long_sums_in_every_form() -> None:
    """More products than a lane adds up in float: of 8 channels and of 1, exact here."""
    for channels, plane in ((8, (6, 6)), (1, (120, 120))):
        x_shape, w_shape = (70 if channels == 8 else 2, channels, *plane), (channels, 1, 3, 3)
        assert_convolution(x_shape, w_shape, {"padding": 1, "groups": channels}, "integer")


@pytest.mark.parametrize("channels", [1, 5, 17])
def test_the_same_bits_for_any_number_of_images_beside_it(channels: int) -> None:
    """A plane's result depends on nothing else."""
    x, w = Values("normal", 3).arrays((3, channels, 9, 11), (channels, 1, 3, 3))
    y = ops.conv2d(x, w, padding=1, groups=channels)
    one = ops.conv2d(np.ascontiguousarray(x[1:2]), w, padding=1, groups=channels)
    np.testing.assert_array_equal(y[1:2], one)
