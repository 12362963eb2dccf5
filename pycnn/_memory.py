"""Values that a call keeps for a later one in the same thread, as forward does for backward."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import MemberDescriptorType
from typing import Any


class _Own(threading.local):
    """A place with a separate value for each thread, freed with the thread or with the place."""

    value: Any = None

    def __reduce__(self) -> tuple[type[_Own], tuple[()]]:
        """Make copies and pickles start with a new, empty place."""
        return _Own, ()


class _Evaluation:
    """A block in which some objects remember nothing."""

    __slots__ = ("forgets", "objects")

    def __init__(self, objects: Iterable[object], forgets: bool) -> None:
        # Hold the objects, so that no new object can get the id of one of them.
        self.objects = {id(one): one for one in objects}
        self.forgets = forgets


# State of the thread, or of the task in it, so that evaluation writes to no object.
_evaluations: ContextVar[tuple[_Evaluation, ...]] = ContextVar("evaluations", default=())


@contextmanager
def evaluating(objects: Iterable[object], forget: bool = False) -> Iterator[None]:
    """Make `Remembering` objects remember nothing, in this thread, until the block ends.

    What they already remember stays; with `forget` it is dropped at the first value not remembered.
    """
    one = _Evaluation(objects, forget)
    _evaluations.set((*_evaluations.get(), one))
    try:
        yield
    finally:
        # This also ends the block for copies of this context, and wherever a suspended generator is
        # closed. The earlier state is not restored, since blocks of generators do not end in order.
        one.objects = {}
        _evaluations.set(tuple(other for other in _evaluations.get() if other is not one))


def evaluations() -> tuple[_Evaluation, ...]:
    """Return the blocks that this thread is in."""
    return _evaluations.get()


class Remembering:
    """Base class of objects that remember one value from one call to another in the same thread."""

    _thread_memory: _Own | None = None  # made when there is something to remember

    @property
    def _memory(self) -> Any:
        """The value that this thread has saved, or None."""
        own = self._thread_memory
        return None if own is None else own.value

    @_memory.setter
    def _memory(self, value: Any) -> None:
        own = self._thread_memory
        if own is None:
            if value is None:
                return
            own = vars(self).setdefault("_thread_memory", _Own())  # another thread may do the same
        own.value = value

    @property
    def _is_evaluated(self) -> bool:
        """Whether this thread is evaluating the object."""
        evaluations = _evaluations.get()
        return bool(evaluations) and any(id(self) in one.objects for one in evaluations)

    def __getstate__(self) -> Any:
        """Return what copies and pickles hold: everything except the values of threads.

        As by default, these are the attributes or, for a class with slots, the pair of attributes
        and contents of slots.
        """
        state = vars(self).copy()
        state.pop("_thread_memory", None)
        names = [name for kind in type(self).__mro__ for name in slots_of(kind)]
        slots = {name: getattr(self, name) for name in names if hasattr(self, name)}
        return (state, slots) if slots else state


def remember(one: Remembering, value: Any) -> None:
    """Let an object remember a value, or with None nothing; while it is evaluated, nothing new."""
    for evaluation in _evaluations.get():  # `_is_evaluated` would take as long as the rest
        if id(one) in evaluation.objects:
            if not evaluation.forgets:
                return
            value = None
    own = one._thread_memory
    if own is not None:
        own.value = value
    elif value is not None:
        one._memory = value


def taken(one: Remembering) -> Any:
    """Return what an object remembers, once: it forgets it. None if there is nothing."""
    own = one._thread_memory
    if own is None:
        return None
    value, own.value = own.value, None
    return value


def slots_of(kind: type) -> Iterator[str]:
    """Return the names of a class's own slots, as its objects have them."""
    for name, value in vars(kind).items():
        if isinstance(value, MemberDescriptorType) and name not in ("__dict__", "__weakref__"):
            yield name
