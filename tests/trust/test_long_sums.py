"""Sums of any length keep their digits: the promise "Accuracy of sums".

A float that has reached 2^24 takes no more ones. So the first term is 2^24 and all others are 1: a
plain sum in float loses them all, a blocked one what is in the first block. The long form also has
25 million ones, which a plain sum makes 2^24 of.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from support.convolution import forced

from pycnn import _core, ops

Floats = npt.NDArray[np.float32]
Sum = Callable[[Floats], float]

# Of the sum of absolute values; docs/guarantees.md.
BOUND = 2.0**-13
HEAD = 2.0**24

pytestmark = pytest.mark.usefixtures("backend")


def terms(count: int) -> Floats:
    values = np.ones(count, np.float32)
    values[0] = HEAD
    return values


def assert_summed(found: float, count: int) -> None:
    exact = HEAD + count - 1
    assert abs(found - exact) <= BOUND * exact, f"{count} terms give {found}, not {exact}"


def plane(values: Floats) -> Floats:
    """Return the values as one plane, as square as powers of two allow."""
    height = 1 << (len(values).bit_length() - 1) // 2
    return values.reshape(1, 1, height, -1)


def linear_bias(values: Floats) -> float:
    column = values.reshape(-1, 1)
    return float(ops.linear_backward_weight(column, np.zeros_like(column))[1][0])


def wide_linear_bias(values: Floats) -> float:
    dy = np.repeat(values[: len(values) // 64].reshape(-1, 1), 300, axis=1)
    db = ops.linear_backward_weight(dy, np.zeros((len(dy), 1), np.float32))[1]
    assert (db == db[0]).all()
    return float(db[0]) + len(values) - len(dy)


def conv_bias_of_a_plane(values: Floats) -> float:
    dy = plane(values)
    return float(ops.conv2d_backward_weight(dy, np.zeros_like(dy), (1, 1, 1, 1))[1][0])


def conv_bias_of_many_images(values: Floats) -> float:
    dy = values.reshape(-1, 1, 4, 4)
    x = np.zeros_like(dy)
    return float(ops.conv2d_backward_weight(dy, x, (1, 1, 3, 3), padding=1)[1][0])


def transposed_bias(values: Floats) -> float:
    dy = plane(values)
    return float(ops.conv_transpose2d_backward_weight(dy, np.zeros_like(dy), (1, 1, 1, 1))[1][0])


def shift_of_channels(values: Floats) -> float:
    dy = values.reshape(-1, 1, 4, 4)
    one = np.ones(1, np.float32)
    return float(ops.channel_affine_backward(dy, np.zeros_like(dy), one)[2][0])


def batch_norm_bias(values: Floats) -> float:
    dy = plane(values)
    one = np.ones(1, np.float32)
    return float(ops.batch_norm2d_backward(dy, np.zeros_like(dy), one, 0 * one, one)[2][0])


def batch_mean(values: Floats) -> float:
    x = plane(values)
    return float(ops.batch_norm2d(x, None, None)[1][0]) * x.size


def frequent_word(values: Floats) -> float:
    rows = values.reshape(-1, 1)
    word = np.zeros(len(rows), np.int64)
    return float(ops.embedding_backward(rows, word)[1][0, 0])


def frequent_word_of_many_numbers(values: Floats) -> float:
    rows = np.repeat(values[: len(values) // 64].reshape(-1, 1), 133, axis=1)
    sums = ops.embedding_backward(rows, np.zeros(len(rows), np.int64))[1]
    assert (sums == sums[0, 0]).all()
    return float(sums[0, 0]) + len(values) - len(rows)


def rbf_centre(values: Floats) -> float:
    x = np.full((len(values), 1), -0.5, np.float32)
    centre = np.zeros((1, 1), np.float32)
    return float(ops.rbf_backward(values.reshape(-1, 1), x, centre)[1][0, 0])


def softmax_row(values: Floats) -> float:
    return 1 / float(ops.softmax(np.log(values / np.float32(HEAD))[np.newaxis])[0, 0]) * HEAD


def softmax_gradient(values: Floats) -> float:
    dx = ops.softmax_backward(values[np.newaxis], np.ones((1, len(values)), np.float32))
    return 1 - float(dx[0, 1])


def log_softmax_gradient(values: Floats) -> float:
    dx = ops.log_softmax_backward(values[np.newaxis], np.zeros((1, len(values)), np.float32))
    return 1 - float(dx[0, 1])


def global_average(values: Floats) -> float:
    return float(ops.adaptive_avg_pool2d(plane(values), 1)[0, 0, 0, 0]) * len(values)


def average_of_short_rows(values: Floats) -> float:
    x = np.zeros((1, 1, len(values), 4), np.float32)
    x[0, 0, :, 1] = values
    return float(ops.adaptive_avg_pool2d(x, (1, 2))[0, 0, 0, 0]) * len(values) * 2


def element_of_many_windows(values: Floats) -> float:
    return float(ops.adaptive_avg_pool2d_backward(plane(values), (1, 1, 1, 1))[0, 0, 0, 0])


def large_window(values: Floats) -> float:
    x = plane(values)
    return float(ops.avg_pool2d(x, x.shape[2:], divisor_override=1)[0, 0, 0, 0])


def high_window(values: Floats) -> float:
    x = values.reshape(1, 1, -1, 1)
    return float(ops.avg_pool2d(x, (len(values), 1), divisor_override=1)[0, 0, 0, 0])


def element_of_overlapping_windows(values: Floats) -> float:
    # The middle of 127 x 127 elements is in all of 64 x 64 windows.
    dy = values[: 64 * 64].reshape(1, 1, 64, 64)
    dx = ops.avg_pool2d_backward(dy, (1, 1, 127, 127), 64, 1, divisor_override=1)
    return float(dx[0, 0, 63, 63]) + len(values) - dy.size


def frequent_winner(values: Floats) -> float:
    dy = plane(values)
    dx = ops.max_pool2d_backward(dy, np.zeros(dy.shape, np.int32), (1, 1, 4, 4))
    return float(dx[0, 0, 0, 0])


def repeated_element(values: Floats) -> float:
    dy = plane(values)
    return float(ops.upsample2d_backward(dy, (1, 1, 1, 1), dy.shape[2:])[0, 0, 0, 0])


def interpolated_element(values: Floats) -> float:
    dy = plane(values)
    dx = ops.upsample2d_backward(dy, (1, 1, 1, 1), dy.shape[2:], mode="bilinear")
    return float(dx[0, 0, 0, 0])


def squared_error(values: Floats) -> float:
    return float(ops.mse_loss(np.sqrt(values), np.zeros_like(values), reduction="sum"))


def negative_logarithms(values: Floats) -> float:
    labels = np.zeros(len(values), np.int64)
    return float(ops.nll_loss(-values.reshape(-1, 1), labels, reduction="sum"))


SUMS = [
    linear_bias, wide_linear_bias, conv_bias_of_a_plane, conv_bias_of_many_images, transposed_bias,
    shift_of_channels, batch_norm_bias, batch_mean, frequent_word, frequent_word_of_many_numbers,
    rbf_centre, softmax_row, softmax_gradient, log_softmax_gradient, global_average,
    average_of_short_rows, element_of_many_windows, large_window, high_window,
    element_of_overlapping_windows, frequent_winner, repeated_element, interpolated_element,
    squared_error, negative_logarithms,
]  # fmt: skip


@pytest.mark.parametrize("summed", SUMS)
def test_long_sums_keep_their_digits(
    summed: Sum, form: str, tried: Callable[[str, int, str], None]
) -> None:
    # 2^18 terms: a lane of a plain sum with 64 of them would still be off by 2^-12.
    lengths = [2**18] if form == "short" else [2**16, 2**18, 2**20, 2**22]
    for count in lengths:
        assert_summed(summed(terms(count)), count)
    tried("accuracy of sums", len(lengths), "all within 2^-13 of the sum of absolute values")


@pytest.mark.parametrize("summed", [conv_bias_of_a_plane, conv_bias_of_many_images])
@pytest.mark.parametrize("name", _core.conv_algorithms())
def test_bias_gradients_keep_their_digits_with_every_algorithm(
    name: str, summed: Sum, backend: str
) -> None:
    if backend not in _core.isa_available():
        pytest.skip("the algorithms are the CPU's")
    with forced(name):
        assert_summed(summed(terms(2**18)), 2**18)


def filter_of_a_plane(values: Floats) -> float:
    dy = plane(values)
    return float(ops.conv2d_backward_weight(dy, np.ones_like(dy), (1, 1, 1, 1))[0][0, 0, 0, 0])


def filter_of_a_row(values: Floats) -> float:
    dy = values.reshape(1, 1, 1, -1)
    return float(ops.conv2d_backward_weight(dy, np.ones_like(dy), (1, 1, 1, 1))[0][0, 0, 0, 0])


def filters_of_many_images(values: Floats) -> float:
    # So many channels that the batch is not cut into slices.
    images = values[: len(values) // 4].reshape(-1, 1, 4, 4)
    dy = np.repeat(images, 16, axis=1)
    dw, _ = ops.conv2d_backward_weight(dy, np.ones_like(dy), (16, 1, 1, 1), groups=16)
    assert (dw == dw[0, 0, 0, 0]).all()
    return float(dw[0, 0, 0, 0]) + len(values) - images.size


def square_filter_of_a_plane(values: Floats) -> float:
    dy = plane(values)
    dw, _ = ops.conv2d_backward_weight(dy, np.ones_like(dy), (1, 1, 3, 3), padding=1)
    return float(dw[0, 0, 1, 1])


def filters_of_a_plane(values: Floats) -> float:
    dy = np.repeat(plane(values), 5, axis=1)
    x = np.ones((1, 2, *dy.shape[2:]), np.float32)
    dw, _ = ops.conv2d_backward_weight(dy, x, (5, 2, 1, 2), padding=(0, 0, 0, 1))
    assert (dw[:, :, 0, 0] == dw[0, 0, 0, 0]).all()
    return float(dw[0, 0, 0, 0])


def depthwise_filter(values: Floats) -> float:
    dy = np.repeat(plane(values), 3, axis=1)
    dw, _ = ops.conv2d_backward_weight(dy, np.ones_like(dy), (3, 1, 3, 3), padding=1, groups=3)
    assert (dw[:, 0, 1, 1] == dw[0, 0, 1, 1]).all()
    return float(dw[0, 0, 1, 1])


def transposed_filter(values: Floats) -> float:
    x = plane(values)
    dw, _ = ops.conv_transpose2d_backward_weight(np.ones_like(x), x, (1, 1, 1, 1))
    return float(dw[0, 0, 0, 0])


def filter_as_wide_as_the_image(values: Floats) -> float:
    dy = values[: len(values) // 16].reshape(1, 1, -1, 1)
    x = np.ones((1, 1, dy.size, 64), np.float32)
    dw, _ = ops.conv2d_backward_weight(dy, x, (1, 1, 1, 64))
    assert (dw == dw[0, 0, 0, 0]).all()
    return float(dw[0, 0, 0, 0]) + len(values) - dy.size


def filter_as_large_as_the_image(values: Floats) -> float:
    dy = values[: len(values) // 16].reshape(-1, 1, 1, 1)
    x = np.ones((dy.size, 1, 8, 8), np.float32)
    dw, _ = ops.conv2d_backward_weight(dy, x, (1, 1, 8, 8))
    return float(dw[0, 0, 0, 0]) + len(values) - dy.size


FILTERS = [
    filter_of_a_plane, filter_of_a_row, filters_of_many_images, square_filter_of_a_plane,
    filters_of_a_plane, depthwise_filter, transposed_filter, filter_as_wide_as_the_image,
    filter_as_large_as_the_image,
]  # fmt: skip


@pytest.mark.parametrize("summed", FILTERS)
def test_weight_gradients_keep_their_digits_with_every_algorithm(
    summed: Sum, backend: str, form: str, tried: Callable[[str, int, str], None]
) -> None:
    if backend not in _core.isa_available():
        pytest.skip("CUDA keeps the general bound")
    lengths = [2**18] if form == "short" else [2**16, 2**20, 2**22]
    names = ["", *_core.conv_algorithms()]
    for name in names:
        with forced(name):
            for count in lengths:
                assert_summed(summed(terms(count)), count)
    outcome = "all within 2^-13 of the sum of absolute values"
    tried("accuracy of weight gradients", len(lengths) * len(names), outcome)


@pytest.mark.parametrize("rows", [2**16, 2**19, 2**20])
def test_the_weight_gradient_of_a_linear_layer_keeps_what_its_blocks_come_to(
    rows: int, backend: str
) -> None:
    """Blocks of 128 rows come to 1 each, which 2^24 in float would not take."""
    if backend not in _core.isa_available():
        pytest.skip("CUDA keeps the general bound")
    x = np.full((rows, 1), 2.0**-7, np.float32)
    x[0] = HEAD
    dw, _ = ops.linear_backward_weight(np.ones((rows, 3), np.float32), x)
    exact = x.sum(dtype=np.float64)
    assert abs(dw.astype(np.float64) - exact).max() <= BOUND * exact


@pytest.mark.trust
def test_weight_gradients_keep_what_many_runs_come_to(
    backend: str, tried: Callable[[str, int, str], None]
) -> None:
    """A run of pixels adds less than 1 to 2^24, from filters that should leave it a few hundred."""
    if backend not in _core.isa_available():
        pytest.skip("CUDA keeps the general bound")
    dy = np.full((1, 1, 2048, 4096), 2.0**-11, np.float32)
    x = np.ones_like(dy)
    dy[0, 0, 0, 0] = HEAD
    exact = dy.sum(dtype=np.float64)
    for name in _core.conv_algorithms():
        with forced(name):
            dw, _ = ops.conv2d_backward_weight(dy, x, (1, 1, 11, 11), padding=5)
        assert abs(float(dw[0, 0, 5, 5]) - exact) <= BOUND * exact, name
    tried("accuracy of weight gradients", len(_core.conv_algorithms()), "runs keep their digits")


@pytest.mark.trust
def test_25_million_ones_are_25_million(tried: Callable[[str, int, str], None]) -> None:
    ones = np.ones((25_000_000, 1), np.float32)
    assert ops.linear_backward_weight(ones, ones[:, :1] * 0)[1][0] == 25e6
    assert ops.adaptive_avg_pool2d(ones.reshape(1, 1, 5000, 5000), 1)[0, 0, 0, 0] == 1
    assert ops.avg_pool2d(ones.reshape(1, 1, 5000, 5000), 5000)[0, 0, 0, 0] == 1
    tried("accuracy of sums", 3, "25 million ones are 25 million")
