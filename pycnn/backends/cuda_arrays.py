"""Arithmetic, shapes and reductions of device arrays."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn.backends.contract import Index, NumPyArray, Shape
from pycnn.backends.numpy_arrays import NumPyArrays

_host = NumPyArrays()

# Parts that a device takes an array apart into, each by a kernel, before the host is faster.
_MOST_PARTS = 64


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
        """Swap two neighbouring groups of axes on the device; compute on the CPU otherwise."""
        ends = _swapped_groups(tuple(axes))
        if x.dtype != np.float32 or ends is None or not x.size:
            return self._on_host("transpose", x, axes)
        first, middle, end = ends
        before, a, b, behind = (
            math.prod(x.shape[start:stop])
            for start, stop in ((0, first), (first, middle), (middle, end), (end, len(axes)))
        )
        if min(a, b) > _MOST_PARTS:
            return self._on_host("transpose", x, axes)
        view = x.reshape(before, a, b, behind)
        if a < b:
            parts = [part.reshape(before, b, 1, behind) for part in view.split([1] * a, 1)]
        else:
            parts = [part.reshape(before, 1, a, behind) for part in view.split([1] * b, 2)]
        swapped = self._module.DeviceArray.concatenate(parts, 2 if a < b else 1)
        return swapped.reshape(*(x.shape[axis] for axis in axes))

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


def _swapped_groups(axes: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Return where two neighbouring groups of axes begin and end that an order swaps, or None."""
    count = len(axes)
    first = next((place for place, axis in enumerate(axes) if axis != place), count)
    if first == count:
        return None
    middle = axes[first]
    for end in range(middle + 1, count + 1):
        before, behind = range(first), range(end, count)
        if axes == (*before, *range(middle, end), *range(first, middle), *behind):
            return first, middle, end
    return None
