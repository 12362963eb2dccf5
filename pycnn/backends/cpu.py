"""The back-end of the CPU: the ops of `pycnn._core`, and NumPy for the rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from pycnn import _core
from pycnn.backends.contract import NumPyArray
from pycnn.backends.operations import Operations

T = TypeVar("T")


class Cpu:
    """The back-end of NumPy's arrays: see `pycnn.backends.contract.Backend` for its methods.

    Parameters
    ----------
    ops : Operations
        Ops that take NumPy's arrays: those of `pycnn._core` except in tests.
    """

    name = "cpu"

    def __init__(self, ops: Operations = _core) -> None:
        self.ops = ops

    def from_numpy(self, array: NumPyArray) -> NumPyArray:
        """Return the array itself."""
        return array

    def to_numpy(self, array: NumPyArray) -> NumPyArray:
        """Return the array itself."""
        return array

    def write(self, array: NumPyArray, numbers: NumPyArray) -> None:
        """Copy the numbers."""
        np.copyto(array, numbers)

    def zeros(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> NumPyArray:
        """Return NumPy's zeros."""
        return np.zeros(shape, dtype)

    def zeros_like(self, array: NumPyArray) -> NumPyArray:
        """Return NumPy's zeros."""
        return np.zeros_like(array)

    def concatenate(self, arrays: list[NumPyArray], axis: int) -> NumPyArray:
        """Join with NumPy."""
        return np.concatenate(arrays, axis)

    def split(self, array: NumPyArray, extents: list[int], axis: int) -> list[NumPyArray]:
        """Copy the parts out of the array."""
        ends = np.cumsum(extents[:-1])
        return [np.ascontiguousarray(part) for part in np.split(array, ends, axis)]

    def swap_axes(self, array: NumPyArray) -> NumPyArray:
        """Copy with NumPy."""
        return np.ascontiguousarray(array.transpose(0, 2, 1, 3))

    def put_rows(self, table: NumPyArray, rows: NumPyArray, values: NumPyArray) -> None:
        """Assign with NumPy's indexing."""
        table[rows] = values

    def add_rows(self, table: NumPyArray, rows: NumPyArray, values: NumPyArray) -> NumPyArray:
        """Add with NumPy's indexing."""
        total: NumPyArray = table.copy()
        total[rows] += values
        return total

    def scale(self, array: NumPyArray, factor: float) -> None:
        """Multiply by the factor, rounded to the dtype of the array."""
        array *= array.dtype.type(factor)

    def sum_of_squares(self, array: NumPyArray) -> float:
        """Sum in one thread and in a fixed order."""
        # einsum does so, unlike a BLAS dot product.
        return float(np.einsum("i,i->", array.ravel(), array.ravel(), dtype=np.float64))

    def is_finite(self, array: NumPyArray) -> bool:
        """Look at the sum first, which needs no array of flags."""
        with np.errstate(over="ignore", invalid="ignore"):
            # The sum is not finite if a term is not. It can also overflow: hence the second look.
            return math.isfinite(array.sum()) or bool(np.isfinite(array).all())

    def stream_of(self, model: Any) -> AbstractContextManager[Any]:
        """Return a context that does nothing."""
        return nullcontext()

    def on_replay(self, call: Callable[[], T]) -> T:
        """Call: nothing is captured on the CPU."""
        return call()

    def after_replay(self, call: Callable[[], None]) -> None:
        """Call: nothing is captured on the CPU."""
        call()
