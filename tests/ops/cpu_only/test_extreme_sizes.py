"""Sizes at both ends: numbers that overflow, results beyond memory, no rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pycnn import ops, reference

F = np.float32


def zeros(*shape: int, dtype: Any = F) -> np.ndarray:
    return np.zeros(shape, dtype)


X, W, B = zeros(2, 3, 8, 8), zeros(4, 3, 3, 3), zeros(4)
Y = zeros(2, 4, 6, 6)
IMAGES, POOLED, INDICES = zeros(1, 2, 6, 6), zeros(1, 2, 3, 3), zeros(1, 2, 3, 3, dtype=np.int32)

conv2d, max_pool2d, avg_pool2d = ops.conv2d, ops.max_pool2d, ops.avg_pool2d
d_input, d_weight = ops.conv2d_backward_input, ops.conv2d_backward_weight
d_max, d_avg = ops.max_pool2d_backward, ops.avg_pool2d_backward

BILLION, HUGE = 2**30, 2**62


@pytest.mark.parametrize(
    "call",
    [
        lambda n: conv2d(X, W, padding=n),
        lambda n: conv2d(X, W, padding=(0, n, 0, 0)),
        lambda n: conv2d(X, W, dilation=n),
        lambda n: conv2d(X, W, dilation=n, padding="same"),
        lambda n: conv2d(X, W, groups=n),
        lambda n: d_input(Y, W, (2, 3, n, n)),
        lambda n: d_input(Y, W, (n, n, n, n)),
        lambda n: d_input(Y, W, X.shape, padding=n),
        lambda n: d_weight(Y, X, (4, 3, n, n)),
        lambda n: d_weight(Y, X, (n, n, 3, 3)),
        lambda n: max_pool2d(X, n),
        lambda n: max_pool2d(X, 2, dilation=n),
        lambda n: d_max(POOLED, INDICES, (1, 2, n, n)),
        lambda n: avg_pool2d(X, n),
        lambda n: d_avg(POOLED, (1, 2, n, n), 2),
        lambda n: d_avg(POOLED, IMAGES.shape, n),
    ],
)
@pytest.mark.parametrize("size", [BILLION, 2**31, 2**32 + 1, HUGE, 2**63, 10**30, -HUGE])
def test_numbers_that_overflow_a_product(call: Callable[[int], Any], size: int) -> None:
    """Nothing wraps around, and nothing is allocated before the geometry is known to be good."""
    with pytest.raises((ValueError, MemoryError)) as info:
        call(size)
    assert str(info.value)


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape, dtype=F)


# With such a stride there is one window, in the corner.
IMAGE, FILTERS, ONE_EACH = normal(2, 3, 8, 8), normal(4, 3, 3, 3), normal(2, 4, 1, 1)
STRIDES: list[Callable[[Any, int], Any]] = [
    lambda lib, size: lib.conv2d(IMAGE, FILTERS, stride=size),
    lambda lib, size: lib.max_pool2d(IMAGE, 2, size)[0],
    lambda lib, size: lib.avg_pool2d(IMAGE, 2, size),
    lambda lib, size: lib.conv2d_backward_input(ONE_EACH, FILTERS, IMAGE.shape, stride=size),
    lambda lib, size: lib.conv2d_backward_weight(ONE_EACH, IMAGE, FILTERS.shape, stride=size)[0],
    lambda lib, size: lib.avg_pool2d_backward(ONE_EACH, (2, 4, 9, 9), 3, size),
    lambda lib, size: lib.conv_transpose2d(ONE_EACH, FILTERS, stride=size),
    lambda lib, size: lib.conv_transpose2d(ONE_EACH, FILTERS, stride=size, output_padding=9),
    lambda lib, size: lib.conv2d_relu_max_pool2d(IMAGE, FILTERS, window=1, stride=size)[0],
]


@pytest.mark.parametrize("call", STRIDES)
@pytest.mark.parametrize("size", [100, 2**20, BILLION, 2**31 - 1])
def test_a_stride_may_step_over_the_whole_image(call: Callable[..., Any], size: int) -> None:
    np.testing.assert_allclose(call(ops, size), call(reference, size), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("call", STRIDES)
@pytest.mark.parametrize("size", [2**31, 2**32 + 1, HUGE])
def test_a_stride_beyond_32_bits_is_refused(call: Callable[..., Any], size: int) -> None:
    with pytest.raises(ValueError, match="stride"):
        call(ops, size)


def test_a_window_may_be_much_larger_than_the_image() -> None:
    """Half of the kernel is padding: legal, and no reason to visit all of its taps."""
    x = np.arange(64, dtype=F).reshape(1, 1, 8, 8)
    for size in (2**14, BILLION):
        y, indices = max_pool2d(x, size, padding=size // 2)
        assert (y.item(), indices.item()) == (63, 63)
        y = avg_pool2d(x, size, padding=size // 2, divisor_override=1)
        assert y.item() == x.sum()
        dx = d_avg(y, x.shape, size, padding=size // 2, divisor_override=1)
        np.testing.assert_array_equal(dx, np.full_like(x, y))


def test_results_beyond_memory_raise_memory_error() -> None:
    """2^24 x 2^24 pixels in 4 bytes each are more than a process can address."""
    shape = re.escape("[conv2d] result of shape (1, 1, 16777217, 16777217)")
    with pytest.raises(MemoryError, match=shape):
        conv2d(zeros(1, 1, 1, 1), zeros(1, 1, 1, 1), padding=2**23)


def test_an_empty_batch_has_an_empty_result_and_zero_gradients() -> None:
    x = zeros(0, 3, 8, 8)
    y = conv2d(x, W, B)
    assert y.shape == (0, 4, 6, 6)
    assert d_input(y, W, x.shape).shape == x.shape
    dw, db = d_weight(y, x, W.shape)
    np.testing.assert_array_equal(dw, W)
    np.testing.assert_array_equal(db, B)
    largest, indices = max_pool2d(x, 2)
    assert largest.shape == indices.shape == (0, 3, 4, 4)
    assert d_max(largest, indices, x.shape).shape == x.shape
    assert avg_pool2d(x, 2).shape == (0, 3, 4, 4)
    assert d_avg(largest, x.shape, 2).shape == x.shape
    dx, dw, db = ops.linear_backward(zeros(0, 4), zeros(0, 8), np.ones((4, 8), F))
    assert dx.shape == (0, 8)
    np.testing.assert_array_equal(dw, zeros(4, 8))
    np.testing.assert_array_equal(db, zeros(4))
    assert ops.softmax(zeros(0, 4)).shape == (0, 4)
    assert ops.relu(x).shape == x.shape


@pytest.mark.parametrize("dilation", [4, 9, 23])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", ["far", (40, 3, 9, 50)])
def test_taps_that_meet_only_padding(
    backend: str, dilation: int, stride: int, padding: str | tuple[int, int, int, int]
) -> None:
    """Such taps are left out before the work is cut; whole numbers show that nothing is lost."""
    rng = np.random.default_rng(dilation)
    x = rng.integers(-3, 4, (2, 4, 6, 5)).astype(np.float32)
    w = rng.integers(-3, 4, (6, 2, 3, 4)).astype(np.float32)
    b = rng.integers(-3, 4, 6).astype(np.float32)
    far = (2 * dilation, 2 * dilation + 1, 3 * dilation, 2)
    pads = far if isinstance(padding, str) else padding
    geometry: dict[str, Any] = dict(stride=stride, padding=pads, dilation=dilation, groups=2)
    if pads[0] + pads[1] + 6 < 2 * dilation + 1 or pads[2] + pads[3] + 5 < 3 * dilation + 1:
        with pytest.raises(ValueError, match="filter spans"):
            ops.conv2d(x, w, b, **geometry)
        return
    y = ops.conv2d(x, w, b, **geometry)
    np.testing.assert_array_equal(y, reference.conv2d(x, w, b, **geometry))
    dy = rng.integers(-3, 4, y.shape).astype(np.float32)
    dx = ops.conv2d_backward_input(dy, w, x.shape, **geometry)
    np.testing.assert_array_equal(dx, reference.conv2d_backward_input(dy, w, x.shape, **geometry))
    for got, expected in zip(
        ops.conv2d_backward_weight(dy, x, w.shape, **geometry),
        reference.conv2d_backward_weight(dy, x, w.shape, **geometry),
        strict=True,
    ):
        np.testing.assert_array_equal(got, expected)
