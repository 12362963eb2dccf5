"""Gradients with few rows, like those of an embedding, and the kinds of numbers in arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import backends
from pycnn._arguments import integer, written
from pycnn.devices import device_of, is_array, move, on_cpu

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

# Kinds of numbers: NumPy's letters for them, and an array of them in words.
Kinds = tuple[str, str]
FLOAT: Kinds = ("f", "a float array")
ANY: Kinds = ("biuf", "an array of numbers or bool")


class SparseRows:
    """A gradient that is zero in all but some rows, like that of an `Embedding`.

    Parameters
    ----------
    rows : (K,) int64 array
        Positions of the rows along the first axis, ascending, each once.
    values : (K, ...) float array
        These rows of the gradient.
    shape : tuple of int
        Shape of the whole gradient.

    Raises
    ------
    TypeError
        If `rows` is not an int64 array or `values` is not a float array that a Parameter takes.
    ValueError
        If the shapes do not fit, or the rows do not ascend or lie outside of `shape`.
    """

    __slots__ = ("rows", "shape", "values")

    def __init__(self, rows: npt.NDArray[np.int64], values: Array, shape: Shape) -> None:
        if not is_array(rows) or rows.dtype != np.int64:
            found = getattr(rows, "dtype", type(rows).__name__)
            raise TypeError(f"[SparseRows] rows must be an int64 array, got {found}")
        check_kind("SparseRows", "values", values, FLOAT)
        if not isinstance(shape, (tuple, list)) or not shape:
            raise TypeError(
                f"[SparseRows] shape must be a tuple of ints, got {type(shape).__name__}"
            )
        shape = tuple(integer("SparseRows", "shape", size, 0) for size in shape)
        if rows.ndim != 1 or values.shape != (len(rows), *shape[1:]):
            raise ValueError(
                f"[SparseRows] needs a row of shape {written(shape[1:])} for each number "
                f"(rows: {rows.shape}, values: {values.shape})"
            )
        # Rows on a device come from an op that has seen to it.
        if isinstance(rows, np.ndarray) and not _ascend(rows, shape[0]):
            raise ValueError(f"[SparseRows] rows must ascend and lie in 0..{shape[0] - 1}")
        self.rows = rows
        self.values = values
        self.shape = shape

    def to_dense(self) -> Array:
        """Return the whole gradient as a new array."""
        backend = backends.of(self.values)
        dense: Array = backend.zeros(self.shape, self.values.dtype)
        backend.put_rows(dense, self.rows, self.values)
        return dense

    def __add__(self, other: SparseRows) -> SparseRows:
        """Add two gradients of the same parameter: the rows of both.

        The CPU adds them: gradients on a device are copied there, and the sum is copied back.
        """
        mine, theirs = on_cpu(self.rows), on_cpu(other.rows)
        rows = np.union1d(mine, theirs)
        values = np.zeros((len(rows), *self.shape[1:]), self.values.dtype)
        values[np.searchsorted(rows, mine)] = on_cpu(self.values)
        values[np.searchsorted(rows, theirs)] += on_cpu(other.values)
        device = device_of(self.values)
        return SparseRows(move(rows, device), move(values, device), self.shape)

    def __repr__(self) -> str:
        return f"SparseRows({len(self.rows)} of {self.shape[0]} rows, shape={self.shape})"


def _ascend(rows: npt.NDArray[np.int64], end: int) -> bool:
    """Whether rows ascend and lie in a table."""
    ascending = bool((rows[1:] > rows[:-1]).all())
    return not len(rows) or bool(ascending and rows[0] >= 0 and rows[-1] < end)


def check_kind(owner: str, name: str, array: Array, kinds: Kinds = ANY) -> None:
    """Raise TypeError unless `array` is of these kinds and of a dtype that safetensors has."""
    letters, words = kinds
    dtype = array.dtype if is_array(array) else None
    if dtype is None or dtype.kind not in letters or dtype.itemsize > 8 or not dtype.isnative:
        raise TypeError(f"[{owner}] {name} must be {words}, got {dtype or type(array).__name__}")
