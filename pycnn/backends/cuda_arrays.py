"""Arithmetic, shapes and reductions of device arrays."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn.backends import keys
from pycnn.backends.contract import Index, NumPyArray, Shape
from pycnn.backends.numpy_arrays import NumPyArrays

_COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
_host = NumPyArrays()


class CudaArrays:
    """What `Cuda` does with whole arrays; see `pycnn.backends.contract.Backend`.

    Kernels compute with float32, int64 and, in `where` and copies, with every dtype. What there is
    no kernel for goes through the host: copied there, computed by NumPy and copied back, which
    waits for the device. That is arithmetic of narrower integers and of bools, of an array of
    integers with one of floats or a float, powers and quotients of integers, and keys with arrays
    behind a slice or for an array of another dtype than float32.

    A device has no float64: where NumPy gives float64, such as for the quotient of two int64
    arrays, the result is rounded to float32.

    Parameters
    ----------
    module : module
        ``pycnn._cuda`` or ``pycnn._cuda_emulated``.
    """

    traces = False

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._kind = module.DeviceArray

    def zeros(self, shape: Shape, dtype: npt.DTypeLike) -> Any:
        """Return zeros on the device."""
        return self._kind.zeros(shape, np.dtype(dtype))

    # Numbers -------------------------------------------------------------------------------

    def unary(self, name: str, x: Any) -> Any:
        """Compute on the device."""
        if name == "logical_not":
            return self.binary("equal", x, 0)
        result = self._kind.unary(name, x)
        return self._on_host("unary", name, x) if result is None else result

    def binary(self, name: str, a: Any, b: Any) -> Any:
        """Compute on the device."""
        pair = self._alike(a, b, name)
        result = None if pair is None else self._kind.binary(name, *pair)
        return self._on_host("binary", name, a, b) if result is None else result

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """Choose on the device."""
        pair = self._alike(a, b)
        if pair is None:
            return self._on_host("where", condition, a, b)
        return self._kind.where(self.astype(condition, bool), *pair)

    def astype(self, x: Any, dtype: npt.DTypeLike) -> Any:
        """Convert on the device; float64 is a TypeError.

        Floats beyond int64, and NaN, become its lowest number.
        """
        dtype = np.dtype(dtype)
        return x if x.dtype == dtype else x.astype(dtype)

    def _alike(self, a: Any, b: Any, name: str = "where") -> tuple[Any, Any] | None:
        """Return both operands in the dtype that a kernel computes with, or None if there is none.

        A number takes the dtype of the array.
        """
        arrays = [x.dtype for x in (a, b) if isinstance(x, self._kind)]
        numbers = [x for x in (a, b) if not isinstance(x, self._kind)]
        dtype = _dtype_of_pair(name, arrays, numbers) if arrays else None
        if dtype is None:
            return None
        return self._as(a, dtype), self._as(b, dtype)

    def _as(self, x: Any, dtype: np.dtype[Any]) -> Any:
        return self.astype(x, dtype) if isinstance(x, self._kind) else _number(x, dtype)

    # Reductions ----------------------------------------------------------------------------

    def reduce(self, name: str, x: Any, axes: tuple[int, ...]) -> Any:
        """Reduce on the device, sums and products of floats in double."""
        if x.size == 0 and name in ("max", "min"):
            return self._on_host("reduce", name, x, axes)  # says what is missing, if anything is
        floats = x.dtype == np.float32
        result = (x if floats else self.astype(x, np.int64)).reduce(name, sorted(axes))
        return result if floats or name in ("sum", "prod") else self.astype(result, x.dtype)

    def arg_reduce(self, name: str, x: Any, axis: int) -> Any:
        """Find on the device."""
        if x.size == 0:
            return self._on_host("arg_reduce", name, x, axis)
        numbers = x if x.dtype == np.float32 else self.astype(x, np.int64)
        return numbers.reduce(f"arg{name}", [axis])

    def matmul(self, a: Any, b: Any) -> Any:
        """Multiply on the device."""
        if not a.dtype == b.dtype == np.float32:
            return self._on_host("matmul", a, b)
        if b.ndim == 2 and a.shape[-1] == b.shape[0]:  # all rows are rows of one matrix
            rows = math.prod(a.shape[:-1])
            product = self._kind.matmul(a.reshape(1, rows, a.shape[-1]), b.reshape(1, *b.shape))
            return product.reshape(*a.shape[:-1], b.shape[-1])
        groups = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        product = self._kind.matmul(self._grouped(a, groups), self._grouped(b, groups))
        return product.reshape(*groups, *product.shape[1:])

    def _grouped(self, x: Any, groups: Shape) -> Any:
        """Return matrices with one leading axis: of extent 1 if all groups share one matrix."""
        matrix = x.shape[-2:]
        if math.prod(x.shape[:-2]) == 1:
            return x.reshape(1, *matrix)
        return self.broadcast_to(x, groups + matrix).reshape(math.prod(groups), *matrix)

    # Shapes --------------------------------------------------------------------------------

    def transpose(self, x: Any, axes: tuple[int, ...]) -> Any:
        """Copy on the device."""
        if axes == tuple(range(x.ndim)):
            return x
        strides = keys.contiguous(x.shape)
        return x.strided([x.shape[axis] for axis in axes], [strides[axis] for axis in axes], 0)

    def broadcast_to(self, x: Any, shape: Shape) -> Any:
        """Copy on the device."""
        if x.shape == shape:
            return x
        return x.strided(*keys.broadcast(x.shape, shape))

    def index(self, x: Any, key: Index) -> Any:
        """Copy on the device, unless the key has arrays behind slices."""
        if keys.is_basic(key):
            return x.strided(*keys.part(x.shape, key))
        rows, width, rest = self._rows(x.shape, key, x.dtype)
        if rows is None:
            return self._on_host("index", x, key)
        part = self._module.embedding(x.reshape(-1, width), self._kind.from_numpy(rows))
        return part.reshape(*rows.shape, *rest)

    def put(self, shape: Shape, key: Index, values: Any) -> Any:
        """Copy or add on the device, unless the key has arrays behind slices."""
        if keys.is_basic(key):
            part, strides, start = keys.part(shape, key)
            total = self.zeros(shape, values.dtype)
            total.write_strided(self.broadcast_to(values, part), strides, start)
            return total
        rows, width, rest = self._rows(shape, key, values.dtype)
        if rows is None:
            return self._on_host("put", shape, key, values)
        values = self.broadcast_to(values, rows.shape + rest).reshape(rows.size, width)
        table = self.zeros((math.prod(shape) // width, width), np.float32)
        there = self._kind.from_numpy(rows.reshape(-1))
        table.put_rows(*self._module.embedding_backward(values, there))
        return table.reshape(*shape)

    def _rows(
        self, shape: Shape, key: Index, dtype: np.dtype[Any]
    ) -> tuple[NumPyArray | None, int, Shape]:
        """Return numbers of rows, their width and shape, or None if no kernel takes this key."""
        rows, axes = keys.rows(shape, key) or (None, 0)
        rest = shape[axes:]
        width = math.prod(rest)
        if rows is None or dtype != np.float32 or rows.size * width == 0:
            return None, 0, ()
        return rows, width, rest

    def _on_host(self, method: str, *arguments: Any) -> Any:
        """Copy the arrays to the host, compute with NumPy, and copy the result back."""
        given = [a.numpy() if isinstance(a, self._kind) else a for a in arguments]
        return self._kind.from_numpy(_storable(getattr(_host, method)(*given)))


def _dtype_of_pair(
    name: str, arrays: list[np.dtype[Any]], numbers: list[Any]
) -> np.dtype[Any] | None:
    """Return the dtype in which kernels compute a function of arrays and numbers.

    None if it would be float64: of integers and floats, unless the integers are narrow.
    """
    dtype: np.dtype[Any] = np.result_type(*arrays)
    if name.startswith("logical"):
        return np.dtype(bool)
    if dtype.kind == "f":
        return dtype if dtype == np.float32 else None
    if not all(map(_is_int64, numbers)):
        return None
    bools = dtype.kind == "b" and all(isinstance(x, bool) for x in numbers)
    widened = name in _COMPARISONS or (dtype.kind == "b" and not bools)
    return np.dtype(np.int64) if widened else dtype


def _is_int64(number: Any) -> bool:
    return isinstance(number, (int, np.integer)) and -(2**63) <= int(number) < 2**63


def _number(number: Any, dtype: np.dtype[Any]) -> Any:
    """Round a number to a dtype, without a warning of an overflow: infinity shows it."""
    with np.errstate(over="ignore"):
        return dtype.type(number).item()


def _storable(array: NumPyArray) -> NumPyArray:
    """Return the array as a device can have it: C-contiguous, and floats in float32."""
    dtype = np.float32 if array.dtype.kind == "f" else array.dtype
    return np.asarray(array, dtype, order="C")
