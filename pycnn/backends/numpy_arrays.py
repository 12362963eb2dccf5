"""Arithmetic, shapes and reductions of NumPy's arrays, for the back-ends that have these."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from pycnn.backends.contract import Index, NumPyArray, Shape

T = TypeVar("T")

# NumPy's functions of two numbers, of which reductions are made.
_REDUCTIONS = {"sum": np.add, "max": np.maximum, "min": np.minimum, "prod": np.multiply}


class NumPyArrays:
    """What the CPU and the reference have in common; see `pycnn.backends.contract.Backend`."""

    traces = False

    def from_numpy(self, array: NumPyArray) -> NumPyArray:
        """Return the array itself."""
        return array

    def to_numpy(self, array: NumPyArray) -> NumPyArray:
        """Return the array itself."""
        return array

    def write(self, array: NumPyArray, numbers: NumPyArray) -> None:
        """Copy the numbers."""
        np.copyto(array, numbers)

    def zeros(self, shape: Shape, dtype: npt.DTypeLike) -> NumPyArray:
        """Return NumPy's zeros."""
        return np.zeros(shape, dtype)

    def zeros_like(self, array: NumPyArray) -> NumPyArray:
        """Return NumPy's zeros."""
        return np.zeros_like(array)

    # Arithmetic: a warning of NumPy's about an overflow or 0 / 0 would be about the user's numbers,
    # which infinity and NaN show as they do in every other op.

    def unary(self, name: str, x: NumPyArray) -> NumPyArray:
        """Apply NumPy's function of this name."""
        with np.errstate(all="ignore"):
            return self._kept(getattr(np, name)(x))

    def binary(self, name: str, a: Any, b: Any) -> NumPyArray:
        """Apply NumPy's function of this name, which broadcasts."""
        with np.errstate(all="ignore"):
            return self._kept(getattr(np, name)(*_alike(a, b)))

    def where(self, condition: NumPyArray, a: Any, b: Any) -> NumPyArray:
        """Choose with NumPy."""
        return self._kept(np.where(condition, *_alike(a, b)))

    def reduce(self, name: str, x: NumPyArray, axes: tuple[int, ...]) -> NumPyArray:
        """Reduce with NumPy, in one thread and in a fixed order; sums of float32 as `_long_sum`."""
        with np.errstate(all="ignore"):
            if name == "sum" and x.dtype == np.float32:
                return self._kept(_long_sum(x, axes))
            whole = np.int64 if name in ("sum", "prod") and x.dtype.kind != "f" else None
            return self._kept(_REDUCTIONS[name].reduce(x, axis=axes, keepdims=True, dtype=whole))

    def arg_reduce(self, name: str, x: NumPyArray, axis: int) -> NumPyArray:
        """Find with NumPy."""
        places = getattr(np, f"arg{name}")(x, axis=axis, keepdims=True)
        return self._kept(places.astype(np.int64, copy=False))

    def matmul(self, a: NumPyArray, b: NumPyArray) -> NumPyArray:
        """Multiply by NumPy's einsum, whose sums do not depend on the number of threads."""
        return self._kept(np.einsum("...ij,...jk->...ik", a, b))

    # Shapes --------------------------------------------------------------------------------

    def astype(self, x: NumPyArray, dtype: npt.DTypeLike) -> NumPyArray:
        """Convert with NumPy."""
        return x.astype(dtype, copy=False)

    def transpose(self, x: NumPyArray, axes: tuple[int, ...]) -> NumPyArray:
        """Copy in the new order."""
        return x if axes == tuple(range(x.ndim)) else self._kept(x.transpose(axes).copy())

    def broadcast_to(self, x: NumPyArray, shape: Shape) -> NumPyArray:
        """Copy as often as the shape wants."""
        return x if x.shape == shape else self._kept(np.broadcast_to(x, shape).copy())

    def index(self, x: NumPyArray, key: Index) -> NumPyArray:
        """Copy the part that NumPy's indexing takes."""
        part = np.asarray(x[key])
        return self._kept(part if part.base is None else part.copy())

    def put(self, shape: Shape, key: Index, values: NumPyArray) -> NumPyArray:
        """Add with NumPy's ``add.at``, in the order of the key."""
        total = np.zeros_like(values, shape=shape)
        np.add.at(total, key, values)
        return total

    def concatenate(self, arrays: list[NumPyArray], axis: int) -> NumPyArray:
        """Join with NumPy."""
        return np.concatenate(arrays, axis)

    def split(self, array: NumPyArray, extents: list[int], axis: int) -> list[NumPyArray]:
        """Copy the parts out of the array."""
        ends = np.cumsum(extents[:-1])
        return [self._kept(part.copy()) for part in np.split(array, ends, axis)]

    # Rows, and single numbers --------------------------------------------------------------

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

    # Nothing is captured, and there is one stream.

    def stream_of(self, model: Any) -> AbstractContextManager[Any]:
        """Return a context that does nothing."""
        return nullcontext()

    def on_replay(self, call: Callable[[], T]) -> T:
        """Call."""
        return call()

    def after_replay(self, call: Callable[[], None]) -> None:
        """Call."""
        call()

    def _kept(self, result: Any) -> NumPyArray:
        """Return a result of NumPy's, which may be a scalar or a view, as an array of its own."""
        return np.asarray(result, order="C")


def _alike(a: Any, b: Any) -> tuple[Any, Any]:
    """Give a number the dtype of the floats that it meets: older NumPys would widen a 0-d array."""
    if isinstance(a, np.ndarray) and a.dtype.kind == "f" and not isinstance(b, np.ndarray):
        return a, a.dtype.type(b)
    if isinstance(b, np.ndarray) and b.dtype.kind == "f" and not isinstance(a, np.ndarray):
        return b.dtype.type(a), b
    return a, b


def _long_sum(x: NumPyArray, axes: tuple[int, ...]) -> Any:
    """Sum float32, of which a plain float can lose all terms but 2^24.

    NumPy adds up numbers that lie side by side in pairs, and pairs of pairs, which is accurate and
    fast: the sums of rows. Other sums are in float64, rounded once.
    """
    kept = x.ndim - len(axes)
    extents = tuple(1 if axis in axes else extent for axis, extent in enumerate(x.shape))
    if sorted(axes) == list(range(kept, x.ndim)):
        rows = np.ascontiguousarray(x).reshape(math.prod(x.shape[:kept]), math.prod(x.shape[kept:]))
        return np.add.reduce(rows, axis=1).reshape(extents)
    return np.add.reduce(x, axis=axes, dtype=np.float64, keepdims=True).astype(np.float32)
