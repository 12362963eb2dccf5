"""Streams of work, and the times of their work, on the emulated device and a GPU."""

from __future__ import annotations

import numpy as np

import pycnn as nn
from pycnn import devices


def test_arrays_go_from_stream_to_stream(device: str) -> None:
    """Work is done as late as it may be: what does not wait for the other stream reads NaN."""
    module = devices.extension(device)
    a = module.DeviceArray.from_numpy(np.ones(1000, np.float32))
    with module.Stream() as one:
        b = a + a
        assert b.stream == one.handle
        with module.Stream():
            c = b + b
        d = c + a
    assert a.stream != one.handle
    np.testing.assert_array_equal((d + d).numpy(), np.full(1000, 10, np.float32))


def test_a_block_is_not_used_again_before_another_stream_has_read_it(device: str) -> None:
    module = devices.extension(device)
    for _ in range(3):
        a = module.DeviceArray.from_numpy(np.ones(1000, np.float32))
        with module.Stream():
            b = a + a
            del a
        c = module.DeviceArray.from_numpy(np.full(1000, 7, np.float32))
        np.testing.assert_array_equal(b.numpy(), np.full(1000, 2, np.float32))
        np.testing.assert_array_equal(c.numpy(), np.full(1000, 7, np.float32))


def test_timer_measures_what_the_device_does(device: str) -> None:
    a = devices.extension(device).DeviceArray.from_numpy(np.ones(100_000, np.float32))
    with nn.cuda.Timer(device) as outer:
        with nn.cuda.Timer(device) as inner:
            a += a
        a += a
    assert 0 < inner.seconds <= outer.seconds < 60
