"""The choice of a GPU for each rank of a machine, before CUDA starts."""

from __future__ import annotations

import ctypes
import os
import re

from pycnn._arguments import choice, integer, written
from pycnn.devices import EXTENSIONS, DeviceError, require_built

VISIBLE = "CUDA_VISIBLE_DEVICES"

# What CUDA accepts there as a device: a number, or the beginning of a UUID.
_ENTRY = re.compile(r"[0-9]+|(GPU|MIG)-\S+")

_SUCCESS = 0  # in the driver and in NVML

# Variables in which launchers state a process's number on its machine, and the number of processes
# there: Open MPI; MPICH, Intel MPI and others with Hydra; MVAPICH.
_LAUNCHERS = (
    ("OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
    ("MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_SIZE"),
)


def launched_as() -> tuple[int, int] | None:
    """Return local rank and local size as the launcher states them, or None if it does not.

    MPI knows them too, but a CUDA-aware MPI may start CUDA when it starts, and then it is too late
    for `choose_device`.
    """
    for names in _LAUNCHERS:
        rank, size = (os.environ.get(name, "") for name in names)
        if rank.isdecimal() and size.isdecimal() and int(rank) < int(size):
            return int(rank), int(size)
    return None


def choose_device(local_rank: int, local_size: int, device: str) -> str:
    """Choose the GPU of this process: number ``local_rank`` of those of its machine, in turns.

    ``CUDA_VISIBLE_DEVICES`` is narrowed to that GPU, so this must be called before anything starts
    CUDA. A variable that is already set is respected: the GPU is one of those it names, by number
    or UUID; a variable that names a single GPU stays as the launcher set it.

    Parameters
    ----------
    local_rank, local_size : int
        The number of this process among those of its machine, from 0, and their count.
    device : {'cpu', 'cuda', 'cuda_emulated'}
        A GPU is chosen for 'cuda' only.

    Returns
    -------
    str
        A sentence on how GPUs are shared, the same on all ranks of a machine with the same
        variable; empty if there is nothing to choose.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    DeviceError
        A RuntimeError: if this pycnn was built without CUDA, no GPU is visible or can be counted,
        or CUDA has started in this process with several GPUs, so that it is too late to choose.
    """
    size = integer("distributed", "local_size", local_size, 1)
    rank = integer("distributed", "local_rank", local_rank, 0, size - 1)
    if choice("distributed", "device", device, ("cpu", *EXTENSIONS)) != "cuda":
        return ""
    require_built(device)
    started = _count_of_driver()
    if started is not None:
        return _already_chosen(started, size)
    names = _visible()
    if names == [os.environ.get(VISIBLE, "").strip()]:
        return f"{VISIBLE} gives each process one GPU"
    # Not cudaSetDevice: it holds for one thread only. Threads of loaders and evaluations would work
    # on GPU 0, with memory of another GPU.
    os.environ[VISIBLE] = names[rank % len(names)]
    return _shared_out(size, len(names))


def _already_chosen(count: int, size: int) -> str:
    if count > 1 and size > 1:
        raise DeviceError(
            f"[distributed] CUDA has started in this process, which sees {count} GPUs: it is too "
            f"late to choose one of them for each of {size} ranks. Choose before anything uses "
            f"CUDA, or set {VISIBLE} to one GPU for each rank where it is launched (with Slurm: "
            "srun --gpus-per-task=1)"
        )
    return f"{VISIBLE} gives each process one GPU" if size > 1 else ""


def _shared_out(ranks: int, gpus: int) -> str:
    words = f"{ranks} rank{'s' * (ranks > 1)} on {gpus} GPU{'s' * (gpus > 1)}"
    if ranks <= gpus:
        return f"{words}: each has one of its own"
    most = -(-ranks // gpus)
    number = {2: "two", 3: "three", 4: "four"}.get(most, str(most))
    some = "" if ranks % gpus == 0 else "up to "
    return f"{words}: {some}{number} ranks share one, which makes none of them faster"


def _visible() -> list[str]:
    """Return the names of the GPUs that CUDA will see, as its variable has them; at least one."""
    count = count_gpus()
    setting = os.environ.get(VISIBLE)
    if setting is None:
        if count is None:
            raise DeviceError(
                "[distributed] GPUs cannot be counted: the driver's library libnvidia-ml.so.1 is "
                f"missing or finds no driver. Where CUDA works all the same, set {VISIBLE}"
            )
        names = [str(number) for number in range(count)]
    else:
        names = _named(setting, count)
    if not names:
        seen = "" if count is None else f" (the driver has {count})"
        reason = "" if setting is None else f": {VISIBLE} is {written(setting)}"
        raise DeviceError(f"[distributed] there is no GPU that this process may use{seen}{reason}")
    return names


def _named(setting: str, count: int | None) -> list[str]:
    """Return the entries of the variable before the first that is not a device, as CUDA does."""
    names: list[str] = []
    for entry in map(str.strip, setting.split(",")):
        beyond = count is not None and re.fullmatch("[0-9]+", entry) and int(entry) >= count
        if not _ENTRY.fullmatch(entry) or beyond:
            break
        names.append(entry)
    return names


def count_gpus() -> int | None:
    """Count the GPUs of the machine, whatever the variable hides; None if they cannot be counted.

    NVML counts them: asking CUDA would start it, and CUDA reads its variable only at the start.
    """
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    if nvml.nvmlInit_v2() != _SUCCESS:
        return None
    count = ctypes.c_uint()
    known = nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) == _SUCCESS
    nvml.nvmlShutdown()
    return count.value if known else None


def _driver() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None


def _count_of_driver() -> int | None:
    """Count the GPUs that CUDA sees in this process; None while it has not started."""
    driver = _driver()
    count = ctypes.c_int()
    # This call is an error before cuInit, which the first use of CUDA calls.
    if driver is None or driver.cuDeviceGetCount(ctypes.byref(count)) != _SUCCESS:
        return None
    return count.value


def gpu_uuid() -> bytes:
    """Return the 16 bytes that identify this process's GPU; zeros if unknown.

    CUDA must have started. For an instance of a GPU (MIG) these are the bytes of the whole GPU.
    """
    uuid = (ctypes.c_ubyte * 16)()
    driver = _driver()
    # Device 0 is the one that pycnn uses.
    if driver is None or driver.cuDeviceGetUuid(ctypes.byref(uuid), 0) != _SUCCESS:
        return bytes(16)
    return bytes(uuid)
