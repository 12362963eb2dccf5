"""The ops of a device, called with NumPy's arrays: the tests of the CPU's ops then test them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from pycnn import _core, backends, devices

EMULATED = "cuda_emulated"
MISSING = "the CUDA kernels: built without PYCNN_CUDA_EMULATED=ON, which has them on the CPU"
emulated = pytest.mark.skipif(find_spec(devices.EXTENSIONS[EMULATED]) is None, reason=MISSING)

# The parameters of a fixture for tests that run once on each device besides the CPU.
OTHER_DEVICES: list[Any] = [*devices.available()]
if not OTHER_DEVICES:
    OTHER_DEVICES = [pytest.param("", marks=pytest.mark.skip(f"{MISSING}, and without a GPU"))]


class DeviceOps:
    """Stands in for `pycnn._core`: arrays go to the device, and results come back.

    Parameters
    ----------
    device : str
        Its name, as `Module.to` takes it.
    """

    def __init__(self, device: str) -> None:
        self.module = devices.extension(device)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        op = getattr(self.module, name)

        def call(*arguments: Any) -> Any:
            given: list[tuple[np.ndarray, Any]] = []  # results that the op writes where it is told
            try:
                moved = [self._to_device(argument, given) for argument in arguments]
            except (TypeError, ValueError):
                getattr(_core, name)(*arguments)  # names the argument that is not a device array
                raise
            result = op(*moved)
            if name.endswith("_step"):  # what an optimizer updates in place
                for array, updated in zip(arguments, moved, strict=True):
                    if isinstance(array, np.ndarray) and array.flags.writeable:
                        array[...] = updated.numpy()
            for array, written in given:
                array[...] = written.numpy()
            return self._to_cpu(result, given)

        return call

    def _to_device(self, value: Any, given: list[tuple[np.ndarray, Any]]) -> Any:
        if isinstance(value, np.ndarray):
            return self.module.DeviceArray.from_numpy(value)
        if isinstance(value, tuple) and any(isinstance(item, np.ndarray) for item in value):
            moved = tuple(self._to_device(item, given) for item in value)
            given += [pair for pair in zip(value, moved, strict=True) if pair[0] is not None]
            return moved
        return value

    def _to_cpu(self, value: Any, given: list[tuple[np.ndarray, Any]]) -> Any:
        if isinstance(value, tuple):
            return tuple(self._to_cpu(item, given) for item in value)
        for array, written in given:
            if written is value:
                return array
        return value.numpy() if isinstance(value, self.module.DeviceArray) else value


def computed_on(device: str) -> AbstractContextManager[None]:
    """Let `pycnn.ops` compute there what it is given as NumPy's arrays."""
    backend = backends.Cpu() if device == "cpu" else backends.Cpu(DeviceOps(device))
    return backends.computing_with(backend)
