"""How all ranks agree on a way to sum on GPUs, tried with the facts of invented ranks."""

from __future__ import annotations

import ctypes
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pycnn.distributed import transport
from pycnn.distributed.transport import NO, UNKNOWN, YES, Facts, choose, exchanged, facts

NCCL, MPI, HOST = 1, 2, 3  # wishes


def ranks(count: int = 3, **common: int) -> list[Facts]:
    """Return ranks with NCCL and a GPU each, and an MPI that does not accept GPU memory."""
    usual = {"wish": 0, "device": 0, "deterministic": 0, "nccl": 22703, "mpi": NO, "gpu_high": 5}
    return [Facts(**{**usual, **common}, gpu_low=rank) for rank in range(count)]


def but(one: int, changes: dict[str, int], count: int = 3, **common: int) -> list[Facts]:
    every = ranks(count, **common)
    every[one] = every[one]._replace(**changes)
    return every


SHARED = [one._replace(gpu_low=min(rank, 1)) for rank, one in enumerate(ranks())]


@pytest.mark.parametrize(
    ("every", "chosen", "reason"),
    [
        (ranks(), "nccl", ""),
        (ranks(1), "nccl", ""),
        (ranks(gpu_high=0)[:1] * 2, "nccl", ""),  # nothing is known of their GPUs
        (but(1, {"nccl": 0}), "host", "rank 1 has no NCCL"),
        (but(1, {"nccl": 0}, mpi=YES), "mpi", "rank 1 has no NCCL"),
        (but(2, {"mpi": NO}, nccl=0, mpi=YES), "host", "the MPI of rank 2 says that it takes no"),
        (but(2, {"mpi": UNKNOWN}, nccl=0, mpi=YES), "host", "the MPI of rank 2 does not say"),
        (but(2, {"nccl": 22003}), "host", r"rank 0 has NCCL 2\.27\.3, rank 2 2\.20\.3"),
        (SHARED, "host", "ranks 1 and 2 share a GPU"),
        ([one._replace(mpi=YES) for one in SHARED], "mpi", "ranks 1 and 2 share a GPU"),
        (ranks(deterministic=1, mpi=YES), "host", "^deterministic sums .* own$"),
        (ranks(device=1, mpi=YES), "host", "the emulated device goes through the CPU"),
        (ranks(wish=NCCL), "nccl", "PYCNN_GPU_TRANSPORT says so"),
        (ranks(wish=HOST), "host", "PYCNN_GPU_TRANSPORT says so"),
        (ranks(wish=MPI, mpi=YES), "mpi", "PYCNN_GPU_TRANSPORT says so"),
        (ranks(wish=MPI, mpi=UNKNOWN), "mpi", "PYCNN_GPU_TRANSPORT says so"),
        (ranks(wish=MPI, device=1), "mpi", "PYCNN_GPU_TRANSPORT says so"),
        (ranks(wish=HOST, deterministic=1), "host", "PYCNN_GPU_TRANSPORT says so"),
    ],
)
def test_the_first_that_all_ranks_can_take(every: list[Facts], chosen: str, reason: str) -> None:
    got, why = choose(every)
    assert got == chosen
    assert re.search(reason, why)
    assert bool(reason) == bool(why)


@pytest.mark.parametrize(
    ("every", "kind", "text"),
    [
        (but(2, {"wish": -1}), ValueError, "one of nccl, mpi, host: that of rank 2 is none"),
        (but(1, {"wish": MPI}), ValueError, "it is not set on rank 0 and mpi on rank 1"),
        (but(1, {"wish": 0}, wish=HOST), ValueError, "it is host on rank 0 and not set on rank 1"),
        (
            but(2, {"device": 1}),
            ValueError,
            "device .* it is cuda on rank 0 and cuda_emulated on rank",
        ),
        (but(2, {"deterministic": 1}), ValueError, "deterministic .* False on rank 0 and True on"),
        (but(1, {"nccl": 0}, wish=NCCL), RuntimeError, "=nccl cannot be: rank 1 has no NCCL"),
        ([one._replace(wish=NCCL) for one in SHARED], RuntimeError, "ranks 1 and 2 share a GPU"),
        (ranks(wish=NCCL, deterministic=1), RuntimeError, "=nccl cannot be: deterministic sums"),
        (ranks(wish=NCCL, device=1), RuntimeError, "=nccl cannot be: NCCL is for GPUs"),
        (but(1, {"mpi": NO}, wish=MPI, mpi=YES), RuntimeError, "=mpi cannot be: the MPI of rank 1"),
        (ranks(wish=MPI, mpi=YES, deterministic=1), RuntimeError, "=mpi cannot be: deterministic"),
    ],
)
def test_what_not_all_can_take_is_refused(
    every: list[Facts], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=rf"\[distributed\] .*{text}"):
        choose(every)


@pytest.mark.parametrize(
    ("word", "wish"), [("", 0), ("nccl", 1), ("mpi", 2), ("host", 3), ("NCCL", -1), (" ", -1)]
)
def test_facts_survive_the_exchange(word: str, wish: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Comm:
        def Get_size(self) -> int:
            return 2

        def Allgather(self, row: Any, rows: Any) -> None:
            assert row.dtype == rows.dtype == np.int64
            rows[:] = row

    monkeypatch.setenv(transport.VARIABLE, word)
    monkeypatch.setattr(transport, "gpu_uuid", lambda: bytes(range(240, 256)))
    own = facts("cuda", True, None)
    assert own[:4] == (wish, 0, 1, 0)
    assert own.gpu_high < 0  # the whole range of int64 is in use
    assert exchanged(Comm(), own) == [own, own]
    assert facts("cuda_emulated", False, None)[-2:] == (0, 0)


def test_an_mpi_is_asked_whether_it_takes_memory_of_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(loaded: str, answer: int | None) -> None:
        def library(name: str, mode: int) -> SimpleNamespace:
            if name != loaded:
                raise OSError(name)
            query = {} if answer is None else {"MPIX_Query_cuda_support": lambda: answer}
            return SimpleNamespace(**query)

        monkeypatch.setattr(ctypes, "CDLL", library)

    for name in ("libmpi.so.40", "libmpi.so.12"):
        for answer, expected in ((1, YES), (0, NO), (None, UNKNOWN)):
            load(name, answer)
            assert transport.mpi_takes_gpu_memory() == expected
    load("another", 1)
    assert transport.mpi_takes_gpu_memory() == UNKNOWN
