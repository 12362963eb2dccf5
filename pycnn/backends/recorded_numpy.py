"""NumPy's part of a recorded step: calls that a repetition makes again.

What NumPy computes while a step is recorded is written into memory of the recording, and the call
is kept with the addresses of its arrays. A repetition takes Python's lock for it, and needs none of
the Python of layers and tensors around it. Bits are those of NumPy in either case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn.backends.contract import Index, NumPyArray, Shape
from pycnn.backends.numpy_arrays import NumPyArrays
from pycnn.backends.recording import Recorded, recorded_here


class RecordedNumPy(NumPyArrays):
    """NumPy's arithmetic, shapes and reductions, which recorded steps repeat."""

    def zeros(self, shape: Shape, dtype: npt.DTypeLike) -> NumPyArray:
        """Return zeros, which a repetition writes again."""
        return self._again("zeros", lambda: np.zeros(shape, dtype))

    def zeros_like(self, array: NumPyArray) -> NumPyArray:
        """Return zeros, which a repetition writes again."""
        return self.zeros(array.shape, array.dtype)

    def unary(self, name: str, x: NumPyArray) -> NumPyArray:
        """Apply NumPy's function of this name."""
        return self._again(name, lambda a: super(RecordedNumPy, self).unary(name, a), x)

    def binary(self, name: str, a: Any, b: Any) -> NumPyArray:
        """Apply NumPy's function of this name, which broadcasts."""
        return self._again(name, lambda *pair: super(RecordedNumPy, self).binary(name, *pair), a, b)

    def where(self, condition: NumPyArray, a: Any, b: Any) -> NumPyArray:
        """Choose with NumPy."""
        return self._again("where", super().where, condition, a, b)

    def reduce(self, name: str, x: NumPyArray, axes: tuple[int, ...]) -> NumPyArray:
        """Reduce with NumPy, in one thread and in a fixed order."""
        return self._again(name, lambda a: super(RecordedNumPy, self).reduce(name, a, axes), x)

    def arg_reduce(self, name: str, x: NumPyArray, axis: int) -> NumPyArray:
        """Find with NumPy."""
        find = super().arg_reduce
        return self._again(f"arg{name}", lambda a: find(name, a, axis), x)

    def matmul(self, a: NumPyArray, b: NumPyArray) -> NumPyArray:
        """Multiply by NumPy's einsum."""
        return self._again("matmul", super().matmul, a, b)

    def astype(self, x: NumPyArray, dtype: npt.DTypeLike) -> NumPyArray:
        """Convert with NumPy."""
        return x if x.dtype == dtype else self._again("astype", lambda a: a.astype(dtype), x)

    def transpose(self, x: NumPyArray, axes: tuple[int, ...]) -> NumPyArray:
        """Copy in the new order."""
        if axes == tuple(range(x.ndim)):
            return x
        return self._again("transpose", lambda a: super(RecordedNumPy, self).transpose(a, axes), x)

    def broadcast_to(self, x: NumPyArray, shape: Shape) -> NumPyArray:
        """Copy as often as the shape wants."""
        if x.shape == shape:
            return x
        repeat = super().broadcast_to
        return self._again("broadcast_to", lambda a: repeat(a, shape), x)

    def index(self, x: NumPyArray, key: Index) -> NumPyArray:
        """Copy the part that NumPy's indexing takes."""
        take = super().index
        arrays, key_of = _taken_apart(key)
        return self._again("index", lambda a, *others: take(a, key_of(others)), x, *arrays)

    def put(self, shape: Shape, key: Index, values: NumPyArray) -> NumPyArray:
        """Add with NumPy's ``add.at``, in the order of the key."""
        add = super().put
        arrays, key_of = _taken_apart(key)
        return self._again("put", lambda a, *others: add(shape, key_of(others), a), values, *arrays)

    def concatenate(self, arrays: list[NumPyArray], axis: int) -> NumPyArray:
        """Join with NumPy."""
        return self._again("concatenate", lambda *parts: np.concatenate(parts, axis), *arrays)

    def split(self, array: NumPyArray, extents: list[int], axis: int) -> list[NumPyArray]:
        """Copy the parts out of the array."""
        if recorded_here() is None:
            return super().split(array, extents, axis)
        ends = np.cumsum(extents)
        before = (slice(None),) * (axis % array.ndim)
        return [
            self.index(array, (*before, slice(int(end) - extent, int(end))))
            for end, extent in zip(ends, extents, strict=True)
        ]

    def put_rows(self, table: NumPyArray, rows: NumPyArray, values: NumPyArray) -> None:
        """Assign with NumPy's indexing."""
        self._in_place("put_rows", super().put_rows, table, rows, values)

    def add_rows(self, table: NumPyArray, rows: NumPyArray, values: NumPyArray) -> NumPyArray:
        """Add with NumPy's indexing."""
        return self._again("add_rows", super().add_rows, table, rows, values)

    def scale(self, array: NumPyArray, factor: float) -> None:
        """Multiply by the factor, rounded to the dtype of the array."""
        multiply = super().scale
        self._in_place("scale", lambda a: multiply(a, factor), array)

    def _again(self, op: str, call: Callable[..., NumPyArray], *operands: Any) -> NumPyArray:
        """Call, and let the recorded step call again with the same arrays."""
        recorded = recorded_here()
        return call(*operands) if recorded is None else recorded.computed(op, call, *operands)

    def _in_place(self, op: str, call: Callable[..., None], *arrays: NumPyArray) -> None:
        """Call, and let the recorded step call again; the first array is changed."""
        recorded: Recorded | None = recorded_here()
        if recorded is None:
            call(*arrays)
        else:
            recorded.changed(op, call, *arrays)


def _taken_apart(key: Index) -> tuple[list[NumPyArray], Callable[[tuple[NumPyArray, ...]], Index]]:
    """Return the arrays in a key, and a function that puts others in their places."""
    listed = key if isinstance(key, tuple) else (key,)
    places = [i for i, one in enumerate(listed) if isinstance(one, np.ndarray)]

    def key_of(arrays: tuple[NumPyArray, ...]) -> Index:
        parts = list(listed)
        for place, array in zip(places, arrays, strict=True):
            parts[place] = array
        return tuple(parts) if isinstance(key, tuple) else parts[0]

    return [listed[i] for i in places], key_of
