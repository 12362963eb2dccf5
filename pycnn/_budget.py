"""Bound the numbers of a model that is made from a checkpoint: no more than the file has.

A few bytes of a header can ask for a model of any size. `limited` sets the bound for its block, in
this thread; code that makes arrays of a size given by an argument calls `allow` first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod

# Additional numbers allowed for arrays that no file holds, such as fixed connections.
SPARE = 1 << 21


class _Budget:
    """Arrays of the model's state, and numbers in all, that may still be made."""

    def __init__(self, arrays: int, numbers: int) -> None:
        self.arrays = arrays
        self.numbers = self.total = numbers
        self.whole = f"{arrays:,} arrays of {numbers:,} numbers in all"


_budget: ContextVar[_Budget | None] = ContextVar("budget", default=None)


@contextmanager
def limited(arrays: int, numbers: int) -> Iterator[None]:
    """Bound the parameters and buffers made within the block, and their numbers."""
    token = _budget.set(_Budget(arrays, numbers))
    try:
        yield
    finally:
        _budget.reset(token)


def allow(shape: tuple[int, ...]) -> None:
    """Refuse an array that is larger than all those of the file; call this before it is made.

    It may be one that is made for a while only, such as new values of a weight that exists, so what
    is left of the budget does not count here: `take` looks at that.

    Raises
    ------
    ValueError
        If the array is too large.
    """
    budget = _budget.get()
    if budget is not None and prod(shape) > budget.total + SPARE:
        raise ValueError(f"an array of shape {shape} is asked for, but the file has {budget.whole}")


def take(shape: tuple[int, ...]) -> None:
    """Count a parameter or a buffer.

    Raises
    ------
    ValueError
        If it is more than the rest of the budget.
    """
    allow(shape)
    budget = _budget.get()
    if budget is None:
        return
    budget.arrays -= 1
    budget.numbers -= prod(shape)
    if budget.arrays < 0 or budget.numbers < -SPARE:
        raise ValueError(f"more arrays are asked for than the file has, {budget.whole}")
