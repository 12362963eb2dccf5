"""Pixels that a data set keeps as bytes: their values, to the bit, and the memory they take."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pycnn as nn
from pycnn import _core
from pycnn.arrays import pixels
from pycnn.data import Batches

ALL = np.arange(256, dtype=np.uint8)


@pytest.fixture(params=_core.isa_available())
def isa(request: pytest.FixtureRequest) -> Any:
    before = _core.isa()
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa(before)


def random_bytes(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_every_byte_has_the_bits_of_a_division(isa: str) -> None:
    bytes_of_all = np.tile(ALL, 3)[:763, np.newaxis].copy()
    np.testing.assert_array_equal(
        pixels.scaled(bytes_of_all), bytes_of_all.astype(np.float32) / 255
    )


@given(
    st.floats(-3, 3), st.floats(1e-3, 1e3), st.integers(0, 5), st.integers(1, 4), st.integers(0, 41)
)
def test_rows_are_normalised_as_in_float64(
    mean: float, std: float, count: int, channels: int, plane: int
) -> None:
    kept = random_bytes(7, channels, plane)
    means = mean + np.arange(channels) / 3
    expected = ((kept / 255 - means[:, np.newaxis]) / std).astype(np.float32)
    index = np.random.default_rng(count).integers(0, 7, count)
    values = pixels.values_of(means.tolist(), [std] * channels)
    np.testing.assert_array_equal(pixels.rows(kept, index, values), expected[index])


def test_a_line_that_is_not_that_of_the_table_is_not_used(isa: str) -> None:
    values = pixels.SCALED._replace(lines=np.array([[1 / 256, 0.0]]))
    np.testing.assert_array_equal(
        pixels.rows(ALL.reshape(1, -1), np.zeros(1, np.int64), values)[0], pixels.SCALED.tables[0]
    )


def test_threads_change_no_bit() -> None:
    kept, index = random_bytes(300, 3, 31, 33), np.arange(300)[::-1].copy()
    values = pixels.values_of([0.1, 0.2, 0.3], [0.5, 0.6, 0.7])
    threads, found = nn.get_num_threads(), []
    for count in (1, 2, 7):
        nn.set_num_threads(count)
        found.append(pixels.rows(kept, index, values).tobytes())
    nn.set_num_threads(threads)
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"index": np.array([3])}, ValueError, r"index\[0\] is 3"),
        ({"index": np.array([-1])}, ValueError, r"index\[0\] is -1"),
        ({"index": np.array([0], np.int32)}, TypeError, "index must be int64"),
        ({"pixels": np.zeros((3, 1, 4), np.int8)}, TypeError, "pixels must be uint8"),
        ({"tables": np.zeros((2, 256), np.float32)}, ValueError, "for 1 or 1 channels"),
        ({"tables": np.zeros((1, 255), np.float32)}, ValueError, "the bytes of each channel"),
        ({"lines": np.zeros((2, 2))}, ValueError, "scale and shift of each channel"),
        ({"out": np.zeros((1, 1, 5), np.float32)}, ValueError, "the rows of pixels"),
    ],
)
def test_what_the_kernel_refuses(
    changes: dict[str, Any], error: type[Exception], text: str
) -> None:
    arguments: dict[str, Any] = {
        "pixels": np.zeros((3, 1, 4), np.uint8),
        "index": np.array([0]),
        "tables": pixels.SCALED.tables,
        "lines": pixels.SCALED.lines,
        "out": np.zeros((1, 1, 4), np.float32),
    }
    with pytest.raises(error, match=text):
        _core.pixel_rows(**(arguments | changes))


def test_a_data_set_keeps_the_bytes_that_it_is_given() -> None:
    x, y = random_bytes(9, 1, 4, 4), np.arange(9) % 2
    data = nn.ArrayDataset(x, y)
    assert data.x is x
    expected = x.astype(np.float32) / 255
    for index in (np.array([3, 3, 0]), np.array([-1, 2]), slice(2, 8, 3), [1, 0]):
        np.testing.assert_array_equal(data.gather(index), expected[index])  # type: ignore[arg-type]
        np.testing.assert_array_equal(data[index].x, x[index])  # type: ignore[index]
    assert np.shares_memory(data[2:5].x, x)
    for seed in (None, 4):
        plain = Batches(nn.ArrayDataset(expected, y), 4, seed)
        for (a, label), (b, other) in zip(Batches(data, 4, seed), plain, strict=True):
            assert a.dtype == np.float32
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(label, other)


def test_normalised_pixels() -> None:
    x, y = random_bytes(6, 3, 4, 4), np.zeros(6, np.int64)
    mean, std = (0.1, 0.5, 0.9), (0.2, 0.3, 0.4)
    data = nn.ArrayDataset(x, y, mean=mean, std=std)
    channel = (1, 3, 1, 1)
    expected = (x / 255 - np.reshape(mean, channel)) / np.reshape(std, channel)
    part = data[1:3]
    np.testing.assert_array_equal(data.gather(np.arange(6)), expected.astype(np.float32))
    np.testing.assert_array_equal(part.x, expected.astype(np.float32)[1:3])
    assert data.x is data.x
    data.x[0] = 7  # the floats are the data set from the first use on
    assert (data.gather(np.array([0])) == 7).all()
    one = nn.ArrayDataset(x, y, std=2.0)
    np.testing.assert_array_equal(one.x, (x / 255 / 2).astype(np.float32))


@pytest.mark.parametrize(
    ("x", "options", "error", "text"),
    [
        (np.zeros((2, 3), np.float32), {"mean": 0.5}, ValueError, "for uint8 pixels .*got float32"),
        ((ALL, ALL), {"std": 0.5}, ValueError, "got several inputs"),
        (np.zeros((2, 3, 1, 1), np.uint8), {"mean": [0.1, 0.2]}, ValueError, "of the 3 channels"),
        (np.zeros((2, 3), np.uint8), {"std": 0}, ValueError, "std must be above 0"),
        (np.zeros((2, 3), np.uint8), {"mean": "a"}, TypeError, "mean must be a number"),
        (np.zeros((2, 3), np.uint8), {"mean": []}, ValueError, "one number, or one for each"),
    ],
)
def test_normalisations_that_are_refused(
    x: Any, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    y = np.zeros(256 if isinstance(x, tuple) else 2, np.int64)
    with pytest.raises(error, match=rf"^\[ArrayDataset\] .*{text}"):
        nn.ArrayDataset(x, y, **options)


def test_mnist_takes_the_memory_of_its_bytes() -> None:
    code = (
        "import resource, pycnn\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "train, test = pycnn.datasets.mnist()\n"
        "model = pycnn.Sequential(pycnn.Flatten(), pycnn.Linear(784, 10, rng=0))\n"
        "pycnn.fit(model, train[:20000], test)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    # 55 MB of pixels, twice while a file is read and becomes an array, and 25 MB of small things:
    # as floats the images alone would take 220 MB.
    assert int(done.stdout) < 160 * 1024
