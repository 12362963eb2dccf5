"""Convolution with the images of the batch in the lanes: every geometry, full and part blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.convolution import assert_convolution, assert_same_bits, forced
from support.strategies import LANES

pytestmark = pytest.mark.usefixtures("backend", "batch_lanes")


@pytest.fixture(scope="module")
def batch_lanes() -> Iterator[None]:
    """Take this algorithm wherever it can."""
    with forced("batch_lanes"):
        yield


@given(
    images=st.sampled_from((*LANES, 0, 31, 32, 33, 64, 65)),
    channels=st.sampled_from((1, 2, 3, 6, 7)),
    filters=st.sampled_from((1, 2, 5, 6, 7, 13, 15, 16, 29)),
    groups=st.sampled_from((1, 1, 2)),
    taps=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    slack=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    stride=st.sampled_from((1, 1, 1, 2, (3, 1), (1, 2))),
    dilation=st.sampled_from((1, 1, 2, (1, 3))),
    padding=st.sampled_from((0, 1, 2, 4, "same", (3, 0, 0, 2))),
    kind=st.sampled_from(("normal", "integer", "wide")),
)
def test_every_geometry(
    images: int,
    channels: int,
    filters: int,
    groups: int,
    taps: tuple[int, int],
    slack: tuple[int, int],
    stride: int | tuple[int, int],
    dilation: int | tuple[int, int],
    padding: int | str | tuple[int, ...],
    kind: str,
) -> None:
    down, across = np.broadcast_to(dilation, 2).tolist()
    height = down * (taps[0] - 1) + 1 + slack[0]
    width = across * (taps[1] - 1) + 1 + slack[1]
    x_shape = (images, groups * channels, height, width)
    w_shape = (groups * filters, channels, *taps)
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    assert_convolution(x_shape, w_shape, geometry, kind)


@pytest.mark.usefixtures("restore_threads")
def test_same_bits_for_any_number_of_threads() -> None:
    assert_same_bits((70, 6, 14, 14), (16, 6, 5, 5), padding=1)
