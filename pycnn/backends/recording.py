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

import numpy as np

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
    is_kept : bool
        Whether the step will be repeated. If it only shows what memory it takes, calls of Python's
        need not be kept.

    Attributes
    ----------
    ops : Recording
        The calls of the ops.
    constants : list of arrays
        What its calls read besides arrays of the caller's: they live as long as it does.
    after : list of functions
        What is called after a repetition.
    """

    def __init__(self, log: _core.BlockLog | None = None, *, is_kept: bool = True) -> None:
        self.ops = _core.Recording(log)
        self._is_kept = is_kept
        self.constants: list[NumPyArray] = []
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

    def computed(self, op: str, call: Callable[..., NumPyArray], *operands: Any) -> NumPyArray:
        """Return what a function of arrays and numbers returns, and let repetitions call it.

        Parameters
        ----------
        op : str
            What it does, for lists of the step and for refusals.
        call : function
            Returns a new array. Its shape depends on the shapes of its operands alone; if it does
            not, a repetition raises ValueError.
        *operands : arrays, numbers
            Arrays are those of recorded ops, or such as `recording` was given.
        """
        arrays, filled = _borrowed(operands)
        result = self._called(call, filled)
        place: NumPyArray = _core.recordable(list(result.shape), result.dtype)
        np.copyto(place, result)
        if self._is_kept:
            there = _core.borrowed(place)

            def again() -> None:
                found = call(*filled)
                if found.shape != there.shape:
                    raise ValueError(f"[{op}] gives another shape than {there.shape}")
                np.copyto(there, found)

            self.ops.add_call(op, again, arrays, [place], [])
        return place

    def _called(self, call: Callable[..., NumPyArray], filled: list[Any]) -> NumPyArray:
        """Call; ops that the function uses are not recorded one by one."""
        self.pause()
        try:
            return np.asarray(call(*filled))
        finally:
            self.go_on()

    def pause(self) -> None:
        """Leave out the ops of this thread until `go_on`."""
        if self._is_kept:
            self.ops.pause()

    def go_on(self) -> None:
        """End a pause."""
        if self._is_kept:
            self.ops.start()

    def changed(self, op: str, call: Callable[..., None], *arrays: NumPyArray) -> None:
        """Call a function that changes its first array, and let repetitions call it."""
        _, filled = _borrowed(arrays)
        call(*filled)
        if self._is_kept:
            self.ops.add_call(op, lambda: call(*filled), list(arrays[1:]), [], [arrays[0]])

    def checked(self, op: str, call: Callable[..., None], *arrays: NumPyArray) -> None:
        """Call a function that looks at the numbers of arrays and may raise, now and later."""
        _, filled = _borrowed(arrays)
        call(*filled)
        if self._is_kept:
            self.ops.add_call(op, lambda: call(*filled), list(arrays), [], [])

    def loss(self, op: str, call: Callable[..., float], *arrays: NumPyArray) -> float:
        """Return the loss that a function computes, and let repetitions return theirs."""
        _, filled = _borrowed(arrays)
        if self._is_kept:
            self.ops.add_loss(op, lambda: call(*filled), list(arrays))
        return call(*filled)

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


def _borrowed(operands: tuple[Any, ...]) -> tuple[list[NumPyArray], list[Any]]:
    """Return the arrays among operands, and the operands with arrays that own no memory.

    What is recorded knows arrays by their addresses: it must not keep their blocks from later ops.
    """
    arrays = [one for one in operands if isinstance(one, np.ndarray)]
    filled = [_core.borrowed(one) if isinstance(one, np.ndarray) else one for one in operands]
    return arrays, filled


def recorded_here() -> Recorded | None:
    """Return what this thread records, or None."""
    return _here.recorded


def checked_here(op: str, call: Callable[..., None], *arrays: Any) -> None:
    """Call a function that looks at the numbers of arrays, now and in each repetition."""
    if _here.recorded is None:
        call(*arrays)
    else:
        _here.recorded.checked(op, call, *arrays)


def computed_here(op: str, call: Callable[..., NumPyArray], *operands: Any) -> NumPyArray:
    """Return what NumPy computes from the operands, now and in each repetition."""
    if _here.recorded is None:
        return call(*operands)
    return _here.recorded.computed(op, call, *operands)


def constant_here(array: NumPyArray) -> NumPyArray:
    """Return an array that follows from shapes alone, which a recorded step may read."""
    if _here.recorded is not None:
        _here.recorded.constants.append(array)
        _here.recorded.ops.allow(array)
    return array


def is_constant_here(array: NumPyArray) -> bool:
    """Whether an array is one of `constant_here`."""
    recorded = _here.recorded
    return recorded is not None and any(one is array for one in recorded.constants)


@contextmanager
def unrecorded() -> Iterator[None]:
    """Compute what outlives the step, such as the first state of an optimizer, but for once."""
    recorded, _here.recorded = _here.recorded, None
    if recorded is not None:
        recorded.pause()
    try:
        yield
    finally:
        _here.recorded = recorded
        if recorded is not None:
            recorded.go_on()


def after_here(call: Callable[[], None]) -> None:
    """Call, now and after each repetition; ops that the function uses are not recorded.

    Arrays that it holds keep their memory until then.
    """
    recorded = _here.recorded
    with unrecorded():
        call()
    if recorded is not None:
        recorded.after.append(call)


def loss_here(op: str, call: Callable[..., float], *arrays: NumPyArray) -> float:
    """Return the loss that a function computes of arrays, now and in each repetition."""
    return call(*arrays) if _here.recorded is None else _here.recorded.loss(op, call, *arrays)


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
    _here.recorded = Recorded(is_kept=False)
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
