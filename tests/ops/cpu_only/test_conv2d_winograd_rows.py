"""Winograd's convolution along one axis, of text networks: tiles at edges, chunks, the choice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.annotations import Shape
from support.convolution import assert_convolution, assert_same_bits, forced
from support.in_place import assert_in_place
from support.strategies import TILES

import pycnn
from pycnn import ops

DIRECTIONS = ("forward", "backward_input", "backward_weight")
TEXT = ((50, 1, 60, 300), (100, 1, 4, 300))


@pytest.fixture(scope="module")
def winograd_rows() -> Iterator[None]:
    """Force it: it takes 3 to 5 rows of taps, as wide as the image, with stride 1."""
    with forced("winograd_rows"):
        yield


@pytest.mark.usefixtures("backend", "winograd_rows")
@given(
    images=st.sampled_from((0, 1, 2, 3, 7)),
    filters=st.sampled_from(TILES),
    taps=st.integers(3, 5),
    width=st.sampled_from((22, 31, 32, 33, 48, 64, 65, 127, 129, 150, 257)),
    slack=st.integers(0, 20),
    padding=st.sampled_from((0, (1, 0, 0, 0), (4, 5, 0, 0), (0, 3, 0, 0), (9, 1, 0, 0))),
    kind=st.sampled_from(("normal", "integer", "wide")),
)
def test_tiles_of_rows(
    images: int,
    filters: int,
    taps: int,
    width: int,
    slack: int,
    padding: int | tuple[int, ...],
    kind: str,
) -> None:
    x_shape, w_shape = (images, 1, taps + slack, width), (filters, 1, taps, width)
    assert_convolution(x_shape, w_shape, {"padding": padding}, kind)


@pytest.mark.usefixtures("backend", "winograd_rows")
@pytest.mark.parametrize(
    ("x_shape", "w_shape", "padding"),
    [
        pytest.param((5, 1, 59, 300), (100, 1, 3, 300), (2, 3, 0, 0), id="Kim, 3 words"),
        pytest.param((5, 1, 59, 300), (100, 1, 5, 300), (4, 5, 0, 0), id="Kim, 5 words"),
        pytest.param((1, 1, 300, 256), (33, 1, 4, 256), 0, id="one long text"),
        pytest.param((11, 1, 90, 700), (70, 1, 5, 700), 0, id="two chunks"),
        pytest.param((3, 1, 2, 100), (40, 1, 5, 100), (3, 4, 0, 0), id="shorter than a filter"),
    ],
)
def test_large_shapes(x_shape: Shape, w_shape: Shape, padding: int | tuple[int, ...]) -> None:
    assert_convolution(x_shape, w_shape, {"padding": padding}, "normal")


@pytest.mark.usefixtures("backend", "winograd_rows")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("taps", [3, 4, 5])
def test_other_images_keep_their_bits(value: float, taps: int, rng: np.random.Generator) -> None:
    """A number that is not finite is for the windows over it, in its image."""
    x = rng.standard_normal((3, 1, 20, 40), np.float32)
    w = np.asarray(rng.standard_normal((9, 1, taps, 40), np.float32) / 8, np.float32)
    before = ops.conv2d(x, w)
    dx_before = ops.conv2d_backward_input(before, w, x.shape)
    x[1, 0, 8, 3] = value
    after = ops.conv2d(x, w)
    np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])
    reached = np.zeros(after.shape[2], bool)
    reached[9 - taps : 9] = True
    np.testing.assert_allclose(after[1][:, ~reached], before[1][:, ~reached], rtol=0, atol=1e-4)
    assert not np.isfinite(after[1][:, reached]).any()
    dy = before.copy()
    dy[1, 2, 5] = value
    dx = ops.conv2d_backward_input(dy, w, x.shape)
    np.testing.assert_array_equal(dx[[0, 2]], dx_before[[0, 2]])
    rest = np.ones(20, bool)
    rest[5 : 5 + taps] = False
    np.testing.assert_allclose(dx[1, 0, rest], dx_before[1, 0, rest], rtol=0, atol=1e-4)
    assert_in_place(ops.conv2d_backward_weight, before, x, w.shape)
    dw, _ = ops.conv2d_backward_weight(before, x, w.shape)
    assert np.isfinite(dw[..., 4:]).all()  # the plain sum: other columns never meet the number


@pytest.mark.usefixtures("unforced")
def test_the_choice_depends_on_rows_filters_and_tiles() -> None:
    for direction in DIRECTIONS:
        for taps in (3, 4, 5):
            shapes = TEXT[0], (100, 1, taps, 300)
            assert ops.conv2d_algorithm(*shapes, direction=direction) == "winograd_rows"
        others: dict[str, tuple[Shape, Shape, Any]] = {
            "two rows": (TEXT[0], (100, 1, 2, 300), {}),
            "two channels": ((50, 2, 60, 300), (100, 2, 4, 300), {}),
            "a stride": (*TEXT, {"stride": (2, 1)}),
            "few filters": (TEXT[0], (8, 1, 4, 300), {}),
            "one sentence": ((1, 1, 60, 300), (100, 1, 4, 300), {}),
            "half of each tile hangs over": ((50, 1, 7, 300), (100, 1, 3, 300), {}),
        }
        for case, (x_shape, w_shape, geometry) in others.items():
            if (case, direction) == ("half of each tile hangs over", "backward_input"):
                continue  # 7 rows fill two tiles of 4
            chosen = ops.conv2d_algorithm(x_shape, w_shape, direction=direction, **geometry)
            assert chosen == "full_width", case
    pycnn.set_convolution("accurate")
    try:
        assert ops.conv2d_algorithm(*TEXT) == "full_width"
    finally:
        pycnn.set_convolution("fast")


@pytest.mark.usefixtures("winograd_rows", "restore_threads")
def test_same_bits_for_any_number_of_threads() -> None:
    assert_same_bits((16, 1, 40, 150), (60, 1, 3, 150), padding=(2, 3, 0, 0))
    assert_same_bits((11, 1, 90, 700), (70, 1, 5, 700))
