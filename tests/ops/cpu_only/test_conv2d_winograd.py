"""Winograd's convolution: tiles at edges, chunks and strips, what is not finite, the choice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.annotations import Shape
from support.convolution import assert_convolution, assert_same_bits, forced
from support.in_place import assert_in_place
from support.strategies import TILES

from pycnn import ops

DIRECTIONS = ("forward", "backward_input", "backward_weight")


@pytest.fixture(scope="module")
def winograd() -> Iterator[None]:
    """Force it: every 3 x 3 and 5 x 5 filter with stride 1, every 3 x 3 one with stride 2."""
    with forced("winograd"):
        yield


@pytest.mark.usefixtures("backend", "winograd")
@given(
    images=st.sampled_from((0, 1, 2, 3, 5)),
    groups=st.sampled_from((1, 1, 2, 3)),
    inputs=st.sampled_from(TILES),
    outputs=st.sampled_from(TILES),
    taps_and_stride=st.sampled_from(((3, 1), (5, 1), (3, 2))),
    size=st.tuples(*[st.sampled_from((*range(3, 12), 13, 17))] * 2),
    padding=st.sampled_from((0, 1, 2, 3, (1, 0), (0, 2, 1, 0), "same")),
    kind=st.sampled_from(("normal", "integer", "wide")),
)
def test_tiles_and_channels(
    images: int,
    groups: int,
    inputs: int,
    outputs: int,
    taps_and_stride: tuple[int, int],
    size: tuple[int, int],
    padding: int | str | tuple[int, ...],
    kind: str,
) -> None:
    taps, stride = taps_and_stride
    assume(min(size) >= taps or padding in (2, 3, "same"))
    assume(stride == 1 or padding != "same")
    x_shape, w_shape = (images, groups * inputs, *size), (groups * outputs, inputs, taps, taps)
    geometry = {"padding": padding, "groups": groups, "stride": stride}
    assert_convolution(x_shape, w_shape, geometry, kind)


@pytest.mark.usefixtures("backend", "winograd")
@pytest.mark.parametrize(
    ("x_shape", "w_shape"),
    [
        pytest.param((1, 5, 9, 400), (7, 5, 3, 3), id="rows of several strips"),
        pytest.param((40, 3, 13, 13), (5, 3, 3, 3), id="many images in a chunk"),
        # Chunks hold a number of floats, so it is the sum of the channels that makes two of them.
        pytest.param((3, 20, 30, 30), (330, 20, 3, 3), id="several chunks"),
        pytest.param((5, 7, 55, 57), (9, 7, 3, 3), id="slices"),
        pytest.param((3, 33, 41, 44), (30, 33, 3, 3), id="slices of several chunks"),
        pytest.param((1, 257, 13, 13), (97, 257, 3, 3), id="deep"),
        pytest.param((2, 1, 300, 3), (1, 1, 3, 3), id="narrow"),
        pytest.param((3, 130, 4, 5), (131, 130, 3, 3), id="few tiles, parts of the outputs"),
        pytest.param((1, 9, 5, 130), (145, 9, 5, 5), id="few tiles in several strips"),
        pytest.param((2, 12, 27, 27), (164, 12, 5, 5), id="5 x 5, several chunks"),
        pytest.param((1, 3, 9, 400), (5, 3, 5, 5), id="5 x 5, rows of several strips"),
    ],
)
def test_large_shapes(x_shape: Shape, w_shape: Shape) -> None:
    assert_convolution(x_shape, w_shape, {"padding": 1}, "normal")


@pytest.mark.usefixtures("backend", "winograd")
@pytest.mark.parametrize("stride", [(2, 1), (1, 2), 2, 3])
def test_a_single_output_has_no_stride(stride: int | tuple[int, int]) -> None:
    assert_convolution((2, 48, 3, 3), (5, 48, 3, 3), {"stride": stride}, "normal")


@pytest.mark.usefixtures("backend", "winograd")
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize(
    ("x_shape", "w_shape"),
    [
        pytest.param((1, 3, 9, 700), (5, 3, 3, 3), id="rows of several strips"),
        pytest.param((3, 40, 63, 63), (300, 40, 3, 3), id="several chunks"),
        pytest.param((3, 20, 100, 91), (14, 20, 3, 3), id="slices of several chunks"),
        pytest.param((1, 257, 13, 14), (97, 257, 3, 3), id="deep"),
        pytest.param((3, 130, 8, 9), (131, 130, 3, 3), id="few tiles, parts of the outputs"),
    ],
)
def test_large_shapes_with_stride_2(x_shape: Shape, w_shape: Shape, padding: int) -> None:
    assert_convolution(x_shape, w_shape, {"padding": padding, "stride": 2}, "normal")


@pytest.mark.usefixtures("backend", "winograd")
@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_other_images_keep_their_bits_with_stride_2(value: float, rng: np.random.Generator) -> None:
    x = rng.standard_normal((3, 8, 17, 17), np.float32)
    w = np.asarray(rng.standard_normal((8, 8, 3, 3), np.float32) / 8, np.float32)
    before = ops.conv2d(x, w, stride=2)
    x[1, 2, 5, 2] = value
    after = ops.conv2d(x, w, stride=2)
    np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])
    reached = np.zeros(after.shape[2:], bool)
    reached[2, :2] = True
    np.testing.assert_allclose(after[1][:, ~reached], before[1][:, ~reached], rtol=0, atol=1e-4)
    assert not np.isfinite(after[1][:, reached]).any() or np.isfinite(value)


@pytest.mark.usefixtures("backend", "winograd")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize(("taps", "outputs"), [(3, 8), (5, 8), (3, 100)])
def test_other_images_keep_their_bits(
    value: float, taps: int, outputs: int, rng: np.random.Generator
) -> None:
    """An infinity is for the windows over it, and the largest numbers are for a plain sum."""
    x = rng.standard_normal((3, 8, 9, 9), np.float32)
    w = np.asarray(rng.standard_normal((outputs, 8, taps, taps), np.float32) / 8, np.float32)
    before = ops.conv2d(x, w)
    x[1, 2, 4, 2] = value  # 97/36 times the largest overflows in the transform
    after = ops.conv2d(x, w)
    np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])
    reached = np.zeros(after.shape[2:], bool)
    reached[5 - taps : 5, :3] = True
    np.testing.assert_allclose(after[1][:, ~reached], before[1][:, ~reached], rtol=0, atol=1e-4)
    assert (np.abs(after[1][:, reached]) > 1e30).all() or not np.isfinite(value)
    assert not np.isfinite(after[1][:, reached]).any() or np.isfinite(value)
    dy = rng.standard_normal(after.shape, np.float32)  # the plain sum follows upon the other
    assert_in_place(ops.conv2d_backward_weight, dy, x, w.shape)


@pytest.mark.usefixtures("unforced")
def test_the_choice_depends_on_channels_and_tiles() -> None:
    for direction in DIRECTIONS:
        chosen = {
            (n, c, k, size): ops.conv2d_algorithm(
                (n, c, size, size), (k, c, 3, 3), direction=direction, padding=1
            )
            for n, c, k, size in [
                (16, 192, 384, 13),
                (8, 64, 64, 224),
                (16, 16, 16, 16),
                (8, 3, 64, 224),
                (1, 256, 256, 4),
                (16, 256, 256, 1),
            ]
        }
        assert [name == "winograd" for name in chosen.values()] == [True] * 3 + [False] * 3
    for direction in DIRECTIONS[:2]:
        one, narrow = (
            ops.conv2d_algorithm((1, c, 13, 13), (c, c, 3, 3), direction=direction, padding=1)
            for c in (256, 16)
        )
        assert one == "winograd"  # a task has some of the filters
        assert narrow != "winograd"  # one task would be all there is
        strided = [
            ops.conv2d_algorithm(
                (n, c, size, size), (k, c, 3, 3), direction=direction, stride=2, padding=1
            )
            for n, c, k, size in [
                (16, 128, 128, 56),
                (32, 256, 512, 8),
                (8, 3, 64, 224),
                (1, 64, 64, 8),
            ]
        ]
        assert [name == "winograd" for name in strided] == [True, True, False, False]
    assert ops.conv2d_algorithm((8, 64, 56, 56), (64, 64, 3, 3), stride=3) != "winograd"
    assert ops.conv2d_algorithm((8, 64, 56, 56), (64, 64, 3, 3), stride=(2, 1)) != "winograd"
    assert ops.conv2d_algorithm((8, 64, 56, 56), (64, 64, 5, 5), stride=2) != "winograd"
    assert ops.conv2d_algorithm((8, 64, 56, 56), (64, 64, 3, 3), dilation=2) != "winograd"
    assert ops.conv2d_algorithm((8, 64, 56, 56), (64, 64, 7, 7)) != "winograd"
    assert ops.conv2d_algorithm((16, 64, 27, 27), (192, 64, 5, 5), padding=2) == "winograd"


@pytest.mark.usefixtures("winograd", "restore_threads")
def test_same_bits_for_any_number_of_threads() -> None:
    assert_same_bits((6, 40, 30, 50), (60, 40, 3, 3), padding=1)
    assert_same_bits((6, 24, 41, 50), (30, 12, 3, 3), padding=1, groups=2)  # slices
    assert_same_bits((6, 40, 15, 25), (60, 40, 5, 5), padding=2)
    assert_same_bits((5, 140, 4, 7), (150, 70, 3, 3), padding=1, groups=2)  # few tiles
    assert_same_bits((6, 40, 61, 99), (60, 40, 3, 3), padding=1, stride=2)
    assert_same_bits((5, 140, 8, 13), (150, 70, 3, 3), stride=2, groups=2)
