"""What ranks exchange besides gradients: texts, arrays, sums; nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pycnn.distributed.mpi import DistributedError
from pycnn.layers.parameter import Array
from pycnn.training.tree import flatten, rebuild

if TYPE_CHECKING:
    from mpi4py import MPI

T = TypeVar("T")

# Errors that one rank reports to the others, to be raised by all; other errors end the job.
_ERRORS: Mapping[str, type[Exception]] = {
    "DistributedError": DistributedError,
    "TypeError": TypeError,
    "ValueError": ValueError,
    "RuntimeError": RuntimeError,
    "OSError": OSError,
    "MemoryError": MemoryError,
}
# MPI counts in 32-bit ints: longer arrays go in pieces of 1 GiB.
PIECE = 1 << 30


class Channel:
    """Collective calls of a communicator: all ranks make the same calls in the same order.

    Parameters
    ----------
    comm : MPI.Intracomm
        Duplicated, so that no other messages use it.
    """

    def __init__(self, comm: MPI.Intracomm | MPI.Comm) -> None:
        self.comm: MPI.Intracomm = comm.Dup()  # type: ignore[assignment]
        self.rank, self.size = comm.Get_rank(), comm.Get_size()

    def texts(self, text: str) -> list[str]:
        """Return the text of every rank."""
        mine = np.frombuffer(text.encode(), np.uint8)
        lengths = np.empty(self.size, np.int64)
        self.comm.Allgather(np.array([mine.size], np.int64), lengths)
        joined = np.empty(int(lengths.sum()), np.uint8)
        self.comm.Allgatherv(mine, [joined, lengths.tolist()])
        ends = np.cumsum(lengths)[:-1].tolist()
        return [part.tobytes().decode() for part in np.split(joined, ends)]

    def first_text(self, text: str | None) -> tuple[int, str] | None:
        """Return number and text of the first rank that has a text; None if no rank has one."""
        numbers = self.gathered(np.array([text is not None], np.int64))
        if not numbers.any():
            return None
        rank = int(np.argmax(numbers[:, 0]))
        return rank, self.broadcast_text(text or "", rank)

    def gathered(self, numbers: Array) -> Array:
        """Return the arrays of all ranks, of equal shape and dtype, along a new first axis."""
        everything = np.empty((self.size, *numbers.shape), numbers.dtype)
        self.comm.Allgather(np.ascontiguousarray(numbers), everything)
        return everything

    def total(self, numbers: Array) -> Array:
        """Sum float64 arrays in the order of the ranks, so that the bits are always the same."""
        total: Array = np.add.reduce(self.gathered(numbers), axis=0)
        return total

    def broadcast_text(self, text: str, root: int = 0) -> str:
        """Return the text of rank `root` on all ranks."""
        data = np.frombuffer(text.encode(), np.uint8)
        length = np.array([data.size], np.int64)
        self.comm.Bcast(length, root)
        content = data.copy() if self.rank == root else np.empty(int(length[0]), np.uint8)
        self.comm.Bcast(content, root)
        return content.tobytes().decode()

    def broadcast_array(self, array: Array, root: int = 0) -> None:
        """Replace the values of a C-contiguous array by those of rank `root`."""
        flat = array.reshape(-1).view(np.uint8)
        for start in range(0, flat.size, PIECE):
            self.comm.Bcast(flat[start : start + PIECE], root)

    def broadcast_state(self, state: Any, root: int = 0) -> Any:
        """Return the state of rank `root`, as `pycnn.training.tree` describes it, on all ranks."""
        content, arrays = flatten(state, "state:") if self.rank == root else (None, {})
        header = {name: [str(a.dtype), list(a.shape)] for name, a in arrays.items()}
        content, header = json.loads(self.broadcast_text(json.dumps([content, header]), root))
        if self.rank == root:
            arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        else:
            arrays = {name: np.empty(shape, dtype) for name, (dtype, shape) in header.items()}
        for array in arrays.values():
            self.broadcast_array(array, root)
        return rebuild(content, arrays)

    def by_first(self, call: Callable[[], T]) -> T:
        """Call on rank 0 only; return its result, or raise its error, on all ranks."""
        result: Any = None
        problem: Exception | None = None
        try:
            result = call() if self.rank == 0 else None
        except tuple(_ERRORS.values()) as error:
            problem = error
        text = json.dumps([_kind(problem), _words(problem)]) if problem is not None else ""
        text = self.broadcast_text(text)
        if problem is not None:
            raise problem
        if text:
            kind, words = json.loads(text)
            raise _ERRORS[kind](words)
        return self.broadcast_state(result)  # type: ignore[no-any-return]

    def raise_together(self, error: Exception | None) -> None:
        """Raise on all ranks if one has an error: a rank's own, or that of the first with one."""
        found = self.first_text(
            None if error is None else json.dumps([_kind(error), _words(error)])
        )
        if found is None:
            return
        if error is not None:
            raise error
        rank, problem = found
        kind, words = json.loads(problem)
        raise _ERRORS[kind](f"rank {rank}: {words}")


def _kind(error: Exception) -> str:
    """Return the name of the error that all ranks raise for this one."""
    return next((name for name, kind in _ERRORS.items() if isinstance(error, kind)), "RuntimeError")


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror + ("" if error.filename is None else f": {error.filename}")
    return str(error) or type(error).__name__
