"""Sums of arrays on a device, such as gradients, over all ranks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn._arguments import choice, flag
from pycnn.devices import EXTENSIONS, extension
from pycnn.distributed import transport
from pycnn.distributed.nccl import UNIQUE_ID_BYTES, Nccl, version_name

Floats = npt.NDArray[np.float32]


class DeviceSum(ABC):
    """Sums arrays of a device over all ranks of a communicator; made by `device_sum`.

    Attributes
    ----------
    name : str
        How the numbers travel, in words.
    reason : str
        Why they do not travel in a preferred way, or what made the choice.
    """

    name: str
    reason: str = ""

    def __init__(self, device: str) -> None:
        self._device = extension(device)
        self._closed = False

    def sum(self, arrays: Sequence[Any], add: Callable[[Floats], None]) -> None:
        """Sum each array over all ranks, in place: all ranks then have the sums.

        Parameters
        ----------
        arrays : sequence of DeviceArray of float32
            The same sizes in the same order on all ranks; empty arrays are allowed.
        add : callable
            Sums a flat array of the CPU over all ranks, in place. Called only if the numbers
            travel through the CPU.

        Raises
        ------
        TypeError
            If one is not an array of the device, or not float32.
        ValueError
            If one has been freed.
        RuntimeError
            If this has been closed, if a step is being captured in a CUDA graph and the sum would
            wait for it, or if the transport fails: the text quotes its message.
        """
        if self._closed:
            raise RuntimeError("[distributed] this sum over ranks has been closed")
        for array in arrays:
            if type(array) is not self._device.DeviceArray:
                raise TypeError(
                    f"[distributed] arrays must be on the device, each a DeviceArray, got "
                    f"{type(array).__name__}"
                )
            if array.dtype != np.float32:
                raise TypeError(f"[distributed] arrays must be float32, got {array.dtype}")
            _ = array.pointer  # refuses one that has been freed
        if full := [array for array in arrays if array.size]:
            self._sum(full, add)

    def close(self) -> None:
        """Free the resources of the sums; a second call does nothing.

        It may wait for the other ranks, but not for a rank that has failed: that one ends the job.
        """
        if not self._closed:
            self._closed = True
            self._close()

    @abstractmethod
    def _sum(self, arrays: Sequence[Any], add: Callable[[Floats], None]) -> None:
        """Do the work of `sum` for checked arrays, none of them empty."""

    @abstractmethod
    def _close(self) -> None:
        """Free the resources of the sums."""


class HostSum(DeviceSum):
    """Sums through page-locked memory of the CPU: works everywhere, in the order of `add`."""

    name = "pinned host memory"

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self._flat: Floats = self._device.pinned(0)

    def _sum(self, arrays: Sequence[Any], add: Callable[[Floats], None]) -> None:
        count = sum(array.size for array in arrays)
        if count > len(self._flat):
            self._flat = self._device.pinned(count)
        flat = self._flat[:count]
        self._device.flatten_to_host(arrays, flat)
        add(flat)
        self._device.unflatten_to_device(flat, arrays)

    def _close(self) -> None:
        self._flat = self._device.pinned(0)


class MpiSum(DeviceSum):
    """Sums by a CUDA-aware MPI, which takes the memory of the device itself."""

    name = "CUDA-aware MPI"

    def __init__(self, comm: Any, device: str) -> None:
        super().__init__(device)
        self._comm = comm

    def _sum(self, arrays: Sequence[Any], add: Callable[[Floats], None]) -> None:
        in_place = import_module("mpi4py.MPI").IN_PLACE
        # MPI knows no streams: let the device finish writing before it reads.
        self._device.synchronize()
        for array in arrays:
            self._comm.Allreduce(in_place, array)

    def _close(self) -> None:
        """Do nothing: the communicator is the caller's."""


class NcclSum(DeviceSum):
    """Sums by NCCL, from GPU to GPU: over NVLink, PCIe or the network, as it finds them."""

    def __init__(self, comm: Any, device: str, nccl: Nccl) -> None:
        super().__init__(device)
        self._nccl = nccl
        self.name = f"NCCL {version_name(nccl.version)}"
        nccl.join(comm.Get_size(), _common_id(comm, nccl), comm.Get_rank())

    def _sum(self, arrays: Sequence[Any], add: Callable[[Floats], None]) -> None:
        self._nccl.sum(arrays)

    def _close(self) -> None:
        self._device.synchronize()  # a sum may still be running
        self._nccl.leave()


def _common_id(comm: Any, nccl: Nccl) -> npt.NDArray[np.uint8]:
    """Make the id of a new communicator on rank 0, and return it on all ranks."""
    id_ = np.zeros(UNIQUE_ID_BYTES, np.uint8)
    failure = None
    if comm.Get_rank() == 0:
        try:
            id_ = nccl.unique_id()
        except RuntimeError as error:
            failure = error  # the other ranks wait: send them zeros, which are not an id
    comm.Bcast(id_)
    if failure is not None:
        raise failure
    if not id_.any():
        raise RuntimeError("[distributed] ncclGetUniqueId has failed on rank 0")
    return id_


def device_sum(comm: Any, device: str, *, deterministic: bool) -> DeviceSum:
    """Make the sum of device arrays over the ranks of a communicator.

    All ranks call it together, each with its model already on the device. Numbers travel through
    NCCL if all ranks have it (libnccl.so.2 of the system or of a Python package) and no two share a
    GPU, else through an MPI that says that it is CUDA-aware, else through page-locked memory of the
    CPU. ``PYCNN_GPU_TRANSPORT`` = ``nccl``, ``mpi`` or ``host`` forces one.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        Only its methods for buffers are called, none that pickles.
    device : {'cuda', 'cuda_emulated'}
        The GPU, or the emulation used by tests.
    deterministic : bool
        Whether the sums must be those of the `add` given to `DeviceSum.sum`; they then go through
        the CPU.

    Returns
    -------
    DeviceSum
        The same transport on all ranks.

    Raises
    ------
    TypeError
        If an argument has a wrong type.
    ValueError
        If the device or the transport is unknown, or the ranks ask for different ones.
    RuntimeError
        If the forced transport is not available (the text names the rank), or NCCL fails.
    DeviceError
        A RuntimeError: if this machine does not have the device.
    """
    choice("distributed", "device", device, EXTENSIONS)
    ordered = flag("distributed", "deterministic", deterministic)
    extension(device)
    nccl = _nccl() if device == "cuda" and not ordered else None
    ranks = transport.exchanged(comm, transport.facts(device, ordered, nccl))
    chosen, reason = transport.choose(ranks)
    result: DeviceSum
    if chosen == "nccl" and nccl is not None:
        result = NcclSum(comm, device, nccl)
    elif chosen == "mpi":
        result = MpiSum(comm, device)
    else:
        result = HostSum(device)
    result.reason = reason
    return result


def _nccl() -> Nccl | None:
    try:
        return Nccl()
    except (OSError, RuntimeError):  # none, one that is too old, or one without a version
        return None
