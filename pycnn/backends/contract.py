"""What a back-end must offer: every op, and what else layers do with arrays."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

import numpy.typing as npt

from pycnn.backends.operations import Operations

T = TypeVar("T")
NumPyArray = npt.NDArray[Any]
Shape = tuple[int, ...]

# What `Backend.index` takes: ints, slices, None, Ellipsis, int64 or bool arrays of NumPy's, and
# tuples of these.
Index = Any


class Backend(Protocol):
    """What computes on one device.

    Arrays below are those of the back-end: ``numpy.ndarray`` on the CPU, ``DeviceArray`` on a GPU.
    """

    @property
    def name(self) -> str:
        """Name of the device: 'cpu', 'cuda' or 'cuda_emulated'."""

    @property
    def traces(self) -> bool:
        """Whether it writes down what is computed instead of being asked for numbers.

        Its arrays never change, and it takes NumPy's beside them, as constants.
        """

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
        """Return an array of zeros."""

    def zeros_like(self, array: Any) -> Any:
        """Return zeros of the shape and dtype of an array."""

    # The results below are new arrays, C-contiguous (or, where nothing changes, the array itself).

    def unary(self, name: str, x: Any) -> Any:
        """Apply a function to each number.

        Parameters
        ----------
        name : str
            NumPy's name: 'negative', 'exp', 'log', 'sqrt', 'absolute', 'sign', 'reciprocal',
            'square', 'tanh', 'sin', 'cos', 'floor', 'ceil', 'round' (to even), 'isnan', 'isinf',
            'isfinite' or 'logical_not'.
        x : array
        """

    def binary(self, name: str, a: Any, b: Any) -> Any:
        """Apply a function to pairs of numbers, with NumPy's broadcasting.

        Parameters
        ----------
        name : str
            NumPy's name: 'add', 'subtract', 'multiply', 'divide', 'power', 'maximum', 'minimum'
            (both pass NaN), 'floor_divide' or 'remainder'; or with a bool result 'equal',
            'not_equal', 'less', 'less_equal', 'greater', 'greater_equal', 'logical_and',
            'logical_or'.
        a, b : array or float
            At least one is an array. A float takes the dtype of the array.
        """

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """Return a where the condition (bool) holds, else b, with NumPy's broadcasting."""

    def reduce(self, name: str, x: Any, axes: tuple[int, ...]) -> Any:
        """Reduce axes to the extent 1: by 'sum', 'max', 'min' (both pass NaN) or 'prod'.

        The order of the additions depends on the shape alone. Sums and products of bools and of
        whole numbers are int64.
        """

    def arg_reduce(self, name: str, x: Any, axis: int) -> Any:
        """Return where along an axis the 'max' or 'min' is, the first one: int64, extent 1."""

    def matmul(self, a: Any, b: Any) -> Any:
        """Multiply matrices (..., i, j) and (..., j, k), with broadcasting of the leading axes."""

    def astype(self, x: Any, dtype: npt.DTypeLike) -> Any:
        """Convert to another dtype."""

    def transpose(self, x: Any, axes: tuple[int, ...]) -> Any:
        """Reorder the axes, as NumPy's transpose does."""

    def broadcast_to(self, x: Any, shape: Shape) -> Any:
        """Repeat along axes of extent 1, and along new axes in front."""

    def index(self, x: Any, key: Index) -> Any:
        """Return ``x[key]``."""

    def put(self, shape: Shape, key: Index, values: Any) -> Any:
        """Return zeros of a shape to which values are added at ``[key]``, in the key's order."""

    def concatenate(self, arrays: list[Any], axis: int) -> Any:
        """Join arrays along an axis."""

    def split(self, array: Any, extents: list[int], axis: int) -> list[Any]:
        """Take an array apart into contiguous parts of these extents along an axis."""

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
