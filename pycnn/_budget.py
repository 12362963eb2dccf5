"""How many numbers a model may take while a checkpoint makes it: no more than the file has.

A few bytes of a header can ask for a model of any size. `limited` sets the bound for what is made
within it, in this thread; whoever makes arrays whose size an argument tells calls `allow` first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import prod

# Arrays that no file holds, such as fixed connections, may take so many numbers besides.
SPARE = 1 << 21


class _Budget:
    """What is left: arrays of the model's state, and numbers in all."""

    def __init__(self, arrays: int, numbers: int) -> None:
        self.arrays = arrays
        self.numbers = numbers
        self.whole = f"{arrays:,} arrays of {numbers:,} numbers in all"


_budget: ContextVar[_Budget | None] = ContextVar("budget", default=None)


@contextmanager
def limited(arrays: int, numbers: int) -> Iterator[None]:
    """Bound what is made meanwhile: so many parameters and buffers, and their numbers."""
    token = _budget.set(_Budget(arrays, numbers))
    try:
        yield
    finally:
        _budget.reset(token)


def allow(shape: tuple[int, ...]) -> None:
    """Refuse an array that is larger than what is left; call it before the array is made.

    Raises
    ------
    ValueError
        If it is.
    """
    budget = _budget.get()
    if budget is not None and prod(shape) > budget.numbers + SPARE:
        raise ValueError(f"an array of shape {shape} is asked for, but the file has {budget.whole}")


def take(shape: tuple[int, ...]) -> None:
    """Count a parameter or a buffer.

    Raises
    ------
    ValueError
        If it is more than what is left.
    """
    allow(shape)
    budget = _budget.get()
    if budget is None:
        return
    budget.arrays -= 1
    budget.numbers -= prod(shape)
    if budget.arrays < 0 or budget.numbers < -SPARE:
        raise ValueError(f"more arrays are asked for than the file has, {budget.whole}")
