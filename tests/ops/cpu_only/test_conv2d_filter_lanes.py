"""Lanes along the filters: every geometry, and every way in which the work is cut."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.annotations import Shape
from support.convolution import assert_convolution, assert_same_bits, forced
from support.strategies import TILES, ConvCase, conv_cases

from pycnn import ops

DIRECTIONS = ("forward", "backward_input", "backward_weight")


@pytest.fixture(scope="module")
def filter_lanes() -> Iterator[None]:
    """Also where the table would choose another algorithm."""
    with forced("filter_lanes"):
        yield


@pytest.mark.usefixtures("backend", "filter_lanes")
@given(conv_cases())
def test_every_geometry(case: ConvCase) -> None:
    for direction in DIRECTIONS:
        chosen = ops.conv2d_algorithm(
            case.x_shape, case.w_shape, direction=direction, **case.geometry
        )
        assert chosen == "filter_lanes"
    assert_convolution(case.x_shape, case.w_shape, case.geometry, case.values.kind)


@pytest.mark.usefixtures("backend", "filter_lanes")
@given(
    channels=st.sampled_from(TILES),
    filters=st.sampled_from(TILES),
    size=st.tuples(*[st.sampled_from((*range(5, 12), 13, 17, 29))] * 2),
    stride=st.sampled_from((1, 2, 3)),
    padding=st.sampled_from((0, 2)),
)
def test_ends_of_tiles(
    channels: int, filters: int, size: tuple[int, int], stride: int, padding: int
) -> None:
    """Rows of all lengths against tiles, and filters against vectors and pairs of them."""
    shapes = (2, channels, *size), (filters, channels, 3, 3)
    assert_convolution(*shapes, {"stride": stride, "padding": padding}, "integer")


@pytest.mark.usefixtures("backend", "filter_lanes")
@pytest.mark.parametrize(
    ("x_shape", "w_shape", "geometry"),
    [
        pytest.param((2, 150, 9, 9), (70, 150, 3, 3), {"padding": 1}, id="several depth blocks"),
        pytest.param((1, 20, 3, 3000), (5, 20, 3, 3), {"padding": 1}, id="rows in pieces"),
        pytest.param((1, 20, 5, 3000), (5, 20, 3, 3), {"stride": 3}, id="rows in pieces, spread"),
        pytest.param((3, 40, 14, 14), (300, 40, 1, 1), {}, id="parts of the filters"),
        pytest.param((40, 3, 7, 7), (33, 3, 3, 3), {}, id="images in a chunk, and slices"),
        pytest.param((2, 300, 32, 32), (40, 300, 1, 1), {}, id="planes that meet in a set"),
        pytest.param((2, 3, 61, 61), (64, 3, 11, 11), {"stride": 4, "padding": 2}, id="AlexNet"),
        pytest.param((1, 30, 12, 12), (600, 15, 9, 9), {"groups": 2}, id="many weights"),
    ],
)
def test_large_shapes(x_shape: Shape, w_shape: Shape, geometry: dict[str, int]) -> None:
    assert_convolution(x_shape, w_shape, geometry, "integer")


@pytest.mark.usefixtures("filter_lanes", "restore_threads")
def test_same_bits_for_any_number_of_threads() -> None:
    assert_same_bits((6, 20, 15, 25), (70, 20, 5, 5), padding=2)
    assert_same_bits((3, 20, 15, 25), (70, 20, 3, 3), stride=2)


@pytest.mark.usefixtures("backend", "unforced")
def test_the_choice_wants_full_vectors_and_long_sums() -> None:
    stem = (16, 3, 227, 227), (64, 3, 11, 11)
    chosen = ops.conv2d_algorithm(*stem, direction="backward_weight", stride=4, padding=2)
    assert chosen == "filter_lanes"
    few = (16, 2, 227, 227), (64, 2, 11, 11)
    dx = ops.conv2d_algorithm(*few, direction="backward_input", stride=4, padding=2)
    assert dx != "filter_lanes"  # two channels
    assert ops.conv2d_algorithm((8, 3, 64, 64), (64, 3, 3, 3)) != "filter_lanes"  # 27 terms
    shapes = (16, 256, 14, 14), (1024, 256, 1, 1)
    # 256 terms for 1024 filters; NEON's 4 lanes are full without packing
    assert ops.conv2d_algorithm(*shapes) in {"gemm", "gemm_unpacked"}
    assert ops.conv2d_algorithm((16, 192, 12, 12), (32, 192, 1, 1)) == "filter_lanes"
    assert ops.conv2d_algorithm(*shapes, direction="backward_weight") == "filter_lanes"
    planes = (16, 24, 24, 24), (144, 24, 1, 1)
    assert ops.conv2d_algorithm(*planes, direction="backward_weight") == "gemm"
    strided = (16, 128, 56, 56), (128, 128, 3, 3)
    chosen = ops.conv2d_algorithm(*strided, direction="backward_input", stride=3, padding=1)
    assert chosen == "filter_lanes"
