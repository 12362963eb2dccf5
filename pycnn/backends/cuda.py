"""The back-end of a CUDA device, and of its emulation: an extension module and its arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from pycnn.backends.contract import NumPyArray
from pycnn.backends.cuda_arrays import CudaArrays
from pycnn.backends.operations import Operations

T = TypeVar("T")


class Cuda(CudaArrays):
    """The back-end of `DeviceArray`: see `pycnn.backends.contract.Backend` for its methods.

    Parameters
    ----------
    module : module
        ``pycnn._cuda`` or ``pycnn._cuda_emulated``.
    """

    def __init__(self, module: ModuleType) -> None:
        super().__init__(module)
        self.ops: Operations = module
        self.name = module.__name__.removeprefix("pycnn._")
        self._streams: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def from_numpy(self, array: NumPyArray) -> Any:
        """Copy an array to the device."""
        return self._module.DeviceArray.from_numpy(array)

    def to_numpy(self, array: Any) -> NumPyArray:
        """Copy an array from the device."""
        numbers: NumPyArray = array.numpy()
        return numbers

    def write(self, array: Any, numbers: NumPyArray) -> None:
        """Copy the numbers to the device."""
        array.write(np.asarray(numbers, order="C"))

    def zeros_like(self, array: Any) -> Any:
        """Return zeros on the device."""
        return array.zeros_like()

    def concatenate(self, arrays: list[Any], axis: int) -> Any:
        """Join on the device."""
        return self._module.DeviceArray.concatenate(arrays, axis)

    def split(self, array: Any, extents: list[int], axis: int) -> list[Any]:
        """Copy the parts on the device."""
        parts: list[Any] = array.split(extents, axis)
        return parts

    def put_rows(self, table: Any, rows: Any, values: Any) -> None:
        """Copy the rows on the device."""
        table.put_rows(rows, values)

    def add_rows(self, table: Any, rows: Any, values: Any) -> Any:
        """Add a whole table of zeros but for these rows."""
        summand = table.zeros_like()
        summand.put_rows(rows, values)
        return table + summand

    def scale(self, array: Any, factor: float) -> None:
        """Multiply on the device."""
        array.scale(factor)

    def sum_of_squares(self, array: Any) -> float:
        """Sum on the device."""
        return float(array.sum_of_squares())

    def is_finite(self, array: Any) -> bool:
        """Look at the sum of squares: in float64 it cannot overflow by itself."""
        return math.isfinite(self.sum_of_squares(array))

    def stream_of(self, model: Any) -> AbstractContextManager[Any]:
        """Return the stream of a model, made on first use."""
        stream: AbstractContextManager[Any] | None = self._streams.get(model)
        # With setdefault, because another thread may have made one meanwhile.
        return stream or self._streams.setdefault(model, self._module.Stream())

    def on_replay(self, call: Callable[[], T]) -> T:
        """Call, and let the captured step call again."""
        result: T = self._module.on_replay(call)
        return result

    def after_replay(self, call: Callable[[], None]) -> None:
        """Let the captured step call, or call at once."""
        self._module.after_replay(call)
