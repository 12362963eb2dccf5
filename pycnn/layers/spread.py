"""What layers need to know of a batch that is spread over several processes.

Most layers treat each sample by itself. The others need to know where the samples of their process
stand in the whole batch (`Dropout`), or need sums over all samples (`BatchNorm2d`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeAlias

from pycnn.layers.parameter import Array

Total: TypeAlias = Callable[[Array], Array]
"""Adds up float64 arrays of one shape over the processes; each process gets the sum."""


@dataclass(frozen=True)
class Spread:
    """The part of a batch that this process has.

    Attributes
    ----------
    first : int
        Samples of the batch that come before the part, in other processes.
    samples : int
        Samples in the part.
    counts : bool
        Whether they belong to the batch. If not, this process has none of its samples, and a
        borrowed sample keeps it in step with the others.
    total : function of array, or None
        Adds up the statistics of batch normalisation over the processes, where they are to be those
        of the whole batch.
    """

    first: int
    samples: int
    total: Total | None = None
    counts: bool = True

    def numbers_before(self, size: int) -> int:
        """Count the numbers of the whole batch before this part, which has `size` of them."""
        return self.first * (size // self.samples)


_spread: ContextVar[Spread | None] = ContextVar("spread", default=None)


@contextmanager
def spread(part: Spread) -> Iterator[None]:
    """Tell layers in this thread that their batch is a part of a larger one."""
    before = _spread.set(part)
    try:
        yield
    finally:
        _spread.reset(before)


def spread_here() -> Spread | None:
    """Return the part that this process has; None if the batch is whole."""
    return _spread.get()
