"""What a launcher, such as mpiexec, tells each process that it starts, before MPI is there."""

from __future__ import annotations

import os
from collections.abc import Mapping

# How launchers tell each process how many they have started: Open MPI, MPICH and Intel MPI, and
# Slurm's srun. (SLURM_NTASKS will not do: the script of a job has it, too, and a rank 0.)
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")
_RANKS = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID")


def launched(environment: Mapping[str, str] = os.environ) -> int:
    """Tell how many processes a launcher has started, by its environment variables; 1 for none."""
    for size, rank in zip(_SIZES, _RANKS, strict=True):
        if rank in environment and environment.get(size, "").isdigit():
            return int(environment[size])
    return 1


def launched_rank(environment: Mapping[str, str] = os.environ) -> int:
    """Tell the number that a launcher has given this process, by its environment; 0 for none."""
    found = (environment[name] for name in _RANKS if environment.get(name, "").isdigit())
    return int(next(found, "0"))
