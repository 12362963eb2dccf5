"""Turns: threads that read a model and one that changes it take it by turns."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pycnn._memory import evaluating
from pycnn.devices import backend, extension, needs_extension
from pycnn.layers.contained import attributes_of
from pycnn.layers.parameter import Buffer, Parameter

if TYPE_CHECKING:
    from pycnn.layers.module import Module

# Seconds after which a thread that waits looks again: a signal may come between the end of a turn
# and the call that tells others of it.
PATIENCE = 0.1


class Turn:
    """A place in the line: of one that reads a model, or of one that changes it.

    A module that has a part in common with the model counts as the model. Threads get their turns
    in the order in which they asked. A thread that has a turn already does not wait for itself.

    Parameters
    ----------
    model : Module
        The model; its parts are looked up once.
    alone : bool
        Whether the model is to be changed, while no other thread reads or changes it.

    Attributes
    ----------
    is_running : bool
        Whether the turn has begun.
    is_paused : bool
        Whether others may read meanwhile, but not change anything.
    is_over : bool
        Whether the turn has left the line, or is about to.
    """

    __slots__ = ("_keys", "alone", "is_over", "is_paused", "is_running", "model", "thread")

    def __init__(self, model: Module, *, alone: bool = False) -> None:
        self.model, self.alone = model, alone
        self.thread = threading.get_ident()
        self.is_running = self.is_paused = self.is_over = False
        self._keys: frozenset[int] | None = None

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for the turn, and in the end let the next one begin; it can be taken again."""
        try:
            _line.enter(self)
            yield
        finally:
            _line.leave(self)

    @property
    def keys(self) -> frozenset[int]:
        """Ids of the parts: two models with a part in common share one of them."""
        if self._keys is None:
            modules = list(self.model.modules())
            parts = (value for module in modules for value in attributes_of(module).values())
            state = (value for value in parts if isinstance(value, Parameter | Buffer))
            self._keys = frozenset(map(id, [*modules, *state]))
        return self._keys

    def excludes(self, other: Turn) -> bool:
        """Whether the two must not run at once; turns of one thread always may."""
        changes = any(turn.alone and not turn.is_paused for turn in (self, other))
        return changes and self.concerns(other)

    def concerns(self, other: Turn) -> bool:
        """Whether the two are of other threads and have a part in common."""
        return self.thread != other.thread and not self.keys.isdisjoint(other.keys)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let others read until the block ends; threads that want to change anything still wait."""
        _line.pause(self)
        try:
            yield
        finally:
            _line.resume(self)


class _Line:
    """Turns in order of arrival. A turn begins when no turn in front of it excludes it.

    So neither readers nor writers wait for ever, and a thread that needs several models gets them
    at once. A thread may take a turn within a turn: it does not wait for threads that wait for it,
    which would last for ever. While a turn is paused, readers go in front of it and of the turns
    that wait for it, because the pause may be meant for one of them.
    """

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Start with an empty line: a forked child has no other threads."""
        self.turns: list[Turn] = []
        # The lock can be taken again, because a signal handler may predict, too.
        self.changed = threading.Condition(threading.RLock())

    def enter(self, turn: Turn) -> None:
        """Wait for the turn to begin."""
        with self.changed:
            turn.is_over = turn.is_paused = False
            self.turns.append(turn)
            self._wait(turn)
            if not turn.alone:
                self._put_in_front(turn)

    def pause(self, turn: Turn) -> None:
        """Let readers begin."""
        with self.changed:
            turn.is_paused = True
            self.changed.notify_all()

    def resume(self, turn: Turn) -> None:
        """Wait for the readers that have begun in the pause."""
        with self.changed:
            turn.is_running = turn.is_paused = False
            self._wait(turn)

    def _wait(self, turn: Turn) -> None:
        while not self._may_begin(turn):
            self.changed.wait(PATIENCE)
        turn.is_running = True

    def _put_in_front(self, turn: Turn) -> None:
        """Move a reader before all turns that would change what it reads: they wait for it."""
        for index, other in enumerate(self.turns):
            if other is turn:
                return
            if other.alone and other.concerns(turn):
                self.turns.remove(turn)
                self.turns.insert(index, turn)
                return

    def leave(self, turn: Turn) -> None:
        """Let the next one begin."""
        turn.is_over = True  # first, in one step: whatever interrupts the rest, nobody is held up
        turn.is_running = False
        with self.changed:
            self.turns[:] = [other for other in self.turns if not other.is_over]
            if self.turns:
                self.changed.notify_all()

    def _in_front(self, turn: Turn) -> Iterator[Turn]:
        """Return the turns in front of a turn that exclude it."""
        for other in self.turns:
            if other is turn:
                return
            if not other.is_over and other.excludes(turn):
                yield other

    def _may_begin(self, turn: Turn) -> bool:
        return all(
            self._waits_for(other.thread, turn.thread, frozenset())
            or (not turn.alone and self._waits_for_a_pause(other))
            for other in self._in_front(turn)
        )

    def _waits_for_a_pause(self, turn: Turn) -> bool:
        """Whether a turn waits until another thread ends its pause."""
        return not turn.is_running and any(
            self._waits_for(turn.thread, other.thread, frozenset())
            for other in self.turns
            if other.is_paused and not other.is_over
        )

    def _waits_for(self, thread: int, holder: int, seen: frozenset[int]) -> bool:
        """Whether a thread waits, directly or by way of others, for a turn of another to end."""
        for turn in self.turns:
            if turn.thread != thread or turn.is_running or turn.is_over:
                continue
            for other in self._in_front(turn):
                if other.thread == holder:
                    if other.is_running:
                        return True
                elif other.thread not in seen and self._waits_for(
                    other.thread, holder, seen | {thread}
                ):
                    return True
        return False


_line = _Line()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_line.renew)


@contextmanager
def between_steps(model: Module, *losses: object) -> Iterator[None]:
    """Run a model in evaluation mode, on its stream, while no other thread changes it.

    Keep the block short: one batch at a time, and nothing that waits for another thread.
    """
    with Turn(model).taken(), evaluating([*model.modules(), *losses]):
        if not needs_extension(device := model._placed()):
            yield
            return
        with backend(device).stream_of(model):
            # A model that shares a part with this one may have work on its own stream.
            extension(device).synchronize()
            yield
