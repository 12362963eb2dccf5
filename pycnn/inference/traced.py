"""Arrays that write down what is computed with them: the nodes of a graph."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin

from pycnn import backends
from pycnn.inference.graph import Node

Numbers = npt.NDArray[Any]

# Kinds of numbers that the values of a graph may have.
_DTYPES = frozenset(map(np.dtype, (np.float32, np.bool_, np.int64)))


class Untraceable(Exception):
    """A model cannot become a graph.

    Parameters
    ----------
    what : str
        What it does.
    layer : str
        Path of the layer that does it, and the name of its class.
    """

    def __init__(self, what: str, layer: str = "") -> None:
        super().__init__(what, layer)

    def __str__(self) -> str:
        what, layer = self.args
        return f"{layer}: {what}" if layer else str(what)


class Tracer:
    """The nodes that a pass of a model has come to so far.

    Parameters
    ----------
    names : mapping of int to str
        Path of each module of the model, with the name of its class in brackets, by its id.
    count : int
        Samples in the batch that the pass is given.
    """

    def __init__(self, names: Mapping[int, str], count: int) -> None:
        self.names, self.count = names, count
        self.nodes: list[Node] = []
        # Copies, by the id of the array, which is held so that no other array gets the id.
        self._copies: dict[int, tuple[Numbers, Numbers]] = {}

    def add(
        self,
        op: str,
        inputs: tuple[TracedArray, ...],
        numbers: Numbers,
        rows: int = 1,
        constants: Mapping[str, Numbers] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> TracedArray:
        """Write down an op, and return its result.

        Parameters
        ----------
        op, constants, settings
            As those of `Node`; constants are copied.
        inputs : tuple of TracedArray
        numbers : ndarray
            The result for the batch that the pass is given.
        rows : int
            Rows of the result for each sample along the first axis.
        """
        if numbers.dtype not in _DTYPES:
            self.refuse(f"computes in {numbers.dtype}, and a graph in float32")
        values = tuple(x.number for x in inputs)
        kept = {name: self._kept(array) for name, array in (constants or {}).items()}
        layer = self.layer().partition(" ")[0]
        shape = _of_a_sample(numbers, rows)
        self.nodes.append(Node(op, values, shape, kept, settings or {}, layer=layer))
        return TracedArray(self, numbers, len(self.nodes), rows)

    def _kept(self, array: Numbers) -> Numbers:
        """Return a copy that nobody changes."""
        if id(array) not in self._copies:
            copy = np.array(array, order="C", subok=False)
            copy.flags.writeable = False
            self._copies[id(array)] = array, copy
        return self._copies[id(array)][1]

    def layer(self) -> str:
        """Return the path of the layer at work: the innermost one whose method is running."""
        frame = sys._getframe(1)
        while frame is not None:
            found = self.names.get(id(frame.f_locals.get("self")))
            if found is not None:
                return found
            frame = frame.f_back  # type: ignore[assignment]
        return ""

    def refuse(self, what: str) -> NoReturn:
        """Raise, with the layer at work."""
        raise Untraceable(what, self.layer())


class TracedArray(NDArrayOperatorsMixin):
    """An array of a pass that is written down. It never changes, and hands out no numbers.

    Ops find its back-end by its type, as those of a device. NumPy's operators and functions of each
    number go there as well; whatever else NumPy or Python would do with it is refused.

    Parameters
    ----------
    tracer : Tracer
        Who writes down.
    numbers : ndarray, (N rows, ...)
        The numbers for the batch that the pass is given.
    value : int or None
        Number of the value in the graph; None for a result that a graph does not have, such as the
        places of maxima.
    rows : int
        Rows of each sample along the first axis, which are one axis more in the graph.
    """

    base = None  # it is a view of nothing that could change

    def __init__(self, tracer: Tracer, numbers: Numbers, value: int | None, rows: int = 1) -> None:
        self.tracer, self.numbers, self.value, self.rows = tracer, numbers, value, rows

    @property
    def number(self) -> int:
        """Number of the value in the graph."""
        if self.value is None:
            self.tracer.refuse("uses a result that a graph does not have, such as places of maxima")
        return self.value

    @property
    def sample(self) -> tuple[int, ...]:
        """Shape of the value in the graph."""
        return _of_a_sample(self.numbers, self.rows)

    # What may be looked at -----------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents of the axes."""
        return self.numbers.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.numbers.ndim

    @property
    def size(self) -> int:
        """Number of numbers."""
        return self.numbers.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Kind of the numbers."""
        return self.numbers.dtype

    @property
    def flags(self) -> Any:
        """How it lies in memory."""
        return self.numbers.flags

    def __len__(self) -> int:
        return len(self.numbers)

    __hash__ = object.__hash__

    # What is written down ------------------------------------------------------------------

    def reshape(self, *shape: Any) -> Any:
        """Give the same numbers another shape; each sample keeps its own, one after the other."""
        if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
            (shape,) = shape
        numbers, count = self.numbers.reshape(shape), self.tracer.count
        rows, rest = divmod(numbers.shape[0] if numbers.ndim else 0, count)
        if numbers.ndim > 1 and numbers.shape[0] == 1 and not numbers.shape[1] % count:
            return Groups(self.reshape(numbers.shape[1:]))
        if rest or not rows:
            self.tracer.refuse(
                f"turns shape {self.shape} into {numbers.shape}, which has no axis of samples in "
                "front"
            )
        if _of_a_sample(numbers, rows) == self.sample:
            return TracedArray(self.tracer, numbers, self.value, rows)
        return self.tracer.add("reshape", (self,), numbers, rows)

    def copy(self, *order: Any, **options: Any) -> TracedArray:
        """Return the array itself, which never changes."""
        return self

    def __copy__(self) -> TracedArray:
        return self

    def __deepcopy__(self, memory: Any) -> TracedArray:
        return self

    def astype(self, dtype: npt.DTypeLike, *order: Any, **options: Any) -> TracedArray:
        """Convert to another dtype."""
        return backends.of(self).astype(self, dtype)  # type: ignore[no-any-return]

    def __getitem__(self, key: Any) -> TracedArray:
        return backends.of(self).index(self, key)  # type: ignore[no-any-return]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Write down NumPy's functions of each number."""
        if method != "__call__" or options:
            self.tracer.refuse(f"calls numpy.{ufunc.__name__} with options, or writes in place")
        backend = backends.of(self)
        if len(inputs) == 2 and all(isinstance(x, _OPERANDS) for x in inputs):
            return backend.binary(ufunc.__name__, *inputs)
        if len(inputs) == 1:
            return backend.unary(ufunc.__name__, *inputs)
        self.tracer.refuse(f"calls numpy.{ufunc.__name__}")

    # What is refused -----------------------------------------------------------------------

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        if function in _ABOUT_SHAPES and inputs and inputs[0] is self:
            return function(self.numbers, *inputs[1:], **options)
        self.tracer.refuse(
            f"calls numpy.{function.__name__}: operators, pycnn.functional and the methods of "
            "tensors are written down"
        )

    def __getattr__(self, name: str) -> Any:
        if hasattr(np.ndarray, name):
            self.tracer.refuse(f"uses numpy.ndarray.{name}")
        raise AttributeError(f"an array has no attribute {name!r}")

    def _read(self, *arguments: Any, **options: Any) -> NoReturn:
        self.tracer.refuse(
            "reads numbers that depend on the input (in Python or NumPy: float, bool, item, numpy, "
            "an if)"
        )

    __array__ = __bool__ = __float__ = __int__ = __index__ = __complex__ = _read
    __iter__ = __contains__ = item = tolist = __reduce_ex__ = __dlpack__ = __buffer__ = _read

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        self.tracer.refuse("writes into an array that depends on the input")

    def __repr__(self) -> str:
        return f"TracedArray(shape={self.shape}, dtype={self.dtype})"


class Groups:
    """A traced array with an axis of extent 1 in front: groups of numbers as channels of one image.

    So layers that standardise parts of a sample use `pycnn.ops.batch_norm2d`. Nothing else can be
    done with it.
    """

    def __init__(self, array: TracedArray) -> None:
        self.array, self.tracer = array, array.tracer
        self.shape, self.ndim, self.dtype = (1, *array.shape), array.ndim + 1, array.dtype

    def reshape(self, *shape: Any) -> Any:
        """Give the same numbers another shape."""
        return self.array.reshape(*shape)

    def __getattr__(self, name: str) -> Any:
        self.tracer.refuse("puts an axis in front of that of samples")


_OPERANDS = (TracedArray, np.ndarray, np.generic, int, float)
_ABOUT_SHAPES = (np.shape, np.ndim, np.size)


def _of_a_sample(numbers: Numbers, rows: int) -> tuple[int, ...]:
    """Return the shape of each sample: rows are an axis of their own, unless there is one."""
    return numbers.shape[1:] if rows == 1 else (rows, *numbers.shape[1:])


def plain(value: Any) -> Any:
    """Return the numbers of a traced array; others as they are."""
    return value.numbers if isinstance(value, TracedArray) else value
