"""Changes that a forward pass makes to a model, delayed until the update of its step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

Change = Callable[[], None]

_kept: ContextVar[list[Change] | None] = ContextVar("kept", default=None)
_copying: ContextVar[bool] = ContextVar("copying", default=False)


@contextmanager
def changes_kept(*, copying: bool = False) -> Iterator[list[Change]]:
    """Collect the changes that layers want to make in this block; the caller makes them later.

    If other passes come before, they may overwrite what the changes need: with `copying`, it is
    copied.
    """
    changes: list[Change] = []
    before, copied_before = _kept.set(changes), _copying.set(copying)
    try:
        yield changes
    finally:
        _kept.reset(before)
        _copying.reset(copied_before)


def held(array: Any) -> Any:
    """Return an array for a change that is made later: itself, or a copy if it may change."""
    return array.copy() if _copying.get() and isinstance(array, np.ndarray) else array


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


def make(changes: Sequence[Change]) -> None:
    """Make the changes that a forward pass has postponed."""
    for change in changes:
        change()
