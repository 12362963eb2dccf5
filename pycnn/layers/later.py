"""Changes that a forward pass makes to a model, delayed until the update of its step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Change = Callable[[], None]

_kept: ContextVar[list[Change] | None] = ContextVar("kept", default=None)


@contextmanager
def changes_kept() -> Iterator[list[Change]]:
    """Collect the changes that layers want to make in this block; the caller makes them later."""
    changes: list[Change] = []
    before = _kept.set(changes)
    try:
        yield changes
    finally:
        _kept.reset(before)


def change(call: Change) -> None:
    """Make a change now, or within a step of `pycnn.fit` together with its update.

    Until then other threads, and callbacks before the update, see the model as the previous step
    left it.
    """
    changes = _kept.get()
    if changes is None:
        call()
    else:
        changes.append(call)
