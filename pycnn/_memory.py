"""What a call leaves for a later one, as a forward pass does for backward: each thread's own."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import MemberDescriptorType
from typing import Any


class _Own(threading.local):
    """A place that holds another value in each thread; it goes with the thread, and with itself."""

    value: Any = None

    def __reduce__(self) -> tuple[type[_Own], tuple[()]]:
        """Return copies and pickles a place of their own."""
        return _Own, ()


class _Evaluation:
    """Objects that remember nothing until it is over."""

    __slots__ = ("forgets", "objects")

    def __init__(self, objects: Iterable[object], forgets: bool) -> None:
        # They are held, lest another object gets the id of one that is gone.
        self.objects = {id(one): one for one in objects}
        self.forgets = forgets


# A state of the thread, or of the task within it, so that evaluating writes to no object.
_evaluations: ContextVar[tuple[_Evaluation, ...]] = ContextVar("evaluations", default=())


@contextmanager
def evaluating(objects: Iterable[object], forget: bool = False) -> Iterator[None]:
    """Let `Remembering` objects remember nothing, in this thread, until the block ends.

    What they remember already stays, or, with `forget`, goes with the first that is not remembered.
    """
    one = _Evaluation(objects, forget)
    _evaluations.set((*_evaluations.get(), one))
    try:
        yield
    finally:
        # Over also for copies of this context, and wherever a suspended generator is closed; not
        # by going back to what was there before: blocks of generators do not end in order.
        one.objects = {}
        _evaluations.set(tuple(other for other in _evaluations.get() if other is not one))


class Remembering:
    """Base class of what remembers one value from one call to another, in the same thread."""

    _thread_memory: _Own | None = None  # made when there is something to remember

    @property
    def _memory(self) -> Any:
        """What this thread has left."""
        own = self._thread_memory
        return None if own is None else own.value

    @_memory.setter
    def _memory(self, value: Any) -> None:
        own = self._thread_memory
        if own is None:
            if value is None:
                return
            own = vars(self).setdefault("_thread_memory", _Own())  # another thread may be here, too
        own.value = value

    @property
    def _is_evaluated(self) -> bool:
        """Whether this thread evaluates the object now."""
        return any(id(self) in one.objects for one in _evaluations.get())

    def __getstate__(self) -> Any:
        """Return what copies and pickles hold: all but what threads have left.

        As by default, that is the attributes, or where a class has slots a pair: the attributes,
        and what is in the slots.
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
    """Return the names of a class's own slots, as they are in its objects."""
    for name, value in vars(kind).items():
        if isinstance(value, MemberDescriptorType) and name not in ("__dict__", "__weakref__"):
            yield name
