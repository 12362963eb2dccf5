"""A batch that is spread over several processes: what layers need to know of the rest of it.

Most layers treat each sample by itself. Those that do not are right in each process only if they
know where its samples stand in the whole batch (`Dropout`), or see the others' (`BatchNorm2d`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeAlias

from pycnn.layers.parameter import Array

Total: TypeAlias = Callable[[Array], Array]
"""Adds float64 arrays of one shape up over the processes; each gets the sum."""


@dataclass(frozen=True)
class Spread:
    """The part of a batch that is here.

    Attributes
    ----------
    first : int
        Samples of the batch that stand before it, in other processes.
    samples : int
        Samples in it.
    counts : bool
        Whether they belong to the batch; else this process has none of it, and one that is borrowed
        lets it keep step with the others.
    total : function of array, or None
        Where the statistics of batch normalisation are to be those of the whole batch, what adds
        them up.
    """

    first: int
    samples: int
    total: Total | None = None
    counts: bool = True

    def numbers_before(self, size: int) -> int:
        """Count the numbers before those of an array of `size` of them, the batch along axis 0."""
        return self.first * (size // self.samples)


_spread: ContextVar[Spread | None] = ContextVar("spread", default=None)


@contextmanager
def spread(part: Spread) -> Iterator[None]:
    """Let layers know, in this thread, that their batch is a part of a larger one."""
    before = _spread.set(part)
    try:
        yield
    finally:
        _spread.reset(before)


def spread_here() -> Spread | None:
    """Return the part that is here; None where the batch is whole."""
    return _spread.get()
