"""Steps on the CPU that are recorded once and repeated by one call, without their Python.

While a block of `recording` runs, every op computes as always and leaves a copy of its call in the
recording (see ``csrc/core/recording.hpp``). What Python has to do at each repetition is kept beside
it: ``on_replay`` of the back-end renews numbers, such as seeds, and ``after_replay`` looks at
results.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pycnn import _core
from pycnn.backends.contract import NumPyArray

T = TypeVar("T")


class _Here(threading.local):
    recorded: Recorded | None = None


_here = _Here()


class Recorded:
    """The ops of a step, with what Python does before and after each repetition.

    Parameters
    ----------
    log : BlockLog, optional
        What an earlier step of the same ops took, for better places in memory.

    Attributes
    ----------
    ops : Recording
        The calls of the ops.
    after : list of functions
        What is called after a repetition.
    """

    def __init__(self, log: _core.BlockLog | None = None) -> None:
        self.ops = _core.Recording(log)
        self.after: list[Callable[[], None]] = []
        self._renewals: list[tuple[int, int, Callable[[], Any]]] = []

    def renewed_at_replay(self, call: Callable[[], T]) -> T:
        """Call, and keep the call for repetitions."""
        first = self.ops.places
        result = call()
        self._renewals.append((first, self.ops.places, call))
        return result

    def renewed_by_result(self, call: Callable[[], Callable[[], Any]]) -> None:
        """Call, and keep what it returns for repetitions."""
        first = self.ops.places
        again = call()
        self._renewals.append((first, self.ops.places, again))

    def renew(self, begin: int, end: int) -> None:
        """Let these of the kept calls give their ops the numbers of the next repetition.

        Raises
        ------
        RuntimeError
            If a call uses other ops than it did when it was recorded.
        """
        for first, last, call in self._renewals[begin:end]:
            self.ops.start_renewal(first)
            try:
                call()
            finally:
                renewed = self.ops.end_renewal()
            if renewed != last:
                raise RuntimeError("[recording] other ops were called than those of the step")

    @property
    def renewed(self) -> int:
        """How many numbers the kept calls renew."""
        return sum(last - first for first, last, _ in self._renewals)

    @property
    def renewals(self) -> int:
        """How many calls renew numbers."""
        return len(self._renewals)


def recorded_here() -> Recorded | None:
    """Return what this thread records, or None."""
    return _here.recorded


def refuse_here(op: str, reason: str) -> None:
    """Give up what this thread records, if it does: this cannot be repeated without its Python."""
    if _here.recorded is not None:
        _here.recorded.ops.refuse(op, reason)


def trim() -> None:
    """Give the cached blocks of earlier steps back: a recording has blocks of its own."""
    _core.trim_cache()


def chosen_kernels() -> tuple[str, str, str]:
    """Return what decides which kernels run, and the layout of what one keeps for another."""
    return _core.isa(), _core.forced_conv_algorithm(), _core.get_convolution()


@contextmanager
def noting_blocks() -> Iterator[_core.BlockLog]:
    """Note which blocks the ops of this thread take for results, and for how long.

    Calls are kept until the block ends, as a recording would keep them, with the arrays in them.
    """
    log = _core.BlockLog()
    log.start()
    _here.recorded = Recorded()
    try:
        yield log
    finally:
        log.stop()
        _here.recorded = None


@contextmanager
def recording(recorded: Recorded, arrays: list[NumPyArray]) -> Iterator[None]:
    """Record the ops of this thread until the block ends; they may use these arrays."""
    for array in arrays:
        recorded.ops.allow(array)
    recorded.ops.start()
    _here.recorded = recorded
    try:
        yield
    finally:
        _here.recorded = None
        recorded.ops.stop()
