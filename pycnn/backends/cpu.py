"""The back-end of the CPU: the ops of `pycnn._core`, and NumPy for the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from pycnn import _core
from pycnn.backends.contract import NumPyArray
from pycnn.backends.operations import Operations
from pycnn.backends.recorded_numpy import RecordedNumPy
from pycnn.backends.recording import recorded_here

T = TypeVar("T")


class Cpu(RecordedNumPy):
    """The back-end of NumPy's arrays: see `pycnn.backends.contract.Backend` for its methods.

    Parameters
    ----------
    ops : Operations
        Ops that take NumPy's arrays: those of `pycnn._core` except in tests.
    """

    name = "cpu"

    def __init__(self, ops: Operations = _core) -> None:
        self.ops = ops

    def binary(self, name: str, a: Any, b: Any) -> NumPyArray:
        """Add large arrays of one shape with the op `add`; do everything else with NumPy.

        The bits are the same. The op shares the work out to the threads, and its result lies in
        memory that was used before. A step that is recorded needs it for small ones, too.
        """
        if name == "add" and _can_be_read(a) and _can_be_read(b) and a.shape == b.shape:
            return self.ops.add(a, b)
        return super().binary(name, a, b)

    def matmul(self, a: NumPyArray, b: NumPyArray) -> NumPyArray:
        """Multiply by the op of a linear layer, a pair of matrices at a time; empty ones by NumPy.

        The bits do not depend on the number of threads.
        """
        fits = min(a.ndim, b.ndim) >= 2 and a.shape[-1] == b.shape[-2]
        if not fits or not a.dtype == b.dtype == np.float32 or not a.size or not b.size:
            return super().matmul(a, b)
        if b.ndim == 2:  # all rows are rows of one matrix
            product = self.ops.linear_backward_input(a.reshape(-1, a.shape[-1]), b)
            return product.reshape(*a.shape[:-1], b.shape[-1])
        return self._again("matmul", self._batched, a, b)

    def _batched(self, a: NumPyArray, b: NumPyArray) -> NumPyArray:
        """Multiply a pair of matrices at a time."""
        groups = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a_groups = np.broadcast_to(a, groups + a.shape[-2:])
        b_groups = np.broadcast_to(b, groups + b.shape[-2:])
        product = np.empty((*groups, a.shape[-2], b.shape[-1]), np.float32)
        for group in np.ndindex(groups):
            product[group] = self.ops.linear_backward_input(a_groups[group], b_groups[group])
        return product

    def concatenate(self, arrays: list[NumPyArray], axis: int) -> NumPyArray:
        """Join large arrays by rows, in threads; leave the others to NumPy."""
        if self.ops is _core and _fit_beside(arrays, axis) and _any_large(arrays):
            return _core.concatenate(arrays, axis)
        return super().concatenate(arrays, axis)

    def split(self, array: NumPyArray, extents: list[int], axis: int) -> list[NumPyArray]:
        """Copy the parts of a large array by rows, in threads; leave the others to NumPy."""
        fits = 0 <= axis < array.ndim and sum(extents) == array.shape[axis] and min(extents) >= 0
        if self.ops is _core and fits and _can_be_read(array):
            return _core.split(array, extents, axis)
        return super().split(array, extents, axis)

    def on_replay(self, call: Callable[[], T]) -> T:
        """Call, and let the recorded step call again."""
        recorded = recorded_here()
        return call() if recorded is None else recorded.renewed_at_replay(call)

    def after_replay(self, call: Callable[[], None]) -> None:
        """Call, and let the recorded step call again."""
        recorded = recorded_here()
        if recorded is not None:
            recorded.after.append(call)
        call()


# Below, NumPy is as fast: measured, both take 4 us for 8,192 numbers.
_LARGE = 16_384


def _can_be_read(x: Any) -> bool:
    """Whether an operand is a large array that ops take."""
    large = type(x) is np.ndarray and (x.size >= _LARGE or recorded_here() is not None)
    return large and x.dtype == np.float32 and x.flags.carray


def _fit_beside(arrays: list[NumPyArray], axis: int) -> bool:
    """Whether arrays differ in one axis at most, as NumPy demands in words of its own."""
    if not arrays or not 0 <= axis < arrays[0].ndim:
        return False
    alike = {(one.ndim, one.shape[:axis], one.shape[axis + 1 :]) for one in arrays}
    return len(alike) == 1


def _any_large(arrays: list[NumPyArray]) -> bool:
    """Whether ops take all of some arrays, of which one is large at least."""
    plain = all(type(x) is np.ndarray and x.dtype == np.float32 and x.flags.carray for x in arrays)
    return plain and any(map(_can_be_read, arrays))


def folded_norm(
    mean: NumPyArray,
    var: NumPyArray,
    weight: NumPyArray | None,
    bias: NumPyArray | None,
    eps: float,
) -> tuple[NumPyArray, NumPyArray, NumPyArray] | None:
    """Return 1 / std, scale and shift of a batch norm with these statistics, each rounded once.

    None if an array is no contiguous one of float32.
    """
    for array in (mean, var, weight, bias):
        if array is not None and not (array.dtype == np.float32 and array.flags.carray):
            return None
    return _core.folded_norm(mean, var, weight, bias, eps)


def same_bytes(a: NumPyArray, b: NumPyArray) -> bool:
    """Whether two contiguous arrays hold the same bytes."""
    return _core.same_bytes(a, b)
