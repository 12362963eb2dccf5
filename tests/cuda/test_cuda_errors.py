"""Failures on the emulated device: too little memory, Ctrl-C during a kernel."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from support.device_ops import EMULATED, emulated
from support.small_training import digits

import pycnn as nn
from pycnn import devices, ops

pytestmark = emulated

TOTAL = 4 << 30
MIB = 1 << 20


@pytest.fixture
def device() -> Iterator[ModuleType]:
    """The emulated device; it has all of its memory again after the test."""
    module = devices.extension(EMULATED)
    gc.collect()
    module.trim_cache()
    yield module
    module.set_device_bytes(TOTAL)


def used(device: ModuleType) -> int:
    gc.collect()
    bytes_: int = device.memory_stats()["used"]
    return bytes_


def megabyte(device: ModuleType, size: float = 1) -> devices.Array:
    """Return an array of this many MiB."""
    array: devices.Array = device.DeviceArray.from_numpy(np.zeros(int(size * MIB), np.uint8))
    return array


def test_too_large_a_result_names_its_shape_the_request_and_what_is_free(
    device: ModuleType,
) -> None:
    x, w = (device.DeviceArray.from_numpy(np.zeros((1, 1, 1, 1), np.float32)) for _ in range(2))
    text = r"\[conv2d\] result of shape .*: 6\d+ bytes of device memory asked for, \d+ of \d+ free"
    with pytest.raises(MemoryError, match=text):
        ops.conv2d(x, w, padding=20_000)
    assert ops.conv2d(x, w).shape == (1, 1, 1, 1)


def test_what_arrays_take_together_is_limited(device: ModuleType) -> None:
    total = used(device) + 3 * MIB
    device.set_device_bytes(total)
    arrays = [megabyte(device) for _ in range(2)]
    text = rf" {2 * MIB} bytes of device memory asked for, {MIB} of {total} free"
    with pytest.raises(MemoryError, match=text):
        megabyte(device, 2)
    del arrays[0]  # cached, and given back for an array of another size
    arrays.append(megabyte(device, 2))
    assert device.memory_stats()["cached"] == 0


def test_a_model_goes_on_after_a_batch_that_was_too_large(device: ModuleType) -> None:
    model = nn.models.lenet5(rng=0).to(EMULATED)
    x, y = digits(512)
    before = used(device)
    device.set_device_bytes(before + 8 * MIB)
    with pytest.raises(MemoryError, match="bytes of device memory asked for"):
        nn.fit(model, nn.ArrayDataset(x, y), epochs=1, batch_size=512)
    assert used(device) == before
    history = nn.fit(model, nn.ArrayDataset(x[:8], y[:8]), epochs=1, batch_size=4)
    assert np.isfinite(history.records[-1].loss)


def interrupt_in_a_kernel(monkeypatch: pytest.MonkeyPatch, layer: nn.Module, method: str) -> None:
    """Send SIGINT while the main thread is in an op of this method of a layer.

    Another thread gets the interpreter only when an op leaves it to others: while its kernels run.
    """
    begun, work = threading.Event(), getattr(layer, method)

    def send() -> None:
        begun.wait()
        signal.raise_signal(signal.SIGINT)

    def announced(*arguments: devices.Array) -> devices.Array:
        begun.set()
        result: devices.Array = work(*arguments)
        return result

    threading.Thread(target=send).start()
    monkeypatch.setattr(layer, method, announced)


@pytest.fixture
def _threads_change_in_kernels_alone() -> Iterator[None]:
    interval, handler = sys.getswitchinterval(), signal.getsignal(signal.SIGINT)
    sys.setswitchinterval(1000)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("_threads_change_in_kernels_alone")
@pytest.mark.parametrize(("layer", "method"), [(3, "forward"), (9, "backward")])
def test_an_interrupt_during_a_kernel_ends_training_and_leaks_nothing(
    device: ModuleType, layer: int, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = nn.models.lenet5(rng=0).to(EMULATED)
    data = nn.ArrayDataset(*digits(64))
    optimizer = nn.optim.Adam(model.parameters())
    nn.fit(model, data, epochs=1, batch_size=16, optimizer=optimizer)
    optimizer.zero_grad()
    expected = used(device)
    with monkeypatch.context() as patch:
        interrupt_in_a_kernel(patch, model[layer], method)
        with pytest.warns(RuntimeWarning, match=r"\[fit\] interrupted in epoch 1 of 2"):
            history = nn.fit(model, data, epochs=2, batch_size=16, optimizer=optimizer)
    assert history.interrupted
    optimizer.zero_grad()
    assert used(device) == expected
    assert np.isfinite(nn.predict(model, data.x)).all()
    assert not nn.fit(model, data, epochs=1, batch_size=16, optimizer=optimizer).interrupted


def test_too_large_a_convolution_names_the_op_that_was_called(device: ModuleType) -> None:
    """Extents beyond 2^30, in arrays of a few numbers: nearly all of it is padding."""
    half = 1 << 29
    wide: dict[str, Any] = {"stride": (half, 1), "padding": (half, 0)}
    one, three = (
        device.DeviceArray.from_numpy(np.zeros((1, 1, rows, 1), np.float32)) for rows in (1, 3)
    )
    shape = (1, 1, 1, 1)
    _, winners = ops.conv2d_relu_max_pool2d(three, one, window=1)
    calls: dict[str, Callable[[], object]] = {
        "conv2d": lambda: ops.conv2d(one, one, **wide),
        "conv2d_relu": lambda: ops.conv2d_relu(one, one, **wide),
        "conv2d_backward_input": lambda: ops.conv2d_backward_input(three, one, shape, **wide),
        "conv2d_backward_weight": lambda: ops.conv2d_backward_weight(three, one, shape, **wide),
        "conv2d_relu_max_pool2d": lambda: ops.conv2d_relu_max_pool2d(one, one, window=1, **wide),
        "conv2d_relu_max_pool2d_backward": lambda: ops.conv2d_relu_max_pool2d_backward(
            three, winners, one, one, window=1, **wide
        ),
        "conv_transpose2d": lambda: ops.conv_transpose2d(three, one, **wide),
        "conv_transpose2d_backward_input": lambda: ops.conv_transpose2d_backward_input(
            one, one, (1, 1, 3, 1), **wide
        ),
        "conv_transpose2d_backward_weight": lambda: ops.conv_transpose2d_backward_weight(
            one, three, shape, **wide
        ),
    }
    for op, call in calls.items():
        with pytest.raises(ValueError, match=rf"^\[{op}\] arrays of 2\^30 elements and more"):
            call()
