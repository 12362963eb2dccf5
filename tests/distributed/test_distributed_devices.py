"""Sums over ranks of arrays on a device: the emulated one, under mpiexec; copies of many arrays."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import fake_nccl, mpi_ranks
from support.device_ops import EMULATED, emulated
from support.fake_nccl import needs_compiler
from support.mpi_ranks import needs_mpi

from pycnn import devices
from pycnn.distributed.device_sum import HostSum, device_sum

pytestmark = emulated
SCRIPT = "sum_on_devices.py"
SHAPES = [(3, 2), (0,), (), (7,)]


@pytest.fixture
def device() -> Any:
    return devices.extension(EMULATED)


def arrays(device: Any, shapes: list[tuple[int, ...]] = SHAPES) -> list[Any]:
    """Return arrays that hold 0, 1, 2 ... across all of them."""
    flat = np.arange(sum(int(np.prod(shape)) for shape in shapes), dtype=np.float32)
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    parts = np.split(flat, ends[:-1])
    return [
        device.DeviceArray.from_numpy(part.reshape(shape))
        for part, shape in zip(parts, shapes, strict=True)
    ]


# Under mpiexec ------------------------------------------------------------------------------


@needs_mpi
@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize(
    ("transport", "name"),
    [("", "pinned host memory"), ("host", "pinned host memory"), ("mpi", "CUDA-aware MPI")],
)
def test_sums_are_those_of_numpy(transport: str, name: str, ranks: int) -> None:
    lines = mpi_ranks.run(SCRIPT, ranks, "sums", PYCNN_GPU_TRANSPORT=transport).splitlines()
    assert len(lines) == ranks
    assert len(set(lines)) == 1
    assert lines[0].startswith(name)


@needs_mpi
def test_deterministic_sums_go_through_the_host() -> None:
    lines = mpi_ranks.run(SCRIPT, 2, "sums", "deterministic").splitlines()
    assert len(lines) == 2
    assert all(
        line.startswith("pinned host memory (deterministic sums are added up on the CPU")
        for line in lines
    )


@needs_mpi
@pytest.mark.parametrize(
    ("common", "last", "text"),
    [
        ("", "tcp", "ValueError .*must be one of nccl, mpi, host: that of rank 1 is none"),
        ("", "host", "ValueError .*same on all ranks: it is not set on rank 0 and host on rank 1"),
        ("host", "mpi", "ValueError .*it is host on rank 0 and mpi on rank 1"),
        ("nccl", "nccl", "RuntimeError .*=nccl cannot be: NCCL is for GPUs"),
    ],
)
def test_all_ranks_refuse_what_one_cannot_have(common: str, last: str, text: str) -> None:
    printed = mpi_ranks.run(SCRIPT, 2, "refused", last, PYCNN_GPU_TRANSPORT=common)
    lines = printed.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert re.match(text, line), line


@needs_mpi
@needs_compiler
def test_ranks_join_one_communicator_of_nccl(tmp_path: Path) -> None:
    library = fake_nccl.compiled(tmp_path)
    printed = mpi_ranks.run(SCRIPT, 2, "nccl", library, str(tmp_path / "log"))
    lines = printed.splitlines()
    assert len(lines) == 2
    assert lines[0] == lines[1]
    assert lines[0].startswith("ncclCommInitRank RANK of 2, of process ")
    assert lines[0].endswith("z")


@needs_mpi
def test_the_launcher_knows_the_place_of_a_rank() -> None:
    assert mpi_ranks.run(SCRIPT, 2, "place").split() in (["same"] * 2, ["silent"] * 2)


# In this process ----------------------------------------------------------------------------


def test_the_host_adds_one_flat_array_in_place(device: Any) -> None:
    total = HostSum(EMULATED)
    seen = []

    def add(flat: Any) -> None:
        seen.append(flat.copy())
        flat *= 10

    there = arrays(device)
    total.sum(there, add)
    np.testing.assert_array_equal(seen[0], np.arange(14))
    np.testing.assert_array_equal(
        np.concatenate([array.numpy().ravel() for array in there]), 10 * np.arange(14)
    )
    total.sum([], add)
    total.sum([device.DeviceArray.zeros((0, 3))], add)
    assert len(seen) == 1


def test_arrays_keep_their_numbers_when_the_sum_fails(device: Any) -> None:
    def add(flat: Any) -> None:
        flat[:] = np.nan
        raise OSError("a rank is gone")

    there = arrays(device)
    with pytest.raises(OSError, match="a rank is gone"):
        HostSum(EMULATED).sum(there, add)
    np.testing.assert_array_equal(there[3].numpy(), np.arange(7, 14))


def test_wrong_arrays_are_refused_before_anything_is_sent(device: Any) -> None:
    def add(flat: Any) -> None:
        raise AssertionError("sent")

    total = HostSum(EMULATED)
    good = arrays(device)[0]
    with pytest.raises(TypeError, match="each a DeviceArray, got ndarray"):
        total.sum([good, np.zeros(3, np.float32)], add)
    whole = device.DeviceArray.from_numpy(np.zeros(3, np.int64))
    with pytest.raises(TypeError, match="must be float32, got int64"):
        total.sum([good, whole], add)
    freed = arrays(device)[0]
    freed.free()
    with pytest.raises(ValueError, match="has been freed"):
        total.sum([good, freed], add)
    total.close()
    total.close()
    with pytest.raises(RuntimeError, match="has been closed"):
        total.sum([good], add)


def test_a_step_that_is_captured_cannot_wait_for_a_sum(device: Any) -> None:
    there = arrays(device)
    graph = device.StepGraph()
    with (
        pytest.raises(RuntimeError, match="a copy to the host in the middle of a step"),
        graph.stream,
        graph,
    ):
        HostSum(EMULATED).sum(there, lambda flat: None)
    np.testing.assert_array_equal(there[3].numpy(), np.arange(7, 14))


@pytest.mark.parametrize(
    ("device_name", "deterministic", "kind", "text"),
    [
        ("gpu", True, ValueError, r"\[distributed\] device must be one of cuda, cuda_emulated"),
        ("cpu", True, ValueError, r"\[distributed\] device must be one of"),
        (3, True, TypeError, r"\[distributed\] device must be a str"),
        (EMULATED, 1, TypeError, r"\[distributed\] deterministic must be True or False"),
    ],
)
def test_wrong_arguments_are_refused(
    device_name: Any, deterministic: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        device_sum(None, device_name, deterministic=deterministic)


# Copies of many arrays ----------------------------------------------------------------------


def test_pinned_memory_is_an_array_of_numpy(device: Any) -> None:
    for count in (0, 1, 1000):
        flat = device.pinned(count)
        assert (flat.dtype, flat.shape, flat.flags.writeable) == (np.float32, (count,), True)
    part = device.pinned(5)[1:3]  # the memory lives as long as what refers to it
    part[:] = 7
    np.testing.assert_array_equal(part, [7, 7])
    with pytest.raises(ValueError, match=r"\[pinned\] .*negative"):
        device.pinned(-1)
    with pytest.raises(ValueError, match=r"\[pinned\] .*does not fit the address space"):
        device.pinned(2**62)
    with pytest.raises(MemoryError, match="bytes of page-locked memory asked for"):
        device.pinned(2**58)


def test_many_arrays_are_copied_there_and_back(device: Any) -> None:
    there = arrays(device)
    for array in there:
        array += array  # has not run yet
    flat = device.pinned(14)
    device.flatten_to_host(there, flat)
    np.testing.assert_array_equal(flat, 2 * np.arange(14))
    flat[:] = -flat
    device.unflatten_to_device(flat, there)
    flat[:] = np.nan  # has been read
    np.testing.assert_array_equal(there[0].numpy().ravel(), -2 * np.arange(6))
    np.testing.assert_array_equal(there[3].numpy(), -2 * np.arange(7, 14))
    device.flatten_to_host([], device.pinned(0))
    device.unflatten_to_device(np.empty(0, np.float32), [])


def test_wrong_flat_arrays_are_refused(device: Any) -> None:
    there = arrays(device)
    locked = np.zeros(14, np.float32)
    locked.flags.writeable = False
    device.unflatten_to_device(locked, there)
    with pytest.raises(ValueError, match=r"\[flatten_to_host\] flat is read-only"):
        device.flatten_to_host(there, locked)
    for flat, kind, text in [
        (np.zeros(13, np.float32), ValueError, r"shape \(14,\) like the arrays .* shape \(13,\)"),
        (np.zeros((2, 7), np.float32), ValueError, r"got shape \(2, 7\)"),
        (np.zeros(28, np.float32)[::2], ValueError, "not contiguous"),
        (np.zeros(14), TypeError, "flat must be float32, got float64"),
        (np.zeros(14, ">f4"), TypeError, "flat must be float32, got >f4"),
    ]:
        for call in (
            partial(device.flatten_to_host, there, flat),
            partial(device.unflatten_to_device, flat, there),
        ):
            with pytest.raises(kind, match=text):
                call()
    whole = device.DeviceArray.from_numpy(np.zeros(14, np.int32))
    with pytest.raises(TypeError, match="takes float32 arrays, got int32"):
        device.flatten_to_host([whole], np.zeros(14, np.float32))
    there[0].free()
    with pytest.raises(ValueError, match="has been freed"):
        device.flatten_to_host(there, np.zeros(14, np.float32))
