"""Patches as the rows of a linear layer: pixels, taps at edges, channels of tasks, the choice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.annotations import Shape
from support.convolution import assert_convolution, assert_same_bits, forced
from support.strategies import TILES

from pycnn import ops

DIRECTIONS = ("forward", "backward_input", "backward_weight")


@pytest.fixture(scope="module")
def patch_rows() -> Iterator[None]:
    """Also where the table would choose another algorithm."""
    with forced("patch_rows"):
        yield


@pytest.mark.usefixtures("backend", "patch_rows")
@given(
    images=st.sampled_from((0, 1, 2, 3, 31, 32, 33)),
    channels=st.sampled_from((*TILES, 97)),
    filters=st.sampled_from(TILES),
    size=st.tuples(*[st.sampled_from((1, 2, 3, 5))] * 2),
    taps=st.tuples(*[st.sampled_from((1, 2, 3))] * 2),
    stride=st.sampled_from((1, 2, 4)),
    dilation=st.sampled_from((1, 2, 3)),
    padding=st.sampled_from((3, 4, (2, 3), (4, 0, 3, 1), (5, 4, 0, 6))),
    kind=st.sampled_from(("integer", "normal")),
)
def test_pixels_taps_and_channels(
    images: int,
    channels: int,
    filters: int,
    size: tuple[int, int],
    taps: tuple[int, int],
    stride: int,
    dilation: int,
    padding: int | tuple[int, ...],
    kind: str,
) -> None:
    """Rows below and above 32, where linear layers change; some taps see nothing but padding."""
    geometry: dict[str, Any] = {"stride": stride, "dilation": dilation, "padding": padding}
    shapes = (images, channels, *size), (filters, channels, *taps)
    if (size[0] + 3 <= dilation * taps[0]) or (size[1] + 3 <= dilation * taps[1]):
        geometry["padding"] = 7  # room for a window in any case
    assert ops.conv2d_algorithm(*shapes, **geometry) == "patch_rows"
    assert_convolution(*shapes, geometry, kind)


@pytest.mark.usefixtures("backend", "patch_rows")
@pytest.mark.parametrize(
    ("x_shape", "w_shape", "geometry"),
    [
        pytest.param((1, 150, 4, 4), (70, 150, 3, 3), {"padding": 1}, id="several depth blocks"),
        pytest.param((40, 33, 5, 5), (17, 33, 3, 3), {"stride": 2}, id="a batch"),
        pytest.param((1, 600, 1, 1), (500, 600, 1, 1), {}, id="one pixel"),
    ],
)
def test_large_shapes(x_shape: Shape, w_shape: Shape, geometry: dict[str, int]) -> None:
    assert_convolution(x_shape, w_shape, geometry, "integer")


@pytest.mark.usefixtures("patch_rows", "restore_threads")
def test_same_bits_for_any_number_of_threads() -> None:
    assert_same_bits((2, 70, 6, 6), (60, 70, 3, 3), padding=1, stride=2)


@pytest.mark.usefixtures("unforced")
def test_the_choice_wants_large_filters_and_few_pixels() -> None:
    def choices(n: int, c: int, k: int, size: int, taps: int, **geometry: Any) -> set[str]:
        shapes = (n, c, size, size), (k, c, taps, taps)
        return {ops.conv2d_algorithm(*shapes, direction=d, **geometry) for d in DIRECTIONS}

    assert choices(1, 512, 512, 4, 3, padding=1) == {"patch_rows"}
    assert choices(1, 256, 512, 8, 1, stride=2) == {"patch_rows"}
    assert choices(16, 256, 512, 8, 3, padding=1, stride=3) == {"patch_rows"}
    assert "patch_rows" not in choices(1, 16, 16, 4, 3, padding=1)
    assert "patch_rows" not in choices(1, 512, 512, 14, 1)


@pytest.mark.usefixtures("unforced")
def test_mostly_padding_is_for_batch_lanes() -> None:
    for direction in DIRECTIONS[:2]:
        for channels in (32, 512):
            shapes = (32, channels, 2, 2), (channels, channels, 3, 3)
            chosen = ops.conv2d_algorithm(*shapes, direction=direction, padding=1)
            assert chosen == "batch_lanes"
