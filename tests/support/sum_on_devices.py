"""Under mpiexec: sums over ranks of arrays on the emulated device, compared with NumPy's.

The first argument names the case. Each rank prints one line when all is as it should be.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

from pycnn import devices
from pycnn.distributed import nccl, transport
from pycnn.distributed.cuda_device import launched_as
from pycnn.distributed.device_sum import Floats, NcclSum, device_sum

COMM = MPI.COMM_WORLD
DEVICE = devices.extension("cuda_emulated")
SHAPES = [(3, 2), (0,), (), (2, 3, 5), (1,), (4099,), (2, 0, 3)]


def numbers(rank: int, shapes: list[tuple[int, ...]]) -> list[Floats]:
    """Return whole numbers, which add up exactly in any order."""
    rng = np.random.default_rng(rank)
    return [rng.integers(-99, 99, shape).astype(np.float32) for shape in shapes]


def add(flat: Floats) -> None:
    COMM.Allreduce(MPI.IN_PLACE, flat)


def on_device(arrays: list[Floats]) -> list[Any]:
    """Return the arrays, each doubled by a kernel that has not run yet on return."""
    there = [DEVICE.DeviceArray.from_numpy(array) for array in arrays]
    for array in there:
        array += array
    return there


def sums() -> str:
    """Sum many arrays, then few, then more, on the common stream and on a separate one."""
    total = device_sum(COMM, "cuda_emulated", deterministic=len(sys.argv) > 2)
    for shapes in (SHAPES, SHAPES[:3], SHAPES * 2, [], SHAPES[1:2]):
        there = on_device(numbers(COMM.rank, shapes))
        total.sum(there, add)
        with DEVICE.Stream():
            total.sum(there, add)
        every = [numbers(rank, shapes) for rank in range(COMM.size)]
        for array, *parts in zip(there, *every, strict=True):
            np.testing.assert_array_equal(array.numpy(), 2 * COMM.size * sum(parts))
    total.close()
    return f"{total.name} ({total.reason})"


def refused() -> str:
    """The last rank wants something else."""
    if COMM.rank == COMM.size - 1:
        os.environ[transport.VARIABLE] = sys.argv[2]
    try:
        device_sum(COMM, "cuda_emulated", deterministic=False)
    except (RuntimeError, ValueError) as error:
        return f"{type(error).__name__} {error}"
    return "nothing"


def with_nccl() -> str:
    """A library that stands in for NCCL: the ranks join one communicator, and its sums arrive."""
    log = Path(f"{sys.argv[3]}.{COMM.rank}")
    os.environ["FAKE_NCCL_LOG"] = str(log)
    nccl.candidates = lambda: sys.argv[2:3]
    total = NcclSum(COMM, "cuda_emulated", nccl.Nccl())
    there = [DEVICE.DeviceArray.from_numpy(array) for array in numbers(0, SHAPES)]
    total.sum(there, add)
    for array, one in zip(there, numbers(0, SHAPES), strict=True):
        np.testing.assert_array_equal(array.numpy(), COMM.size * one)
    total.close()
    joined = next(line for line in log.read_text().splitlines() if "InitRank" in line)
    return joined.replace(f" {COMM.rank} of", " RANK of")


def place() -> str:
    """The launcher and MPI agree."""
    local = COMM.Split_type(MPI.COMM_TYPE_SHARED)
    said = launched_as()
    assert said in (None, (local.rank, local.size))
    return "silent" if said is None else "same"


print(
    {"place": place, "sums": sums, "refused": refused, "nccl": with_nccl}[sys.argv[1]](), flush=True
)
