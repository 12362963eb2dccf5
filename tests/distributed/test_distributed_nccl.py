"""The binding of NCCL: against a library that writes down its calls, and the real one if any."""

from __future__ import annotations

import ctypes
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import fake_nccl
from support.device_ops import EMULATED, emulated
from support.fake_nccl import needs_compiler

from pycnn import devices
from pycnn.distributed import device_sum as module
from pycnn.distributed import nccl
from pycnn.distributed.device_sum import NcclSum


class TwoRanks:
    """Stands in for a communicator, whose other rank does as this one does."""

    def __init__(self, rank: int = 0, id_: int = 0) -> None:
        self.rank, self.id = rank, id_

    def Get_rank(self) -> int:
        return self.rank

    def Get_size(self) -> int:
        return 2

    def Bcast(self, buffer: Any) -> None:
        assert (buffer.dtype, buffer.shape) == (np.uint8, (128,))
        if self.rank:
            buffer[:] = self.id


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    return fake_nccl.compiled(tmp_path_factory.mktemp("nccl"))


@pytest.fixture
def log(library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Load the library that stands in for NCCL; return the file of its calls."""
    monkeypatch.setattr(nccl, "candidates", lambda: [library])
    monkeypatch.setenv("FAKE_NCCL_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


@needs_compiler
@emulated
def test_arrays_are_summed_in_place_as_one_group(log: Path) -> None:
    device = devices.extension(EMULATED)
    there = [
        device.DeviceArray.from_numpy(np.full(shape, 1 + i, np.float32))
        for i, shape in enumerate([(3, 2), (0,), (), (7,)])
    ]
    total = NcclSum(TwoRanks(), EMULATED, nccl.Nccl())
    assert total.name == "NCCL 2.27.3"
    total.sum(there, lambda flat: pytest.fail("through the host"))
    total.sum([], lambda flat: pytest.fail("through the host"))
    total.close()
    total.close()
    calls = log.read_text().splitlines()
    assert calls[0] == "ncclGetUniqueId"
    assert calls[1].startswith("ncclCommInitRank 0 of 2, of process ")
    assert calls[1].endswith("z")  # all 128 bytes, by value
    stream = there[0].stream
    assert calls[2:] == [
        "ncclGroupStart",
        *(
            # Of nccl.h: ncclFloat32 is 7, ncclSum 0.
            f"ncclAllReduce {array.pointer} {array.pointer} {array.size} type 7 operation 0 "
            f"communicator 1 stream {stream}"
            for array in (there[0], there[2], there[3])
        ),
        "ncclGroupEnd",
        "ncclCommDestroy 1",
    ]
    for i, array in enumerate(there):
        np.testing.assert_array_equal(array.numpy(), np.full(array.shape, 2 * (1 + i)))


@needs_compiler
@emulated
def test_sums_are_asked_for_on_the_stream_of_the_thread(log: Path) -> None:
    device = devices.extension(EMULATED)
    array = device.DeviceArray.zeros((3,))
    total = NcclSum(TwoRanks(), EMULATED, nccl.Nccl())
    stream = device.Stream()
    with stream:
        total.sum([array], lambda flat: None)
    assert f"stream {stream.handle}\n" in log.read_text()


@needs_compiler
@emulated
@pytest.mark.parametrize(
    "call", ["ncclGetUniqueId", "ncclCommInitRank", "ncclGroupStart", "ncclAllReduce",
             "ncclGroupEnd", "ncclCommDestroy"],
)  # fmt: skip
def test_errors_name_the_call_and_have_the_words_of_nccl(
    log: Path, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_NCCL_FAILS", call)
    array = devices.extension(EMULATED).DeviceArray.zeros((3,))
    words = rf"\[distributed\] {call} failed: invalid usage \[5\]: Duplicate GPU\\x1b detected$"
    with pytest.raises(RuntimeError, match=words):
        _sum_and_close(array)
    calls = [line.split()[0] for line in log.read_text().splitlines()]
    assert calls.count("ncclGroupStart") <= calls.count("ncclGroupEnd") + (call == "ncclGroupStart")


def _sum_and_close(array: Any) -> None:
    total = NcclSum(TwoRanks(), EMULATED, nccl.Nccl())
    total.sum([array], lambda flat: None)
    total.close()


@needs_compiler
@emulated
def test_other_ranks_take_the_id_of_rank_0(log: Path) -> None:
    NcclSum(TwoRanks(1, ord("y")), EMULATED, nccl.Nccl())
    assert log.read_text() == f"ncclCommInitRank 1 of 2, {'y' * 128}\n"
    with pytest.raises(RuntimeError, match="ncclGetUniqueId has failed on rank 0"):
        NcclSum(TwoRanks(1, 0), EMULATED, nccl.Nccl())


@needs_compiler
@pytest.mark.usefixtures("log")
def test_an_old_library_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_NCCL_VERSION", "21212")
    with pytest.raises(OSError, match=r"NCCL is too old: 2\.13\.0 is needed, .* 21212$"):
        nccl.Nccl()
    assert module._nccl() is None


# Where it is found --------------------------------------------------------------------------


@needs_compiler
def test_the_library_of_a_python_package_is_found(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / nccl.PACKAGED.parent
    folder.mkdir(parents=True)
    shutil.copy(library, folder)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path / "nothing"), str(tmp_path)])
    monkeypatch.setattr(nccl, "NAME", "libnccl-of-the-system.so.2")
    found = nccl.candidates()
    assert found == ["libnccl-of-the-system.so.2", str(tmp_path / nccl.PACKAGED)]
    assert nccl.Nccl().version == 22703


def test_without_a_library_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "libnccl.so.2"
    broken.write_text("no library")
    for paths in ([], ["libnccl-that-is-not-there.so.2"], [str(broken)], ["libm.so.6"]):
        monkeypatch.setattr(nccl, "candidates", lambda paths=paths: paths)
        with pytest.raises(OSError):  # noqa: PT011 - in the loader's words
            nccl.Nccl()
        assert module._nccl() is None


# The real one -------------------------------------------------------------------------------


@pytest.fixture
def real() -> nccl.Nccl:
    try:
        found = nccl.Nccl()
    except OSError as error:
        pytest.skip(f"needs NCCL (pip install nvidia-nccl-cu13): {error}")
    return found


def test_the_real_library_answers_without_a_gpu(real: nccl.Nccl) -> None:
    """All functions are there; the version and the id of a communicator need no GPU."""
    assert real.version >= nccl.OLDEST
    first, second = real.unique_id(), real.unique_id()
    assert first.dtype == np.uint8
    assert first.shape == (128,)
    assert first.any()
    assert (first != second).any()


def test_constants_are_those_of_the_header(real: nccl.Nccl) -> None:
    """The Python package has it next to the library; a system's may be elsewhere."""
    header = next(
        (path for folder in sys.path
         if (path := Path(folder, "nvidia", "nccl", "include", "nccl.h")).is_file()), None
    )  # fmt: skip
    if header is None:
        pytest.skip("needs nccl.h of the package nvidia-nccl-cu13")
    text = " ".join(header.read_text().split())
    for definition in (
        f"NCCL_UNIQUE_ID_BYTES {nccl.UNIQUE_ID_BYTES}",
        f"ncclFloat32 = {nccl.FLOAT32},",
        f"ncclSum = {nccl.SUM},",
        f"ncclSuccess = {nccl.SUCCESS},",
        "ncclAllReduce(const void* sendbuff, void* recvbuff, size_t count, ncclDataType_t "
        "datatype, ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream);",
        "ncclCommInitRank(ncclComm_t* comm, int nranks, ncclUniqueId commId, int rank);",
    ):
        assert definition in text, definition
    assert ctypes.sizeof(nccl.UniqueId) == nccl.UNIQUE_ID_BYTES
