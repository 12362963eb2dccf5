"""What a tensor is made of: an array, who made it, and how it comes to be."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from pycnn import backends
from pycnn.autograd.graph import Node, Pull, is_recording, recording
from pycnn.autograd.tracked import TrackedArray

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


PutBack: TypeAlias = "Callable[[Any, Any], Tensor]"
Take: TypeAlias = "Callable[[Any], Tensor]"


class Later:
    """A computation that is put off until somebody looks at its result."""

    __slots__ = ("__weakref__",)

    def run(self, y: Value) -> None:
        """Compute: set ``y.array``, and what made it."""
        raise NotImplementedError

    def keep(self, array: Any) -> None:
        """Take a copy of an input, which is about to be overwritten."""


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
        "_parts",
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
    # What must hear of a change: parts of this, and computations put off; None until needed.
    _parts: list[weakref.ref[Any]] | None

    def __getattr__(self, name: str) -> Any:
        if name == "array":
            later = self._later
            if later is not None:
                later.run(self)
                self._later = None  # not before: another thread may look at the same time
            return object.__getattribute__(self, name)
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
    y.gradient = y._node = y._later = y._base = y._parts = None
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
    y.gradient = y._node = y._base = y._parts = None
    y._output = y._version = 0
    y._later = later
    y.requires_grad = requires_grad
    return y


# Ops whose gradients depend on no values, or on those of the result.
_WITHOUT_VALUES = frozenset(
    (
        *("add", "sub", "neg", "sum", "cumsum", "sign", "floor", "ceil", "round", "fill"),
        *("where", "index", "setitem", "cat", "clone"),
        *("astype", "to", "exp", "sqrt", "reciprocal", "relu", "sigmoid", "tanh"),
        *("softmax", "log_softmax"),
    )
)


def record(name: str, inputs: Sequence[Value], array: Any, pull: Pull) -> Tensor:
    """Return the result of an op as a tensor, with a node of the tape if it needs one."""
    y = new(array)
    if is_recording() and any([x.requires_grad for x in inputs]):
        y._node = Node(name, inputs, pull, (y.array,), guards=name not in _WITHOUT_VALUES)
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
    whole : Value or None
        The other tensor. It is held only if it is a part itself: otherwise nobody misses a change
        of one that is gone. None for an array that others may write: it is foreign.
    take : callable
        ``take(whole)`` returns the part.
    put_back : callable or None
        ``put_back(whole, part)`` returns the whole with the part changed; None if it cannot be.

    Attributes
    ----------
    foreign : bool
        Whether the memory may be that of an array which is written without anybody's notice.
    frozen : bool
        Whether it may be memory that gradients depend on: a change then goes to a new array.
    records : bool
        Whether what the part becomes with a change of the whole is recorded.
    dense : bool
        Whether its numbers would lie one after another in PyTorch, too: `reshape` of one that is
        not dense is no part of it.
    """

    __slots__ = ("_held", "_whole", "dense", "foreign", "frozen", "put_back", "records", "take")

    dense: bool
    foreign: bool
    frozen: bool

    def __init__(
        self,
        whole: Value | None,
        take: Take,
        put_back: PutBack | None,
        records: bool,
        dense: bool = True,
    ) -> None:
        base = None if whole is None else whole._base
        self._whole = None if whole is None else weakref.ref(whole)
        self._held = None if base is None else whole
        self.take, self.put_back, self.records = take, put_back, records
        self.foreign = whole is None or (base is not None and base.foreign)
        self.frozen = whole is not None and _is_frozen(whole)
        self.dense = dense and (base is None or base.dense)

    @property
    def whole(self) -> Value | None:
        """The other tensor, if it is still there."""
        return None if self._whole is None else self._whole()


def _is_frozen(whole: Value) -> bool:
    return whole._node is not None or (whole._base is not None and whole._base.frozen)


class Following(Later):
    """A part whose whole has changed: it is taken again when somebody looks."""

    __slots__ = ("part", "whole")

    def __init__(self, whole: Value, part: Part) -> None:
        self.whole, self.part = whole, part

    def run(self, y: Value) -> None:
        """Take the part of what the whole is now."""
        whole, stale = self.whole, []
        while type(whole._later) is Following:
            stale.append(whole)
            whole = whole._later.whole
        for one in reversed(stale):  # from the largest whole on, and not by recursion
            one.array  # noqa: B018 - takes it
        with recording(self.part.records):
            found = self.part.take(self.whole)
        y.array, y._node, y._output = found.array, found._node, found._output
        self.part.frozen = _is_frozen(self.whole)


def part_of(
    x: Value,
    y: Tensor,
    take: Take,
    put_back: PutBack | None = None,
    *,
    records: bool | None = None,
    dense: bool = True,
) -> Tensor:
    """Mark a result that would share its memory with `x` in PyTorch; return it."""
    y._base = Part(x, take, put_back, is_recording() if records is None else records, dense)
    tell(x, y)
    return y


def apart_from(x: Value, y: Tensor) -> Tensor:
    """Mark a result that shares its memory with `x`, but would not in PyTorch; return it."""
    for one in (x, y):
        if one._base is None:
            one._base = Part(None, Value.made.detach, None, False)
            one._base.foreign = False
        one._base.frozen = True
    return y


def tell(x: Value, listener: Value | Later) -> None:
    """Let something hear of changes of a tensor, as long as it is there."""
    if (listeners := x._parts) is None:
        listeners = x._parts = []
    if len(listeners) >= 32 and not len(listeners) & (len(listeners) - 1):  # now and then
        listeners[:] = [one for one in listeners if one() is not None]
    listeners.append(weakref.ref(listener))


def will_change(x: Value) -> None:
    """Let computations that are put off keep the values of a tensor, which is to be written."""
    for one in x._parts or ():
        if isinstance(later := one(), Later):
            later.keep(x.array)


def has_changed(whole: Value, but: Value | None = None) -> None:
    """Let the parts of a tensor follow a change of it, except the one that it came from."""
    changed = [whole]
    while changed:
        whole = changed.pop()
        for one in whole._parts or ():
            part = one()
            if not isinstance(part, Value) or part is but or part._base is None:
                continue
            if part._base.whole is not whole:
                continue
            requires_grad = part._base.records and whole.requires_grad
            if type(part._later) is Following and part.requires_grad == requires_grad:
                continue  # and so are its parts
            if type(part._later) is not Following:
                part._later = Following(whole, part._base)
                del part.array
                part._node = None
                part._version += 1
            part.requires_grad = requires_grad
            changed.append(part)


def same_backend(name: str, *values: Value) -> backends.Backend:
    """Return the back-end of the values; raise if they are on different devices, or none."""
    for x in values:
        if not isinstance(x, Value):
            raise TypeError(f"[{name}] needs tensors, got {type(x).__name__}")
    first = backends.of(values[0].array)
    for x in values[1:]:
        if (other := backends.of(x.array)) is not first:
            both = backends.together(first, other)
            if both is None:
                raise ValueError(
                    f"[{name}] tensors are on different devices: {first.name!r} and "
                    f"{other.name!r}; move one with .to(...)"
                )
            first = both
    return first
