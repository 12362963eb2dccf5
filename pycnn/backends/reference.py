"""The back-end of the reference: float64 and `pycnn.reference`, to compare the others with.

A model goes there with ``model.to("reference")``; it then computes what every op is specified to
be, slowly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import signature
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import reference
from pycnn.backends.contract import NumPyArray, Shape
from pycnn.backends.numpy_arrays import NumPyArrays


class ReferenceArray(np.ndarray[Any, Any]):
    """An array that the reference computes with: NumPy's, floats in float64.

    It is a type of its own so that ops find the back-end as they find that of other devices.
    """


class Reference(NumPyArrays):
    """The back-end of `ReferenceArray`: see `pycnn.backends.contract.Backend` for its methods."""

    name = "reference"

    def __init__(self) -> None:
        self.ops: Any = _Ops()

    def from_numpy(self, array: NumPyArray) -> NumPyArray:
        """Copy an array, floats as float64."""
        return array.astype(_widened(array.dtype)).view(ReferenceArray)

    def to_numpy(self, array: NumPyArray) -> NumPyArray:
        """Return a view of NumPy's own type, still in float64."""
        return array.view(np.ndarray)

    def zeros(self, shape: Shape, dtype: npt.DTypeLike) -> NumPyArray:
        """Return zeros, floats as float64."""
        return np.zeros(shape, _widened(np.dtype(dtype))).view(ReferenceArray)

    def astype(self, x: NumPyArray, dtype: npt.DTypeLike) -> NumPyArray:
        """Convert, to float64 where floats are wanted."""
        return super().astype(x, _widened(np.dtype(dtype)))

    def _kept(self, result: Any) -> NumPyArray:
        """Return a result of NumPy's, often an array of its own type, as one of the reference."""
        return super()._kept(result).view(ReferenceArray)

    # NumPy gives these results its own type.

    def where(self, condition: NumPyArray, a: Any, b: Any) -> NumPyArray:
        """Choose with NumPy."""
        return super().where(condition, a, b).view(ReferenceArray)

    def concatenate(self, arrays: list[NumPyArray], axis: int) -> NumPyArray:
        """Join with NumPy."""
        return super().concatenate(arrays, axis).view(ReferenceArray)

    def matmul(self, a: NumPyArray, b: NumPyArray) -> NumPyArray:
        """Multiply with NumPy."""
        return super().matmul(a, b).view(ReferenceArray)

    def unary(self, name: str, x: NumPyArray) -> NumPyArray:
        """Apply NumPy's function of this name."""
        return super().unary(name, x).view(ReferenceArray)

    def binary(self, name: str, a: Any, b: Any) -> NumPyArray:
        """Apply NumPy's function of this name, which broadcasts."""
        return super().binary(name, a, b).view(ReferenceArray)

    def reduce(self, name: str, x: NumPyArray, axes: tuple[int, ...]) -> NumPyArray:
        """Reduce with NumPy."""
        return super().reduce(name, x, axes).view(ReferenceArray)

    def index(self, x: NumPyArray, key: Any) -> NumPyArray:
        """Copy the part that NumPy's indexing takes."""
        return np.asarray(super().index(x, key)).view(ReferenceArray)


class _Ops:
    """The functions of `pycnn.reference`, called as compiled ops are: by position."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        op = getattr(reference, name)
        names = _parameters(op)

        def call(*arguments: Any) -> Any:
            return _marked(op(**dict(zip(names, map(_plain, arguments), strict=False))))

        return call


def _widened(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float64) if dtype.kind == "f" else dtype


@cache
def _parameters(op: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(signature(op).parameters)


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, np.ndarray) else value


def _marked(result: Any) -> Any:
    if isinstance(result, tuple):
        return tuple(map(_marked, result))
    return result.view(ReferenceArray) if isinstance(result, np.ndarray) else result
