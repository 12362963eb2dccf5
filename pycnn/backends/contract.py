"""What a back-end must offer: every op, and what else layers do with arrays."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

import numpy.typing as npt

from pycnn.backends.operations import Operations

T = TypeVar("T")
NumPyArray = npt.NDArray[Any]


class Backend(Protocol):
    """What computes on one device.

    Arrays below are those of the back-end: ``numpy.ndarray`` on the CPU, ``DeviceArray`` on a GPU.
    """

    @property
    def name(self) -> str:
        """Name of the device: 'cpu', 'cuda' or 'cuda_emulated'."""

    @property
    def ops(self) -> Operations:
        """Every op: the compiled module, of which mypy knows what `pycnn.ops` says."""

    def from_numpy(self, array: NumPyArray) -> Any:
        """Return an array of this back-end with the numbers of one of NumPy's."""

    def to_numpy(self, array: Any) -> NumPyArray:
        """Return an array of NumPy with the numbers of one of this back-end."""

    def write(self, array: Any, numbers: NumPyArray) -> None:
        """Replace the numbers of an array by NumPy's of the same shape and dtype."""

    def zeros(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Any:
        """Return an array of zeros; a device has only float32 ones."""

    def zeros_like(self, array: Any) -> Any:
        """Return zeros of the shape and dtype of an array."""

    def concatenate(self, arrays: list[Any], axis: int) -> Any:
        """Join arrays along an axis."""

    def split(self, array: Any, extents: list[int], axis: int) -> list[Any]:
        """Take an array apart into contiguous parts of these extents along an axis."""

    def swap_axes(self, array: Any) -> Any:
        """Return (a, b, c, d) as a new array (a, c, b, d)."""

    def put_rows(self, table: Any, rows: Any, values: Any) -> None:
        """Write ``table[rows] = values`` in place; no row is there twice."""

    def add_rows(self, table: Any, rows: Any, values: Any) -> Any:
        """Return a copy of a table with values added to some of its rows; no row is there twice."""

    def scale(self, array: Any, factor: float) -> None:
        """Multiply floats by a factor, in place."""

    def sum_of_squares(self, array: Any) -> float:
        """Return the sum of the squares of floats, in float64 and in an order of its own."""

    def is_finite(self, array: Any) -> bool:
        """Whether an array of floats holds no NaN and no infinity."""

    def stream_of(self, model: Any) -> AbstractContextManager[Any]:
        """Return the context in which a model works: its own stream of the device, if it has any.

        Models that are trained in threads of their own then do not wait for each other.
        """

    def on_replay(self, call: Callable[[], T]) -> T:
        """Call now and, where a step is being captured, again before each replay of it.

        For ops that get other numbers in each step: captured kernels then read the new ones.
        """

    def after_replay(self, call: Callable[[], None]) -> None:
        """Call now or, where a step is being captured, after each replay of it.

        For code that reads results, which a step does not have yet while it is being captured.
        """
