"""Computations that are put off: what they keep of their inputs, and when they run."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

from pycnn.autograd.graph import Node, _nothing, is_recording
from pycnn.autograd.value import Later, Value, put_off, tell

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


class PutOff(Later):
    """An op that is put off, and computes with what its inputs were when it was called.

    Parameters
    ----------
    op : str
        Its name, for errors.
    inputs : dict of str to Value or None
        Its inputs by name; None for one that is not there.
    """

    __slots__ = ("arrays", "guarded", "inputs", "names", "node", "op", "records")

    def __init__(self, op: str, inputs: dict[str, Value | None]) -> None:
        given = {name: one for name, one in inputs.items() if one is not None}
        self.op, self.names = op, tuple(given)
        self.inputs: tuple[Value, ...] = tuple(given.values())
        self.arrays = [one.array for one in self.inputs]
        self.records = is_recording() and any([one.requires_grad for one in self.inputs])
        self.node = Node(op, self.inputs, _nothing, (None,)) if self.records else None
        # What may be written in place: its array, and how often it had been changed by now.
        self.guarded = (
            [(one, one.array, one.changes()) for one in self.inputs]
            if self.node is None
            else self.node.guarded
        )
        for one, _, _ in self.guarded:
            tell(one, self)

    def keep(self, array: Any) -> None:
        """Take a copy of an input, which is about to be overwritten."""
        self.arrays = [one.copy() if one is array else one for one in self.arrays]

    def operands(self) -> dict[str, Any]:
        """Return the arrays of the inputs by name; raise if one has been overwritten since."""
        for one, array, changes in self.guarded:
            if one.changes() != changes and one.array is array:
                self._check_kept(array)
        return dict(zip(self.names, self.arrays, strict=True))

    def _check_kept(self, array: Any) -> None:
        """Raise unless an input that has been written was copied before, as tensors see to."""
        for name, own in zip(self.names, self.arrays, strict=True):
            if own is array:
                raise RuntimeError(
                    f"[{self.op}] {name} of shape {tuple(array.shape)} has been changed in place "
                    "before anybody looked at the result, which is computed only then: look at "
                    "the result first (.numpy()), or give the op a clone"
                )

    def attach(self, y: Value, name: str, pull: Any) -> None:
        """Record a result that was computed from the inputs, if it is to be."""
        if self.node is not None:
            y._node = self.node.completed(name, pull)

    def goes_on(self) -> bool:
        """Whether what comes next is recorded as the op was, if that was recorded."""
        return not self.records or is_recording()


class Before:
    """The tensor that a put-off op was applied to, as long as it is there and what it was."""

    __slots__ = ("tensor", "version")

    def __init__(self, tensor: Value) -> None:
        self.tensor, self.version = weakref.ref(tensor), tensor._version


def alive(before: Before | None) -> Any:
    """Return the tensor, or None if nobody can look at what it was any more."""
    if before is None:
        return None
    tensor = before.tensor()
    return None if tensor is None or tensor._version != before.version else tensor


class _Waiting(threading.local):
    """Results of this thread that are put off and not recorded."""

    def __init__(self) -> None:
        self.results: list[weakref.ref[Value]] = []


_waiting = _Waiting()


def compute_waiting() -> None:
    """Compute what waits and is not recorded: kept for later, it would keep all inputs as well."""
    for one in _waiting.results:
        if (result := one()) is not None:
            result.array  # noqa: B018 - computes it now
    _waiting.results.clear()


def later_result(later: Later, records: bool) -> Tensor:
    """Return a tensor that is computed when somebody looks."""
    y = put_off(later, records)
    if not records:
        _waiting.results.append(weakref.ref(y))
    return y


def first_result(later: PutOff, x: Value) -> Tensor:
    """Return the result of an op that follows nothing which is put off.

    Parameters
    ----------
    later : PutOff
    x : Value
        Its first input.
    """
    if not later.records:
        compute_waiting()
    y = later_result(later, later.records)
    if x._base is not None and x._base.foreign:
        y.array  # noqa: B018 - computes it now: nobody notices if the array is written
    return y
