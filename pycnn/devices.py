"""Devices by name, and the way of arrays from one to another.

Arrays are NumPy's on the CPU, and `DeviceArray` on a device. What computes with them there is in
`pycnn.backends`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import backends
from pycnn._arguments import written

Array = npt.NDArray[Any]

EXTENSIONS = {"cuda": "pycnn._cuda", "cuda_emulated": "pycnn._cuda_emulated"}

BUILD_HINTS = {
    "cuda": "SKBUILD_CMAKE_DEFINE=PYCNN_CUDA=ON pip install . (needs nvcc of CUDA 12 or 13)",
    "cuda_emulated": "SKBUILD_CMAKE_DEFINE=PYCNN_CUDA_EMULATED=ON pip install . (for tests: "
    "the CUDA kernels on the CPU)",
}

# Extensions that have a device: to ask CUDA takes a millisecond.
_found: dict[str, ModuleType] = {}


class Device(str):
    """The name of a device; `type` is the name again, where programs for PyTorch read it."""

    __slots__ = ()

    @property
    def type(self) -> str:
        """The name."""
        return str(self)


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
            "[device] must be 'cpu', 'reference' or one of "
            f"{tuple(EXTENSIONS)}, got {written(device)}"
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


def backend(device: str) -> backends.Backend:
    """Return the back-end of a device, 'cpu' included. Errors are those of `extension`."""
    if device == "cpu":
        return backends.of_cpu()
    if device == "reference":
        return backends.of_reference()
    return backends.of_extension(extension(device))


def device_of(array: Any) -> str:
    """Return the name of an array's device: 'cpu' for NumPy's."""
    return backends.of(array).name


def move(array: Any, device: str) -> Any:
    """Return the array on a device: itself if it is there, else a copy.

    Floats that come from the reference are rounded to float32.
    """
    here = backends.of(array)
    if here.name == device:
        return array
    numbers = here.to_numpy(array)
    if here.name == "reference" and numbers.dtype.kind == "f":
        numbers = numbers.astype(np.float32)
    return backend(device).from_numpy(numbers)


def needs_extension(device: str) -> bool:
    """Whether a device has a compiled module of its own: not the CPU, not the reference."""
    return device not in ("cpu", "reference")


def is_array(value: Any) -> bool:
    """Whether this is an array, on any device."""
    return isinstance(value, np.ndarray) or backends.of(value) is not backends.of_cpu()


def on_cpu(array: Any) -> Array:
    """Return the array as NumPy's."""
    return backends.of(array).to_numpy(array)
