"""NVIDIA's NCCL, by ctypes: sums over the GPUs of many processes.

The functions are those of nccl.h [1]_, since version 2.13, the first to have them all.

References
----------
.. [1] https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/api.html
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from ctypes import POINTER, c_char_p, c_int, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn._printable import printable

NAME = "libnccl.so.2"
# Its place below site-packages in the packages nvidia-nccl-cu12 and nvidia-nccl-cu13.
PACKAGED = Path("nvidia", "nccl", "lib", NAME)

OLDEST = 21300

# Of ncclResult_t, ncclDataType_t and ncclRedOp_t.
SUCCESS = 0
FLOAT32 = 7
SUM = 0

UNIQUE_ID_BYTES = 128


class UniqueId(ctypes.Structure):
    """The id by which the ranks of a communicator find each other; C functions take it by value."""

    _fields_ = (("internal", ctypes.c_ubyte * UNIQUE_ID_BYTES),)


SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "ncclGetVersion": (c_int, (POINTER(c_int),)),
    "ncclGetErrorString": (c_char_p, (c_int,)),
    "ncclGetLastError": (c_char_p, (c_void_p,)),
    "ncclGetUniqueId": (c_int, (POINTER(UniqueId),)),
    "ncclCommInitRank": (c_int, (POINTER(c_void_p), c_int, UniqueId, c_int)),
    "ncclCommDestroy": (c_int, (c_void_p,)),
    "ncclGroupStart": (c_int, ()),
    "ncclGroupEnd": (c_int, ()),
    "ncclAllReduce": (c_int, (c_void_p, c_void_p, c_size_t, c_int, c_int, c_void_p, c_void_p)),
}


def version_name(version: int) -> str:
    """Write NCCL's version number for people: 22703 is 2.27.3."""
    return f"{version // 10000}.{version // 100 % 100}.{version % 100}"


def candidates() -> list[str]:
    """Return the names to try for loading NCCL: the system's, then those of Python packages."""
    packaged = (Path(folder, PACKAGED) for folder in sys.path)
    return [NAME, *(str(path) for path in packaged if path.is_file())]


class Nccl:
    """The library, and this process's place in one communicator.

    Attributes
    ----------
    version : int
        As returned by ncclGetVersion: 22703 for 2.27.3.

    Raises
    ------
    OSError
        If no NCCL is found, or it is too old.
    """

    def __init__(self) -> None:
        self._library = _load()
        self._communicator = c_void_p()
        number = c_int()
        self._call("ncclGetVersion", ctypes.byref(number))
        self.version = number.value
        if self.version < OLDEST:
            raise OSError(
                f"NCCL is too old: {version_name(OLDEST)} is needed, its number is {self.version}"
            )

    def unique_id(self) -> npt.NDArray[np.uint8]:
        """Make the bytes with which all ranks join one communicator; called on one rank."""
        made = UniqueId()
        self._call("ncclGetUniqueId", ctypes.byref(made))
        return np.array(bytearray(made), np.uint8)

    def join(self, size: int, unique_id: npt.NDArray[np.uint8], rank: int) -> None:
        """Become rank `rank` of `size` on the current GPU; wait for all others."""
        name = UniqueId.from_buffer_copy(unique_id.tobytes())
        communicator = c_void_p()
        self._call("ncclCommInitRank", ctypes.byref(communicator), size, name, rank)
        self._communicator = communicator

    def sum(self, arrays: Iterable[Any]) -> None:
        """Sum each float32 array of the device over all ranks, in place.

        Parameters
        ----------
        arrays : iterable of DeviceArray
            The same sizes in the same order on all ranks. Later work in their stream finds the
            sums; this call does not wait for them.
        """
        # As a group: one launch of kernels for all, and no order among ranks that could deadlock.
        self._call("ncclGroupStart")
        try:
            for array in arrays:
                place, stream = array.pointer, array.stream
                self._call(
                    "ncclAllReduce",
                    place, place, array.size, FLOAT32, SUM, self._communicator, stream,
                )  # fmt: skip
        except BaseException:
            # Otherwise later calls belong to the group. Its own error would hide the first one.
            self._library.ncclGroupEnd()
            raise
        self._call("ncclGroupEnd")

    def leave(self) -> None:
        """Give back the communicator; the device must have finished its work."""
        if self._communicator:
            communicator, self._communicator = self._communicator, c_void_p()
            self._call("ncclCommDestroy", communicator)

    def _call(self, name: str, *arguments: Any) -> None:
        result = getattr(self._library, name)(*arguments)
        if result == SUCCESS:
            return
        words = self._library.ncclGetErrorString(result).decode(errors="replace")
        more = (self._library.ncclGetLastError(None) or b"").decode(errors="replace").strip()
        raise RuntimeError(
            printable(f"[distributed] {name} failed: {words} [{result}]{more and f': {more}'}")
        )


def _load() -> ctypes.CDLL:
    failures = []
    for path in candidates():
        try:
            library = ctypes.CDLL(path)
            for name, (result, arguments) in SIGNATURES.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError) as error:
            failures.append(str(error))
        else:
            return library
    raise OSError("; ".join(failures))
