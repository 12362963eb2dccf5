"""End the job when a rank fails: exceptions do not reach the others, which wait for it in MPI."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import numpy as np

from pycnn._printable import printable
from pycnn.training.interrupt import Stopped

if TYPE_CHECKING:
    from mpi4py import MPI

# Seconds within which all ranks meet a common error: they run in step, so milliseconds would do,
# but the machine may be busy.
TOGETHER = 2.0
# Tags of the messages "I am here", "I have failed" and "I have ended".
# (MPI allows tags up to 32,767 at least; a user's own begin at 0.)
HERE, FAILED, ENDED = 32101, 32102, 32103
# Exit codes: of any failure, and of an error that a command reports in one line.
ERROR, USAGE_ERROR = 1, 2


class Agreed(KeyboardInterrupt):
    """An interruption between two steps, to which all ranks have agreed."""


def meet(comm: MPI.Intracomm, seconds: float) -> None:
    """Wait until every rank is here; end the job, and name the rank, if one does not come.

    Without this, ranks that have begun would wait forever for one that never does.
    """
    tell(comm, HERE)
    missing = others(comm)
    deadline = time.monotonic() + seconds
    while missing:
        _hear(comm, missing, HERE)
        gone = [rank for rank in missing if comm.Iprobe(rank, ENDED)]
        if gone:
            end_job(comm, f"rank {gone[0]} has ended, without training with the others", ERROR)
        if missing and time.monotonic() > deadline:
            late = ", ".join(map(str, sorted(missing)))
            end_job(
                comm, f"after {seconds:g} s of waiting, these ranks have not come: {late}", ERROR
            )
        time.sleep(0.001)


def tell(comm: MPI.Intracomm, tag: int) -> None:
    """Send an empty message to all other ranks; they need not be waiting for it."""
    nothing = np.zeros(0, np.uint8)
    for other in others(comm):
        comm.Isend(nothing, other, tag).Free()


def others(comm: MPI.Intracomm) -> set[int]:
    """Return the numbers of the other ranks."""
    return set(range(comm.Get_size())) - {comm.Get_rank()}


def _hear(comm: MPI.Intracomm, missing: set[int], tag: int) -> None:
    """Receive the messages that have arrived, and remove their ranks from `missing`."""
    nothing = np.zeros(0, np.uint8)
    for rank in list(missing):
        if comm.Iprobe(rank, tag):
            comm.Recv(nothing, rank, tag)
            missing.discard(rank)


@contextmanager
def guarded(comm: MPI.Intracomm, brief: bool) -> Iterator[None]:
    """End the job with the message of this rank, if this rank alone leaves by an exception.

    An error of all ranks, such as for an argument that is wrong everywhere, is raised as usual.

    Parameters
    ----------
    comm : MPI.Intracomm
        Of the ranks.
    brief : bool
        Whether the message is one line, as for a command, or has the traceback.
    """
    try:
        yield
    except Agreed:
        raise
    except BaseException as error:
        if _all_failed(comm):
            raise
        words = str(error) or type(error).__name__
        if isinstance(error, SystemExit | KeyboardInterrupt):
            words = f"left the training ({type(error).__name__}{': ' if str(error) else ''}{error})"
        elif not brief:
            words = traceback.format_exc().rstrip()
        code = getattr(error, "exit_code", None) if isinstance(error, Stopped) else None
        end_job(comm, words, code or (USAGE_ERROR if brief else ERROR), brief=brief)


def end_job(comm: MPI.Intracomm, words: str, code: int, *, brief: bool = True) -> None:
    """Say what happened on this rank, and end all ranks."""
    rank, size = comm.Get_rank(), comm.Get_size()
    text = f"rank {rank} of {size}: {printable(' '.join(words.split())) if brief else words}"
    with suppress(Exception):
        print(f"pycnn: error: {text}", file=sys.stderr, flush=True)
    with suppress(Exception):
        sys.stdout.flush()
    # Let the launcher read the text before it ends the process.
    time.sleep(0.1)
    comm.Abort(code)


def _all_failed(comm: MPI.Intracomm) -> bool:
    """Tell the other ranks that this one has failed; return whether all of them have, too."""
    tell(comm, FAILED)
    missing = others(comm)
    deadline = time.monotonic() + TOGETHER
    while missing and time.monotonic() < deadline:
        _hear(comm, missing, FAILED)
        time.sleep(0.001)
    return not missing
