"""Convolutions with filters as wide as the image, as in text networks: they have an algorithm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.annotations import Shape
from support.convolution import assert_convolution, assert_same_bits
from support.strategies import LANES
from support.windows import HUGE

pytestmark = pytest.mark.usefixtures("backend")


@given(
    images=st.sampled_from((0, 1, 2, 3, 7)),
    channels=st.sampled_from((1, 1, 2, 3)),
    filters=st.sampled_from((*LANES, 13, 14, 15, 25, 26, 51)),
    taps=st.integers(1, 5),
    width=st.sampled_from((1, 2, 13, 16, 17, 31, 32, 33, 48, 64, 65, 127, 129, 150, 257)),
    slack=st.integers(0, 30),
    stride=st.sampled_from((1, 1, 2, 3, 64, HUGE)),  # the last two leave one row of outputs
    padding=st.sampled_from((0, (0, 0), (2, 0, 0, 0), (0, 3, 0, 0), (4, 4, 0, 0), (9, 1, 0, 0))),
    kind=st.sampled_from(("normal", "integer", "wide")),
)
def test_windows_of_whole_rows(
    images: int,
    channels: int,
    filters: int,
    taps: int,
    width: int,
    slack: int,
    stride: int,
    padding: int | tuple[int, ...],
    kind: str,
) -> None:
    x_shape, w_shape = (images, channels, taps + slack, width), (filters, channels, taps, width)
    assert_convolution(x_shape, w_shape, {"stride": (stride, 1), "padding": padding}, kind)


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "geometry"),
    [
        pytest.param((5, 1, 59, 300), (100, 1, 3, 300), {}, id="Kim, 3 words"),
        pytest.param((5, 2, 59, 300), (100, 2, 5, 300), {}, id="Kim, multichannel"),
        pytest.param((9, 16, 5, 5), (120, 16, 5, 5), {}, id="LeNet-5's C5: a linear layer"),
        pytest.param((2, 1, 3, 90), (4, 1, 9, 90), {"padding": (7, 6, 0, 0)}, id="taller filter"),
        pytest.param((2, 1, 9, 90), (4, 1, 9, 90), {"padding": (0, 2, 0, 0)}, id="padded below"),
        pytest.param((3, 1, 40, 2100), (6, 1, 2, 2100), {"stride": 2}, id="long rows"),
        pytest.param((2, 1, 40, 70), (6, 1, 1, 70), {"dilation": (3, 1)}, id="one row"),
        pytest.param((2, 1, 40, 70), (6, 1, 2, 70), {"dilation": (3, 1)}, id="dilated rows"),
        pytest.param((300, 1, 4, 70), (3, 1, 2, 70), {}, id="many short images"),
    ],
)
@pytest.mark.parametrize("kind", ["normal", "integer"])
def test_shapes_of_text_networks_and_extremes(
    x_shape: Shape, w_shape: Shape, geometry: dict[str, object], kind: str
) -> None:
    assert_convolution(x_shape, w_shape, geometry, kind)


@pytest.mark.usefixtures("restore_threads")
def test_same_bits_for_any_number_of_threads() -> None:
    assert_same_bits((6, 2, 40, 150), (60, 2, 4, 150))
