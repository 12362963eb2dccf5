"""Sums over all ranks of arrays that are on a device, such as gradients."""

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
    """Adds up arrays of a device over all ranks of a communicator.

    `device_sum` makes it.

    Attributes
    ----------
    name : str
        How the numbers travel, in words.
    reason : str
        Why they do not travel in a way that would come before it, or who chose it.
    """

    name: str
    reason: str = ""

    def __init__(self, device: str) -> None:
        self._device = extension(device)
        self._closed = False

    def sum(self, arrays: Sequence[Any], add: Callable[[Floats], None]) -> None:
        """Add each array up over all ranks, in place: all ranks then have the sums.

        Parameters
        ----------
        arrays : sequence of DeviceArray of float32
            The same sizes in the same order on all ranks; empty arrays may be among them.
        add : callable
            Adds a flat array of the CPU up over all ranks, in place. Called where the numbers
            travel through the CPU, and not otherwise.

        Raises
        ------
        TypeError
            If one is no array of the device, or not of float32.
        ValueError
            If one has been freed.
        RuntimeError
            If this has been closed, a step is being captured as a CUDA graph and the sum would
            wait for it, or the transport fails: the text has its words.
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
        """Give back what the sums needed; again does nothing.

        It may wait for the other ranks: not for a rank that has failed, whose end is that of all.
        """
        if not self._closed:
            self._closed = True
            self._close()

    @abstractmethod
    def _sum(self, arrays: Sequence[Any], add: Callable[[Floats], None]) -> None:
        """Do the work of `sum` for arrays that are what they should be, none of them empty."""

    @abstractmethod
    def _close(self) -> None:
        """Give back what the sums needed."""


class HostSum(DeviceSum):
    """Through page-locked memory of the CPU: works everywhere, and in the order of `add`."""

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
    """By an MPI that takes the memory of the device itself."""

    name = "CUDA-aware MPI"

    def __init__(self, comm: Any, device: str) -> None:
        super().__init__(device)
        self._comm = comm

    def _sum(self, arrays: Sequence[Any], add: Callable[[Floats], None]) -> None:
        in_place = import_module("mpi4py.MPI").IN_PLACE
        # MPI knows nothing of streams: it may read when the device has written.
        self._device.synchronize()
        for array in arrays:
            self._comm.Allreduce(in_place, array)

    def _close(self) -> None:
        """Nothing: the communicator is the caller's."""


class NcclSum(DeviceSum):
    """By NCCL, from GPU to GPU: over NVLink, PCIe or the network, as it finds them."""

    def __init__(self, comm: Any, device: str, nccl: Nccl) -> None:
        super().__init__(device)
        self._nccl = nccl
        self.name = f"NCCL {version_name(nccl.version)}"
        nccl.join(comm.Get_size(), _common_id(comm, nccl), comm.Get_rank())

    def _sum(self, arrays: Sequence[Any], add: Callable[[Floats], None]) -> None:
        self._nccl.sum(arrays)

    def _close(self) -> None:
        self._device.synchronize()  # a sum may be on its way
        self._nccl.leave()


def _common_id(comm: Any, nccl: Nccl) -> npt.NDArray[np.uint8]:
    """Return the id of a new communicator, which rank 0 makes, on all ranks."""
    id_ = np.zeros(UNIQUE_ID_BYTES, np.uint8)
    failure = None
    if comm.Get_rank() == 0:
        try:
            id_ = nccl.unique_id()
        except RuntimeError as error:
            failure = error  # the others wait: they get zeros, which are no id
    comm.Bcast(id_)
    if failure is not None:
        raise failure
    if not id_.any():
        raise RuntimeError("[distributed] ncclGetUniqueId has failed on rank 0")
    return id_


def device_sum(comm: Any, device: str, *, deterministic: bool) -> DeviceSum:
    """Return what adds up arrays of a device over the ranks of a communicator.

    All ranks call it together, each with its model on the device already. Numbers travel through
    NCCL if all ranks have it (libnccl.so.2 of the system or of a Python package) and each has a GPU
    of its own, else through an MPI that says that it is CUDA-aware, else through page-locked memory
    of the CPU. ``PYCNN_GPU_TRANSPORT`` = ``nccl``, ``mpi`` or ``host`` forces one.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        Only its methods for buffers are called: none that pickles.
    device : {'cuda', 'cuda_emulated'}
        The GPU, or the emulation of one that tests use.
    deterministic : bool
        Whether the sums must be those of `DeviceSum.sum`'s `add`: they go through the CPU then.

    Returns
    -------
    DeviceSum
        The same transport on all ranks.

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If there is no such device or transport, or ranks differ in what they ask for.
    RuntimeError
        If the forced transport is not to be had, the text names the rank; or NCCL fails.
    DeviceError
        A RuntimeError: there is no such device here.
    """
    choice("[distributed] device", device, EXTENSIONS)
    ordered = flag("[distributed] deterministic", deterministic)
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
    except (OSError, RuntimeError):  # there is none, it is too old, or does not even tell
        return None
