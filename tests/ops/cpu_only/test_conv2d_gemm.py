"""Implicit GEMM where a task has several images: vectors of pixels run over the ends of planes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.convolution import assert_convolution, assert_same_bits, forced


@pytest.fixture(scope="module")
def gemm() -> Iterator[None]:
    """Also where the table would choose another algorithm."""
    with forced("gemm"):
        yield


@pytest.mark.usefixtures("backend", "gemm")
@given(
    images=st.sampled_from((16, 17, 23, 33)),
    size=st.tuples(*[st.sampled_from((1, 2, 3, 5, 7))] * 2),
    filters=st.sampled_from((1, 5, 13, 29)),
    taps=st.sampled_from((1, 3)),
    stride=st.sampled_from((1, 2)),
    groups=st.sampled_from((1, 2)),
)
def test_planes_end_within_vectors(
    images: int, size: tuple[int, int], filters: int, taps: int, stride: int, groups: int
) -> None:
    x_shape = (images, 3 * groups, *size)
    w_shape = (filters * groups, 3, taps, taps)
    geometry = {"stride": stride, "padding": taps // 2, "groups": groups}
    assert_convolution(x_shape, w_shape, geometry, "integer")


@pytest.mark.usefixtures("backend", "gemm")
@pytest.mark.parametrize(
    ("x_shape", "filters"),
    [
        pytest.param((17, 40, 7, 7), 130, id="parts of the filters"),
        pytest.param((9, 800, 7, 7), 200, id="several blocks"),
        pytest.param((40, 30, 14, 14), 20, id="several panels"),
        pytest.param((2, 30, 90, 90), 20, id="a plane in pieces"),
    ],
)
def test_large_shapes(x_shape: tuple[int, int, int, int], filters: int) -> None:
    assert_convolution(x_shape, (filters, x_shape[1], 1, 1), {}, "integer")
    assert_convolution(x_shape, (filters, x_shape[1], 1, 1), {}, "normal")


@pytest.mark.usefixtures("backend", "gemm")
@pytest.mark.parametrize(
    ("x_shape", "filters", "groups"),
    [
        pytest.param((3, 24, 24, 24), 41, 1, id="planes of one chunk"),
        pytest.param((17, 33, 24, 24), 7, 1, id="slices of several images"),
        pytest.param((2, 1, 48, 48), 96, 1, id="planes in several chunks"),
        pytest.param((5, 12, 20, 24), 18, 3, id="groups"),
        pytest.param((1, 40, 23, 24), 40, 1, id="planes that are not whole vectors"),
    ],
)
def test_dot_products_of_planes(
    x_shape: tuple[int, int, int, int], filters: int, groups: int
) -> None:
    w_shape = (filters, x_shape[1] // groups, 1, 1)
    assert_convolution(x_shape, w_shape, {"groups": groups}, "integer")
    assert_convolution(x_shape, w_shape, {"groups": groups}, "normal")


@pytest.mark.usefixtures("gemm", "restore_threads")
def test_same_bits_for_any_number_of_threads() -> None:
    assert_same_bits((33, 20, 7, 7), (70, 20, 1, 1))
    assert_same_bits((17, 20, 5, 6), (70, 20, 3, 3), padding=1)
    assert_same_bits((17, 20, 24, 24), (70, 20, 1, 1))
