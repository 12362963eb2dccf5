"""How sums of arrays on a device travel between ranks; all ranks make the same choice.

Each rank states its facts in a row of numbers, all ranks see all rows, and `choose` makes the same
choice of them, or raises the same error, on each.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pycnn.devices import EXTENSIONS
from pycnn.distributed.cuda_device import gpu_uuid
from pycnn.distributed.nccl import OLDEST, Nccl, version_name

VARIABLE = "PYCNN_GPU_TRANSPORT"
TRANSPORTS = ("nccl", "mpi", "host")
_DEVICES = tuple(EXTENSIONS)

NO, YES, UNKNOWN = 0, 1, 2

# Sonames of MPI libraries: Open MPI; MPICH and its derivatives; MPI's standard binary interface.
_MPI_LIBRARIES = ("libmpi.so.40", "libmpi.so.12", "libmpi_abi.so.0")


class Facts(NamedTuple):
    """What a rank has and wants, in numbers that fit int64."""

    wish: int  # 0: none; else the number of the transport, from 1; -1: there is no such transport
    device: int
    deterministic: int
    nccl: int  # its version; 0: none
    mpi: int  # whether its MPI takes memory of a GPU: NO, YES, UNKNOWN
    gpu_high: int  # the halves of the UUID of its GPU; zeros if unknown
    gpu_low: int


def facts(device: str, deterministic: bool, nccl: Nccl | None) -> Facts:
    """Return the facts of this rank."""
    word = os.environ.get(VARIABLE, "")
    wish = 0 if not word else TRANSPORTS.index(word) + 1 if word in TRANSPORTS else -1
    high, low = np.frombuffer(gpu_uuid() if device == "cuda" else bytes(16), np.int64)
    return Facts(
        wish,
        _DEVICES.index(device),
        int(deterministic),
        nccl.version if nccl is not None else 0,
        mpi_takes_gpu_memory(),
        int(high),
        int(low),
    )


def exchanged(comm: Any, own: Facts) -> list[Facts]:
    """Return the facts of all ranks, in their order."""
    row = np.array(own, np.int64)
    rows = np.empty((comm.Get_size(), len(row)), np.int64)
    comm.Allgather(row, rows)
    return [Facts(*numbers) for numbers in rows.tolist()]


def choose(ranks: Sequence[Facts]) -> tuple[str, str]:
    """Return the transport for all ranks, and why it is not a preferred one.

    Raises
    ------
    ValueError
        If ranks ask for different transports, or for an unknown one.
    RuntimeError
        If the one they ask for is not available.
    """
    for rank, one in enumerate(ranks):
        if one.wish < 0:
            raise ValueError(
                f"[distributed] {VARIABLE} must be one of {', '.join(TRANSPORTS)}: that of rank "
                f"{rank} is none of them"
            )
        _check_same(rank, VARIABLE, _wish_name(one), _wish_name(ranks[0]))
        _check_same(rank, "device", _DEVICES[one.device], _DEVICES[ranks[0].device])
        _check_same(rank, "deterministic", bool(one.deterministic), bool(ranks[0].deterministic))
    wish = ranks[0].wish
    if wish:
        transport = TRANSPORTS[wish - 1]
        if obstacle := _obstacle(transport, ranks, wanted=True):
            raise RuntimeError(f"[distributed] {VARIABLE}={transport} cannot be: {obstacle}")
        return transport, f"{VARIABLE} says so"
    obstacles = []
    for transport in TRANSPORTS:
        obstacle = _obstacle(transport, ranks, wanted=False)
        if not obstacle:
            break
        obstacles.append(obstacle)
    return transport, "; ".join(dict.fromkeys(obstacles))


def _wish_name(one: Facts) -> str:
    return TRANSPORTS[one.wish - 1] if one.wish else "not set"


def _check_same(rank: int, name: str, value: object, first: object) -> None:
    if value != first:
        raise ValueError(
            f"[distributed] {name} must be the same on all ranks: it is {first} on rank 0 and "
            f"{value} on rank {rank}"
        )


def _obstacle(transport: str, ranks: Sequence[Facts], *, wanted: bool) -> str:
    """Return what prevents a transport; an empty text if nothing does, as for the last one."""
    if transport == "host":
        return ""
    if ranks[0].deterministic:
        return "deterministic sums are added up on the CPU, in an order of their own"
    if transport == "nccl":
        return _obstacle_to_nccl(ranks)
    return _obstacle_to_mpi(ranks, wanted=wanted)


def _obstacle_to_nccl(ranks: Sequence[Facts]) -> str:
    if _DEVICES[ranks[0].device] != "cuda":
        return "NCCL is for GPUs, and the device is an emulated one"
    for rank, one in enumerate(ranks):
        if not one.nccl:
            return (
                f"rank {rank} has no NCCL, of version {version_name(OLDEST)} or later (pip install "
                "nvidia-nccl-cu13, or -cu12)"
            )
        if one.nccl != ranks[0].nccl:
            return (
                f"rank 0 has NCCL {version_name(ranks[0].nccl)}, rank {rank} "
                f"{version_name(one.nccl)}"
            )
    gpus: dict[tuple[int, int], int] = {}
    for rank, one in enumerate(ranks):
        gpu = (one.gpu_high, one.gpu_low)
        other = gpus.setdefault(gpu, rank)
        if other != rank and any(gpu):
            return f"ranks {other} and {rank} share a GPU, which NCCL refuses"
    return ""


def _obstacle_to_mpi(ranks: Sequence[Facts], *, wanted: bool) -> str:
    if _DEVICES[ranks[0].device] != "cuda":
        # Emulated memory is memory of the CPU, which every MPI takes.
        return "" if wanted else "the emulated device goes through the CPU unless told otherwise"
    for rank, one in enumerate(ranks):
        if one.mpi == NO:
            return f"the MPI of rank {rank} says that it takes no memory of GPUs"
        if one.mpi == UNKNOWN and not wanted:
            return f"the MPI of rank {rank} does not say whether it takes memory of GPUs"
    return ""


def mpi_takes_gpu_memory() -> int:
    """Return whether the MPI that this process has loaded is CUDA-aware, or UNKNOWN.

    Open MPI and MPICH answer by MPIX_Query_cuda_support. Others may be CUDA-aware by a setting of
    their own: for them PYCNN_GPU_TRANSPORT decides.
    """
    for name in _MPI_LIBRARIES:
        try:
            # Only one that is already loaded: a second MPI in the process would be another one.
            library = ctypes.CDLL(name, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
            return YES if library.MPIX_Query_cuda_support() else NO
        except (OSError, AttributeError):
            continue
    return UNKNOWN
