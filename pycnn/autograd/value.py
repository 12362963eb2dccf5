"""What a tensor is made of: an array, who made it, and how it comes to be."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from pycnn import backends
from pycnn.autograd.graph import Node, Pull, is_recording
from pycnn.autograd.tracked import TrackedArray

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


PutBack: TypeAlias = "Callable[[Any, Any], Tensor]"


class Later:
    """A computation that is put off until somebody looks at its result."""

    __slots__ = ()

    def run(self, y: Value) -> None:
        """Compute: set ``y.array``, and what made it."""
        raise NotImplementedError


class Value:
    """An array and its history.

    `array` is a slot that is empty as long as the computation is put off (see `pycnn.functional`'s
    fused steps); looking at it then computes it.

    Attributes
    ----------
    array : array
        The values.
    gradient : array or None
        The gradient that backward passes have added up, for leaves.
    requires_grad : bool
        Whether gradients are wanted here, or at something that this was computed from.
    """

    __slots__ = (
        "__weakref__",
        "_base",
        "_later",
        "_node",
        "_output",
        "_version",
        "array",
        "gradient",
        "requires_grad",
    )

    # The class of what ops return; `Tensor`, as soon as there is one.
    made: ClassVar[type[Tensor]]

    array: Any
    gradient: Any
    requires_grad: bool
    _node: Node | None
    _output: int
    _later: Later | None
    _version: int  # changes in place that the array did not count itself
    _base: Part | None

    def __getattr__(self, name: str) -> Any:
        if name == "array":
            later = self._later
            if later is not None:
                self._later = None
                try:
                    later.run(self)
                except BaseException:
                    self._later = later
                    raise
                return self.array
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def changes(self) -> int:
        """Return how often the values have been changed in place, as far as anybody noticed."""
        array = self.array
        if type(array) is TrackedArray:
            return self._version + array.changes[0]
        return self._version

    @property
    def backend(self) -> backends.Backend:
        """Where the array is, and what computes with it there."""
        return backends.of(self.array)


def new(array: Any) -> Tensor:
    """Return a tensor that nobody recorded."""
    if type(array) is not backends.ReferenceArray and array.dtype == np.float64:
        array = array.astype(np.float32)  # of NumPy's division of ints, for one
    y = object.__new__(Value.made)
    y.array = array
    y.gradient = y._node = y._later = y._base = None
    y._output = y._version = 0
    y.requires_grad = False
    return y


def twin(x: Value) -> Tensor:
    """Return another tensor with the same values and history."""
    y = new(x.array)
    y._node, y._output, y._base = x._node, x._output, x._base
    y.requires_grad = x.requires_grad
    return y


def put_off(later: Later, requires_grad: bool) -> Tensor:
    """Return a tensor whose values are computed when they are looked at."""
    y = object.__new__(Value.made)
    y.gradient = y._node = y._base = None
    y._output = y._version = 0
    y._later = later
    y.requires_grad = requires_grad
    return y


def record(name: str, inputs: Sequence[Value], array: Any, pull: Pull) -> Tensor:
    """Return the result of an op as a tensor, with a node of the tape if it needs one."""
    y = new(array)
    if is_recording() and any([x.requires_grad for x in inputs]):
        y._node = Node(name, inputs, pull, (y.array,))
        y.requires_grad = True
    return y


def record_all(
    name: str, inputs: Sequence[Value], arrays: Sequence[Any], pull: Pull
) -> tuple[Tensor, ...]:
    """Return several results of one op as tensors, with one node of the tape."""
    ys = tuple(map(new, arrays))
    if is_recording() and any([x.requires_grad for x in inputs]):
        node = Node(name, inputs, pull, [y.array for y in ys])
        for i, y in enumerate(ys):
            if y.array.dtype.kind == "f":
                y._node, y._output, y.requires_grad = node, i, True
    return ys


class Part:
    """What a tensor is a part or another shape of, where PyTorch's would share its memory.

    Parameters
    ----------
    whole : Value
        The other tensor. It is held only if it is a part itself: otherwise nobody misses a change
        of one that is gone.
    put_back : callable or None
        ``put_back(whole, part)`` returns the whole with the part changed; None if it cannot be.
    """

    __slots__ = ("_held", "_whole", "put_back")

    def __init__(self, whole: Value, put_back: PutBack | None) -> None:
        self._whole = weakref.ref(whole)
        self._held = None if whole._base is None else whole
        self.put_back = put_back

    @property
    def whole(self) -> Value | None:
        """The other tensor, if it is still there."""
        return self._whole()


def part_of(x: Value, y: Tensor, put_back: PutBack | None = None) -> Tensor:
    """Mark a result that would share its memory with `x` in PyTorch; return it."""
    y._base = Part(x, put_back)
    return y


def same_backend(name: str, *values: Value) -> backends.Backend:
    """Return the back-end of the values; raise if they are on different devices, or none."""
    for x in values:
        if not isinstance(x, Value):
            raise TypeError(f"[{name}] needs tensors, got {type(x).__name__}")
    first = backends.of(values[0].array)
    for x in values[1:]:
        if (other := backends.of(x.array)) is not first:
            raise ValueError(
                f"[{name}] tensors are on different devices: {first.name!r} and {other.name!r}; "
                "move one with .to(...)"
            )
    return first
