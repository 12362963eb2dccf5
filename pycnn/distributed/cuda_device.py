"""Which GPU a rank computes on: each rank of a machine takes one of its own, before CUDA starts."""

from __future__ import annotations

import ctypes
import os
import re

from pycnn._arguments import choice, integer, written
from pycnn.devices import EXTENSIONS, DeviceError, require_built

VISIBLE = "CUDA_VISIBLE_DEVICES"

# What CUDA takes as a device there: a number, or the beginning of a UUID.
_ENTRY = re.compile(r"[0-9]+|(GPU|MIG)-\S+")

_SUCCESS = 0  # of the driver and of NVML alike

# Where launchers tell a process its number on its machine, and how many there are: Open MPI; MPICH,
# Intel MPI and others with Hydra; MVAPICH.
_LAUNCHERS = (
    ("OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
    ("MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_SIZE"),
)


def launched_as() -> tuple[int, int] | None:
    """Return the local rank and local size that the launcher says; None where it says nothing.

    MPI itself would tell, but an MPI that takes memory of GPUs may start CUDA when it starts, and
    then it is too late for `choose_device`.
    """
    for names in _LAUNCHERS:
        rank, size = (os.environ.get(name, "") for name in names)
        if rank.isdecimal() and size.isdecimal() and int(rank) < int(size):
            return int(rank), int(size)
    return None


def choose_device(local_rank: int, local_size: int, device: str) -> str:
    """Choose the GPU of this process: number ``local_rank`` of those of its machine, in turns.

    ``CUDA_VISIBLE_DEVICES`` is narrowed to that GPU, so this comes before anything that starts
    CUDA. A variable that is set already is respected: the GPU is one of those that it names, by
    number or UUID, and one that names a single GPU stays as the launcher has set it.

    Parameters
    ----------
    local_rank, local_size : int
        The number of this process among those of its machine, from 0, and how many they are.
    device : {'cpu', 'cuda', 'cuda_emulated'}
        Nothing is chosen but for 'cuda'.

    Returns
    -------
    str
        A sentence that tells how GPUs are shared out, the same on all ranks of a machine whose
        variable is the same; empty where there is nothing to choose.

    Raises
    ------
    TypeError, ValueError
        If an argument is none of these.
    DeviceError
        A RuntimeError: this pycnn was built without CUDA, no GPU is visible or can be counted, or
        CUDA has started in this process with several GPUs, so that it is too late to choose.
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
    # Not cudaSetDevice: that holds for one thread, and those of loaders and of evaluations would
    # work on GPU 0, with memory of another.
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
    """Return names of the GPUs that CUDA will see, as its variable takes them; at least one."""
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
    """Return the entries of the variable up to the first that is no device, as CUDA reads it."""
    names: list[str] = []
    for entry in map(str.strip, setting.split(",")):
        beyond = count is not None and re.fullmatch("[0-9]+", entry) and int(entry) >= count
        if not _ENTRY.fullmatch(entry) or beyond:
            break
        names.append(entry)
    return names


def count_gpus() -> int | None:
    """Count the GPUs of the machine, whatever the variable hides; None where nobody can tell.

    NVML does it: to ask CUDA would start it, and from then on it would not heed its variable.
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
    # It is an error before cuInit, which the first use of CUDA calls.
    if driver is None or driver.cuDeviceGetCount(ctypes.byref(count)) != _SUCCESS:
        return None
    return count.value


def gpu_uuid() -> bytes:
    """Return the 16 bytes that tell this process's GPU from all others; zeros if unknown.

    CUDA has started. Of a GPU that is cut into instances (MIG) these are the bytes of the whole.
    """
    uuid = (ctypes.c_ubyte * 16)()
    driver = _driver()
    # Device 0 is the one that pycnn uses.
    if driver is None or driver.cuDeviceGetUuid(ctypes.byref(uuid), 0) != _SUCCESS:
        return bytes(16)
    return bytes(uuid)
