"""What a launcher, such as mpiexec, tells each process before MPI starts."""

from __future__ import annotations

import os
from collections.abc import Mapping

# Variables in which launchers state the number of processes and the rank: Open MPI, MPICH and Intel
# MPI, Slurm's srun. (Not SLURM_NTASKS: the script of a job has it, too, and rank 0.)
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")
_RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID")


def launched(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many processes a launcher has started, by its variables; 1 without a launcher."""
    for size, rank in zip(_SIZES, _RANKS, strict=True):
        if rank in environment and environment.get(size, "").isdigit():
            return int(environment[size])
    return 1


def launched_rank(environment: Mapping[str, str] = os.environ) -> int:
    """Return the rank that a launcher gave this process, by its variables; 0 without a launcher."""
    found = (environment[name] for name in _RANKS if environment.get(name, "").isdigit())
    return int(next(found, "0"))
