"""Arithmetic, shapes and reductions of device arrays."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn.backends.contract import Index, NumPyArray, Shape
from pycnn.backends.numpy_arrays import NumPyArrays

_host = NumPyArrays()


class CudaArrays:
    """What `Cuda` does with whole arrays; see `pycnn.backends.contract.Backend`.

    A device has no float64: where NumPy gives float64, such as for the quotient of two int64
    arrays, the result is rounded to float32.

    Parameters
    ----------
    module : module
        ``pycnn._cuda`` or ``pycnn._cuda_emulated``.
    """

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def zeros(self, shape: Shape, dtype: npt.DTypeLike) -> Any:
        """Return zeros on the device."""
        return self._module.DeviceArray.zeros(shape, np.dtype(dtype))

    def unary(self, name: str, x: Any) -> Any:
        """Compute on the CPU."""
        return self._on_host("unary", name, x)

    def binary(self, name: str, a: Any, b: Any) -> Any:
        """Compute on the CPU."""
        return self._on_host("binary", name, a, b)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """Compute on the CPU."""
        return self._on_host("where", condition, a, b)

    def reduce(self, name: str, x: Any, axes: tuple[int, ...]) -> Any:
        """Compute on the CPU."""
        return self._on_host("reduce", name, x, axes)

    def arg_reduce(self, name: str, x: Any, axis: int) -> Any:
        """Compute on the CPU."""
        return self._on_host("arg_reduce", name, x, axis)

    def matmul(self, a: Any, b: Any) -> Any:
        """Compute on the CPU."""
        return self._on_host("matmul", a, b)

    def astype(self, x: Any, dtype: npt.DTypeLike) -> Any:
        """Compute on the CPU; float64 is a TypeError."""
        if x.dtype == dtype:
            return x
        return self._module.DeviceArray.from_numpy(_host.astype(x.numpy(), dtype))

    def transpose(self, x: Any, axes: tuple[int, ...]) -> Any:
        """Compute on the CPU."""
        return self._on_host("transpose", x, axes)

    def broadcast_to(self, x: Any, shape: Shape) -> Any:
        """Compute on the CPU."""
        return self._on_host("broadcast_to", x, shape)

    def index(self, x: Any, key: Index) -> Any:
        """Compute on the CPU."""
        return self._on_host("index", x, key)

    def put(self, shape: Shape, key: Index, values: Any) -> Any:
        """Compute on the CPU."""
        return self._on_host("put", shape, key, values)

    def _on_host(self, method: str, *arguments: Any) -> Any:
        """Copy the arrays to the host, compute with NumPy, and copy the result back."""
        kind = self._module.DeviceArray
        given = [a.numpy() if isinstance(a, kind) else a for a in arguments]
        return kind.from_numpy(_storable(getattr(_host, method)(*given)))


def _storable(array: NumPyArray) -> NumPyArray:
    """Return the array as a device can have it: C-contiguous, and floats in float32."""
    dtype = np.float32 if array.dtype.kind == "f" else array.dtype
    return np.asarray(array, dtype, order="C")
