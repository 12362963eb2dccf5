"""Changes that a forward pass makes to a model, kept back until the update of its step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Change = Callable[[], None]

_kept: ContextVar[list[Change] | None] = ContextVar("kept", default=None)


@contextmanager
def changes_kept() -> Iterator[list[Change]]:
    """Keep the changes that layers make in this block, for the caller to make them later."""
    changes: list[Change] = []
    before = _kept.set(changes)
    try:
        yield changes
    finally:
        _kept.reset(before)


def change(call: Change) -> None:
    """Change a buffer: now, or with the update of the step where `pycnn.fit` takes one.

    Until then other threads, and callbacks before the update, see the model as the step before
    has left it.
    """
    changes = _kept.get()
    if changes is None:
        call()
    else:
        changes.append(call)
