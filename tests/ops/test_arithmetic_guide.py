"""The worked examples and size relationships of "A guide to convolution arithmetic".

V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from pycnn import ops, reference

IMAGE = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
KERNEL = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]

pytestmark = pytest.mark.usefixtures("backend")


def plane(rows: list[list[int]]) -> np.ndarray:
    return np.array(rows, np.float32)[np.newaxis, np.newaxis]


@pytest.fixture(params=[ops, reference], ids=["ops", "reference"])
def library(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


def test_figure_1_1_no_padding_unit_strides(library: ModuleType) -> None:
    y = library.conv2d(plane(IMAGE), plane(KERNEL))
    np.testing.assert_array_equal(y[0, 0], [[12, 12, 17], [10, 17, 19], [9, 6, 14]])


def test_figure_1_2_padding_and_strides(library: ModuleType) -> None:
    y = library.conv2d(plane(IMAGE), plane(KERNEL), padding=1, stride=2)
    np.testing.assert_array_equal(y[0, 0], [[6, 17, 3], [8, 17, 13], [6, 4, 4]])


def test_figure_1_5_average_pooling(library: ModuleType) -> None:
    y = library.avg_pool2d(plane(IMAGE), 3, 1)
    expected = [[1.7, 1.7, 1.7], [1.0, 1.2, 1.8], [1.1, 0.8, 1.3]]
    np.testing.assert_array_equal(np.round(y[0, 0].astype(np.float64), 1), expected)


def test_figure_1_6_max_pooling(library: ModuleType) -> None:
    y, _ = library.max_pool2d(plane(IMAGE), 3, 1)
    np.testing.assert_array_equal(y[0, 0], [[3, 3, 3], [3, 3, 3], [3, 2, 3]])


def conv_size(library: ModuleType, i: int, k: int, p: int = 0, s: int = 1, d: int = 1) -> int:
    """Return the output height of a convolution of an i x i image; the width is equal."""
    image, kernel = np.zeros((1, 1, i, i), np.float32), np.zeros((1, 1, k, k), np.float32)
    _, _, height, width = library.conv2d(image, kernel, padding=p, stride=s, dilation=d).shape
    assert height == width
    return int(height)


SIZES = [(i, k) for i in (5, 6, 7, 11) for k in (1, 2, 3, 4, 5)]


@pytest.mark.parametrize(("i", "k"), SIZES)
def test_relationships_of_unit_strides(library: ModuleType, i: int, k: int) -> None:
    assert conv_size(library, i, k) == (i - k) + 1  # relationship 1: no padding
    for p in (1, 2, 4):
        assert conv_size(library, i, k, p) == (i - k) + 2 * p + 1  # relationship 2
    if k % 2:
        assert conv_size(library, i, k, k // 2) == i  # relationship 3: half (same) padding
    assert conv_size(library, i, k, k - 1) == i + (k - 1)  # relationship 4: full padding


@pytest.mark.parametrize(("i", "k"), SIZES)
@pytest.mark.parametrize("s", [2, 3, 7])
def test_relationships_of_strides(library: ModuleType, i: int, k: int, s: int) -> None:
    assert conv_size(library, i, k, s=s) == (i - k) // s + 1  # relationship 5
    for p in (1, 3):
        assert conv_size(library, i, k, p, s) == (i + 2 * p - k) // s + 1  # relationship 6


@pytest.mark.parametrize(("i", "k"), SIZES)
def test_relationship_of_pooling(library: ModuleType, i: int, k: int) -> None:
    x = np.zeros((1, 1, i, i), np.float32)
    for s in (1, 2, 3):
        size = (i - k) // s + 1  # relationship 7
        assert library.max_pool2d(x, k, s)[0].shape == (1, 1, size, size)
        assert library.avg_pool2d(x, k, s).shape == (1, 1, size, size)


@pytest.mark.parametrize(("i", "k"), SIZES)
def test_relationship_of_transposed_convolution(library: ModuleType, i: int, k: int) -> None:
    """A transposed convolution is conv2d_backward_input: it brings the size back."""
    kernel = np.ones((1, 1, k, k), np.float32)
    for s in (1, 2, 3):
        for p in (0, 1):
            o = conv_size(library, i, k, p, s)
            a = (i + 2 * p - k) % s  # rows that no window reached
            size = s * (o - 1) + a + k - 2 * p  # relationship 14
            assert size == i
            dy = np.ones((1, 1, o, o), np.float32)
            dx = library.conv2d_backward_input(dy, kernel, (1, 1, i, i), padding=p, stride=s)
            assert dx.shape == (1, 1, size, size)
            # Each of the o^2 windows hands out k^2 ones; some fall into the padding.
            assert dx.sum() <= (o * k) ** 2
            assert p or dx.sum() == (o * k) ** 2


@pytest.mark.parametrize("d", [2, 3])
def test_relationship_of_dilation(library: ModuleType, d: int) -> None:
    for k in (2, 3):
        for p in (0, 2):
            for s in (1, 2):
                extent = k + (k - 1) * (d - 1)
                size = (11 + 2 * p - extent) // s + 1  # relationship 15
                assert conv_size(library, 11, k, p, s, d) == size
