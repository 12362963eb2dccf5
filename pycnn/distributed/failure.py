"""A rank that fails ends the job: no exception reaches the others, which wait for it in MPI."""

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

# Seconds in which all ranks that meet the same trouble have come to it: they are in step, so that
# milliseconds would do, but for a machine that has other work.
TOGETHER = 2.0
# Of the messages: "I am here" and "I have failed".
HERE, FAILED = 1, 2
# Exit codes: of a failure, and of one that a command has words for.
ERROR, USAGE_ERROR = 1, 2


class Agreed(KeyboardInterrupt):
    """An interruption that all ranks have agreed on, which ends the training between two steps."""


def meet(comm: MPI.Intracomm, seconds: float) -> None:
    """Wait until every rank is here; a rank that does not come ends the job, by name.

    Without this, ranks that have begun would wait for ever for one that never does.
    """
    rank, size = comm.Get_rank(), comm.Get_size()
    nothing = np.zeros(0, np.uint8)
    sent = [comm.Isend(nothing, other, HERE) for other in range(size) if other != rank]
    missing = {other for other in range(size) if other != rank}
    deadline = time.monotonic() + seconds
    while missing:
        for other in list(missing):
            if comm.Iprobe(other, HERE):
                comm.Recv(nothing, other, HERE)
                missing.discard(other)
        if missing and time.monotonic() > deadline:
            late = ", ".join(map(str, sorted(missing)))
            end_job(
                comm, f"after {seconds:g} s of waiting, these ranks have not come: {late}", ERROR
            )
        time.sleep(0.001)
    for message in sent:
        message.Wait()


@contextmanager
def guarded(comm: MPI.Intracomm, brief: bool) -> Iterator[None]:
    """End the job, with the message of this rank, if this rank alone leaves by an exception.

    What all ranks raise, such as for an argument that is wrong for all, is raised as ever.

    Parameters
    ----------
    comm : MPI.Intracomm
        Of the ranks.
    brief : bool
        Whether the message is one line, as a command's, or has the traceback.
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
    # Somebody has to have read it before the launcher ends the process.
    time.sleep(0.1)
    comm.Abort(code)


def _all_failed(comm: MPI.Intracomm) -> bool:
    """Tell the others that this rank has failed, and whether all of them have, too."""
    rank, size = comm.Get_rank(), comm.Get_size()
    nothing = np.zeros(0, np.uint8)
    for other in range(size):
        if other != rank:
            comm.Isend(nothing, other, FAILED)
    missing = {other for other in range(size) if other != rank}
    deadline = time.monotonic() + TOGETHER
    while missing and time.monotonic() < deadline:
        for other in list(missing):
            if comm.Iprobe(other, FAILED):
                comm.Recv(nothing, other, FAILED)
                missing.discard(other)
        time.sleep(0.001)
    return not missing
