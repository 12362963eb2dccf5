"""The back-end of traced arrays: it computes as the CPU does, and writes down each op."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from pycnn import backends
from pycnn.backends.contract import Index, NumPyArray, Shape
from pycnn.inference.traced import Groups, Numbers, TracedArray, plain
from pycnn.inference.traced_ops import TracedOps

T = TypeVar("T")

UNARY = frozenset(
    (
        *("negative", "exp", "log", "sqrt", "absolute", "sign", "reciprocal", "square", "tanh"),
        *("sin", "cos", "floor", "ceil", "round", "isnan", "isinf", "isfinite", "logical_not"),
    )
)
BINARY = frozenset(
    (
        *("add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "floor_divide"),
        *("remainder", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
        *("logical_and", "logical_or"),
    )
)


class Tracing:
    """The back-end of `TracedArray`: see `pycnn.backends.contract.Backend` for its methods.

    Arrays of NumPy's beside traced ones are constants. Ops on nothing but NumPy's are computed, and
    are no part of the graph. Samples stay apart, along the first axis: what joins them is refused.
    """

    # Layers then leave what they move to the device of their input where it is.
    name = "cpu"
    traces = True

    def __init__(self) -> None:
        self.ops: Any = TracedOps()

    # Numbers -------------------------------------------------------------------------------

    def unary(self, name: str, x: Any) -> Any:
        """Write down a function of each number."""
        name = _NUMPY_NAMES.get(name, name)
        if isinstance(x, TracedArray) and name not in UNARY:
            x.tracer.refuse(f"calls numpy.{name}")
        cpu = backends.of_cpu()
        return _elementwise(name, lambda a: cpu.unary(name, a), {"x": x})

    def binary(self, name: str, a: Any, b: Any) -> Any:
        """Write down a function of pairs of numbers."""
        if name not in BINARY:
            _one_of(a, b).tracer.refuse(f"calls numpy.{name}")
        cpu = backends.of_cpu()
        return _elementwise(name, lambda a, b: cpu.binary(name, a, b), {"a": a, "b": b})

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """Write down a choice."""
        operands = {"condition": condition, "a": a, "b": b}
        return _elementwise("where", backends.of_cpu().where, operands)

    def astype(self, x: Any, dtype: npt.DTypeLike) -> Any:
        """Write down a conversion."""
        cpu, dtype = backends.of_cpu(), np.dtype(dtype)
        if not isinstance(x, TracedArray):
            return cpu.astype(x, dtype)
        if x.dtype == dtype:
            return x
        settings = {"dtype": dtype.name}
        return x.tracer.add("astype", (x,), cpu.astype(x.numbers, dtype), x.rows, None, settings)

    def reduce(self, name: str, x: Any, axes: tuple[int, ...]) -> Any:
        """Write down a reduction within each sample."""
        cpu = backends.of_cpu()
        if not isinstance(x, TracedArray):
            return cpu.reduce(name, x, axes)
        settings = {"axes": _inside(x, axes, f"{name} over samples")}
        return x.tracer.add(name, (x,), cpu.reduce(name, x.numbers, axes), x.rows, None, settings)

    def arg_reduce(self, name: str, x: Any, axis: int) -> Any:
        """Write down where the extreme of each sample is."""
        cpu = backends.of_cpu()
        if not isinstance(x, TracedArray):
            return cpu.arg_reduce(name, x, axis)
        settings = {"axes": _inside(x, (axis,), f"arg{name} over samples")}
        numbers = cpu.arg_reduce(name, x.numbers, axis)
        return x.tracer.add(f"arg{name}", (x,), numbers, x.rows, None, settings)

    def matmul(self, a: Any, b: Any) -> Any:
        """Write down a product of matrices: of rows and a constant, or within each sample."""
        cpu = backends.of_cpu()
        if not isinstance(a, TracedArray) and not isinstance(b, TracedArray):
            return cpu.matmul(a, b)
        numbers = cpu.matmul(plain(a), plain(b))
        of_rows = isinstance(a, TracedArray) and a.ndim == 2
        if of_rows and isinstance(b, np.ndarray) and b.ndim == 2:
            return a.tracer.add("matmul", (a,), numbers, a.rows, {"b": b})
        if of_rows or (isinstance(b, TracedArray) and b.ndim == 2):
            _one_of(a, b).tracer.refuse("multiplies by a matrix of samples")
        return _joined("matmul", {"a": a, "b": b}, numbers)

    # Shapes --------------------------------------------------------------------------------

    def transpose(self, x: Any, axes: tuple[int, ...]) -> Any:
        """Write down another order of the axes of each sample."""
        cpu = backends.of_cpu()
        if not isinstance(x, TracedArray):
            return cpu.transpose(x, axes)
        if axes == tuple(range(x.ndim)):
            return x
        if axes[0] != 0:
            x.tracer.refuse(f"moves the axis of samples (permute {axes})")
        own = (0,) if x.rows != 1 else ()
        settings = {"axes": own + _inside(x, axes[1:], "permute")}
        numbers = cpu.transpose(x.numbers, axes)
        return x.tracer.add("transpose", (x,), numbers, x.rows, None, settings)

    def broadcast_to(self, x: Any, shape: Shape) -> Any:
        """Write down a repetition."""
        cpu = backends.of_cpu()
        if not isinstance(x, TracedArray):
            return cpu.broadcast_to(x, shape)
        if x.shape == tuple(shape):
            return x
        if len(shape) != x.ndim:
            x.tracer.refuse(f"repeats samples (shape {x.shape} becomes {tuple(shape)})")
        return x.tracer.add("broadcast_to", (x,), cpu.broadcast_to(x.numbers, shape), x.rows)

    def index(self, x: Any, key: Index) -> Any:
        """Write down a part of each sample."""
        cpu = backends.of_cpu()
        if not isinstance(x, TracedArray):
            return cpu.index(x, key)
        settings = {"key": _key_inside(x, key)}
        return x.tracer.add("index", (x,), cpu.index(x.numbers, key), x.rows, None, settings)

    def concatenate(self, arrays: list[Any], axis: int) -> Any:
        """Write down a join of arrays that all depend on the input."""
        cpu = backends.of_cpu()
        traced = [x for x in arrays if isinstance(x, TracedArray)]
        if not traced:
            return cpu.concatenate(arrays, axis)
        first = traced[0]
        if len(traced) < len(arrays):
            first.tracer.refuse("joins what depends on the input with a constant")
        if len({x.rows for x in traced}) > 1:
            first.tracer.refuse("joins rows of samples with samples")
        (inside,) = _inside(first, (axis % first.ndim,), "joining samples")
        numbers = cpu.concatenate([x.numbers for x in traced], axis)
        settings = {"axis": inside}
        return first.tracer.add("concatenate", tuple(traced), numbers, first.rows, None, settings)

    def split(self, array: Any, extents: list[int], axis: int) -> list[Any]:
        """Write down parts of each sample."""
        if not isinstance(array, TracedArray):
            return backends.of_cpu().split(array, extents, axis)
        ends = [sum(extents[: i + 1]) for i in range(len(extents))]
        front = (slice(None),) * (axis % array.ndim)
        return [
            self.index(array, (*front, slice(end - n, end)))
            for n, end in zip(extents, ends, strict=True)
        ]

    # What the CPU does with constants, and what needs numbers ---------------------------------

    def from_numpy(self, array: NumPyArray) -> NumPyArray:
        """Return the array itself: a constant."""
        return array

    def to_numpy(self, array: Any) -> NumPyArray:
        """Refuse to hand out numbers; return a constant as it is."""
        if isinstance(array, TracedArray):
            array._read()
        return array  # type: ignore[no-any-return]

    def zeros(self, shape: Shape, dtype: npt.DTypeLike) -> NumPyArray:
        """Return a constant."""
        return np.zeros(shape, dtype)

    def zeros_like(self, array: Any) -> NumPyArray:
        """Return a constant."""
        return np.zeros(array.shape, array.dtype)

    def __getattr__(self, name: str) -> Any:
        """Return what the CPU does with constants, such as `scale`; it is refused for the rest."""
        of_constants = getattr(backends.of_cpu(), name)

        def call(*arguments: Any) -> Any:
            for x in arguments:
                if isinstance(x, TracedArray):
                    x.tracer.refuse(f"reads or writes numbers in place ({name})")
            return of_constants(*arguments)

        return call

    def stream_of(self, model: Any) -> AbstractContextManager[Any]:
        """Return a context that does nothing."""
        return nullcontext()

    def on_replay(self, call: Callable[[], T]) -> T:
        """Call."""
        return call()

    def after_replay(self, call: Callable[[], None]) -> None:
        """Call."""
        call()


# NumPy's own names of functions, and the contract's.
_NUMPY_NAMES = {"rint": "round"}


def _one_of(*arguments: Any) -> TracedArray:
    return next(x for x in arguments if isinstance(x, TracedArray))


def _elementwise(name: str, compute: Callable[..., Numbers], operands: dict[str, Any]) -> Any:
    """Compute a function of each number, and write it down if an operand is traced."""
    if not any(isinstance(x, TracedArray) for x in operands.values()):
        return compute(*operands.values())
    numbers = compute(*map(plain, operands.values()))
    return _joined(name, operands, numbers)


def _joined(name: str, operands: Mapping[str, Any], numbers: Numbers) -> TracedArray:
    """Write down an op whose operands broadcast to the shape of its result, but matrices."""
    first = _one_of(*operands.values())
    tracer = first.tracer
    traced, constants, settings = [], {}, {}
    for key, x in operands.items():
        if isinstance(x, TracedArray):
            apart = x.ndim == numbers.ndim and x.rows == first.rows and len(x) == len(numbers)
            if not apart:
                shapes = " and ".join(str(np.shape(y)) for y in operands.values())
                tracer.refuse(f"{name} combines numbers of different samples (shapes {shapes})")
            traced.append(x)
        elif isinstance(x, np.ndarray) and x.ndim:
            if x.ndim == numbers.ndim and x.shape[0] != 1:
                tracer.refuse(
                    f"{name} has a constant for each sample (shape {x.shape}), which the size of "
                    "the batch must not change"
                )
            if x.ndim > numbers.ndim:
                tracer.refuse(f"{name} repeats samples (a constant of shape {x.shape})")
            constants[key] = x[0] if x.ndim == numbers.ndim else x
        else:
            settings[key] = x.item() if isinstance(x, (np.ndarray, np.generic)) else x
    return tracer.add(name, tuple(traced), numbers, first.rows, constants, settings)


def _inside(x: TracedArray, axes: tuple[int, ...], what: str) -> tuple[int, ...]:
    """Return axes as those of a sample, in which several rows are an axis of their own."""
    if 0 in axes:
        x.tracer.refuse(f"{what}: the axis of samples must stay as it is")
    return tuple(axis - 1 if x.rows == 1 else axis for axis in axes)


def _key_inside(x: TracedArray, key: Index) -> tuple[Any, ...]:
    """Return a key without that of the axis of samples, all of which it must take."""
    items = list(key) if isinstance(key, tuple) else [key]
    if any(isinstance(one, TracedArray) for one in items):
        x.tracer.refuse("takes a part whose place depends on the input")
    arrays = [one for one in items if isinstance(one, (np.ndarray, list))]
    numbers = [one for one in items if isinstance(one, (int, np.integer))]
    taken = sum(_axes_taken(one) for one in items)
    if items and items[0] is Ellipsis and taken < x.ndim:
        pass  # it stands for the axis of samples, too
    elif items and isinstance(items[0], slice) and items[0] == slice(None):
        items = items[1:]
    elif not items:
        items = [Ellipsis]
    else:
        x.tracer.refuse("takes a part of the samples, or puts an axis in front of theirs")
    if len(arrays) > 1 or (arrays and numbers):
        x.tracer.refuse("takes parts by arrays along several axes")
    own = () if x.rows == 1 else (slice(None),)
    return (*own, *(one.copy() if isinstance(one, np.ndarray) else one for one in items))


def _axes_taken(item: Any) -> int:
    """Return how many axes of an array an item of a key stands for, an ellipsis aside."""
    if item is None or item is Ellipsis:
        return 0
    is_mask = isinstance(item, np.ndarray) and item.dtype.kind == "b"
    return item.ndim if is_mask else 1


_tracing: Any = Tracing()
backends.register(TracedArray, _tracing)
backends.register(Groups, _tracing)
