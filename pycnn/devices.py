"""Where arrays are: on the CPU as NumPy's, or on a device as its `DeviceArray`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from pycnn._arguments import written

Array = npt.NDArray[Any]

EXTENSIONS = {"cuda": "pycnn._cuda", "cuda_emulated": "pycnn._cuda_emulated"}

BUILD_HINTS = {
    "cuda": "SKBUILD_CMAKE_DEFINE=PYCNN_CUDA=ON pip install . (needs nvcc of CUDA 12 or 13)",
    "cuda_emulated": "SKBUILD_CMAKE_DEFINE=PYCNN_CUDA_EMULATED=ON pip install . (for tests: "
    "the CUDA kernels on the CPU)",
}


T = TypeVar("T")

# Extensions that have a device: to ask CUDA takes a millisecond.
_found: dict[str, ModuleType] = {}

# The stream of each model that has worked on a device, by the device.
_streams: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


class DeviceError(RuntimeError):
    """There is no such device, or this pycnn was built without it: the text says which."""


def require_built(device: str) -> str:
    """Name the extension module of a device, without starting anything there.

    Raises
    ------
    ValueError, DeviceError
        If there is no such device, or this pycnn was built without it.
    """
    if device not in EXTENSIONS:
        raise ValueError(
            f"[device] must be 'cpu' or one of {tuple(EXTENSIONS)}, got {written(device)}"
        )
    name = EXTENSIONS[device]
    if find_spec(name) is None:
        raise DeviceError(
            f"[{device}] this pycnn was built without it: {BUILD_HINTS[device]} builds it"
        )
    return name


def extension(device: str) -> ModuleType:
    """Return the module with the arrays and ops of a device.

    Parameters
    ----------
    device : {'cuda', 'cuda_emulated'}
        The GPU, or the emulation of one that tests use.

    Raises
    ------
    ValueError
        If there is no such name.
    DeviceError
        A RuntimeError: this pycnn was built without it, or the machine has no GPU. The text says
        which, and what to do.
    """
    if device in _found:
        return _found[device]
    module = import_module(require_built(device))
    if not module.devices():
        raise DeviceError(
            f"[{device}] there is no GPU: the NVIDIA driver is not installed or too old, or sees "
            f"no device (CUDA says: {module.why_no_device() or 'no device'})"
        )
    _found[device] = module
    return module


def available() -> tuple[str, ...]:
    """Name the devices that this pycnn was built for and the machine has, beside 'cpu'."""
    return tuple(
        device for device, name in EXTENSIONS.items()
        if find_spec(name) and import_module(name).devices()
    )  # fmt: skip


def device_of(array: Any) -> str:
    """Name the device of an array: 'cpu' for NumPy's."""
    ops = getattr(type(array), "ops", None)
    return next((name for name, path in EXTENSIONS.items() if ops and ops.__name__ == path), "cpu")


def move(array: Any, device: str) -> Any:
    """Return the array on a device: itself if it is there, else a copy."""
    here = device_of(array)
    if here == device:
        return array
    if here != "cpu":
        array = array.numpy()
    return array if device == "cpu" else extension(device).DeviceArray.from_numpy(array)


def is_array(value: Any) -> bool:
    """Whether this is an array, on any device."""
    return isinstance(value, np.ndarray) or device_of(value) != "cpu"


def on_cpu(array: Any) -> Array:
    """Return the array as NumPy's."""
    numbers: Array = move(array, "cpu")
    return numbers


def concatenate(arrays: list[Any], axis: int) -> Any:
    """Return arrays of one device one behind the other along an axis."""
    if isinstance(arrays[0], np.ndarray):
        return np.concatenate(arrays, axis)
    return type(arrays[0]).concatenate(arrays, axis)


def split(array: Any, extents: list[int], axis: int) -> list[Any]:
    """Take an array apart into contiguous parts of these extents along an axis."""
    if not isinstance(array, np.ndarray):
        parts: list[Any] = array.split(extents, axis)
        return parts
    ends = np.cumsum(extents[:-1])
    return [np.ascontiguousarray(part) for part in np.split(array, ends, axis)]


def sum_of_squares(array: Any) -> float:
    """Return the sum of the squares of floats, in float64 and in an order of its own."""
    if not isinstance(array, np.ndarray):
        return float(array.sum_of_squares())
    # einsum sums in one thread and in a fixed order, unlike a BLAS dot product.
    return float(np.einsum("i,i->", array.ravel(), array.ravel(), dtype=np.float64))


def scale(array: Any, factor: float) -> None:
    """Multiply floats by a factor, in place."""
    if isinstance(array, np.ndarray):
        array *= array.dtype.type(factor)
    else:
        array.scale(factor)


def put_rows(table: Any, rows: Any, values: Any) -> None:
    """Write ``table[rows] = values`` in place; no row is there twice."""
    if isinstance(table, np.ndarray):
        table[rows] = values
    else:
        table.put_rows(rows, values)


def write(array: Any, numbers: Array) -> None:
    """Replace the values of an array of a device by NumPy's of the same shape and dtype."""
    array.write(np.ascontiguousarray(numbers))


def zeros(shape: tuple[int, ...], like: Any) -> Any:
    """Return zeros on the device of an array of floats, and of its dtype."""
    return np.zeros(shape, like.dtype) if isinstance(like, np.ndarray) else like.zeros(shape)


def zeros_like(array: Any) -> Any:
    """Return zeros of the shape, dtype and device of an array."""
    return np.zeros_like(array) if isinstance(array, np.ndarray) else array.zeros_like()


def stream_of(model: Any) -> AbstractContextManager[Any]:
    """Return the context in which a model works: on its own stream of its device.

    So models that are trained in threads of their own do not wait for each other. On the CPU the
    context does nothing.
    """
    if model.device == "cpu":
        return nullcontext()
    module = extension(model.device)
    streams = _streams.setdefault(model, {})
    context: AbstractContextManager[Any] = streams.get(model.device) or streams.setdefault(
        model.device,
        module.Stream(),  # another thread may have made one meanwhile
    )
    return context


def each_run(array: Any, call: Callable[[], T]) -> T:
    """Call now and, where a step is recorded on the array's device, before its later runs.

    For ops that get other numbers in each step: those that recorded kernels read are renewed so.
    """
    result: T = call() if isinstance(array, np.ndarray) else type(array).ops.on_replay(call)
    return result


def when_done(array: Any, call: Callable[[], None]) -> None:
    """Call now or, where a step is recorded on the array's device, after each of its runs.

    For what reads results from there, which a step that is recorded does not have yet.
    """
    if isinstance(array, np.ndarray):
        call()
    else:
        type(array).ops.after_replay(call)
