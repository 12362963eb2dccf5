"""The GPU: what there is, and how much of its memory is in use.

`Module.to` moves a model there, ``model.to("cuda")``; `pycnn.fit`, `pycnn.evaluate` and
`pycnn.predict` then take its batches there, too.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn._arguments import flag
from pycnn.autograd import Tensor
from pycnn.devices import EXTENSIONS, DeviceError, extension

__all__ = [
    "FloatTensor",
    "Timer",
    "allow_tf32",
    "devices",
    "from_numpy",
    "is_available",
    "memory_stats",
    "synchronize",
    "tf32_allowed",
]


class _OnGPU(type):
    """A class of which the float tensors on the GPU are instances."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, Tensor) and value.is_cuda and value.dtype.kind == "f"


class FloatTensor(metaclass=_OnGPU):
    """PyTorch's older name for float tensors on the GPU, to ask ``isinstance(x, ...)``."""

    dtype = np.float32


def is_available() -> bool:
    """Tell whether this pycnn has the CUDA back-end and the machine has a GPU."""
    return find_spec(EXTENSIONS["cuda"]) is not None and bool(devices())


def devices() -> list[dict[str, Any]]:
    """Describe the GPUs.

    Returns
    -------
    list of dict
        The name, compute_capability, multiprocessors and memory (in bytes) of each; an empty list
        where there is none.

    Raises
    ------
    RuntimeError
        If this pycnn was built without CUDA.
    """
    found: list[dict[str, Any]] = []
    try:
        found = extension("cuda").devices()
    except DeviceError:
        if find_spec(EXTENSIONS["cuda"]) is None:
            raise
    return found


def synchronize() -> None:
    """Wait until the GPU has finished its work: Python goes on while kernels run.

    Raises
    ------
    RuntimeError
        If there is no GPU, this pycnn was built without CUDA, or some of the GPU's work has
        failed.
    """
    extension("cuda").synchronize()


def memory_stats() -> dict[str, int]:
    """Tell how much memory of the GPU pycnn has taken.

    Returns
    -------
    dict of str to int
        Bytes: ``used`` by arrays, ``cached`` for new ones, ``most_used`` so far.

    Raises
    ------
    RuntimeError
        If there is no GPU, or this pycnn was built without CUDA.
    """
    stats: dict[str, int] = extension("cuda").memory_stats()
    return stats


def from_numpy(array: npt.NDArray[Any]) -> Any:
    """Copy an array to the GPU, where layers and `pycnn.ops` take it.

    Parameters
    ----------
    array : ndarray of float32, int32, int64, uint8 or bool
        C-contiguous.

    Returns
    -------
    DeviceArray
        With ``shape``, ``dtype``, ``ndim``, ``size``, ``nbytes``; ``pointer``, its address on the
        GPU, and ``stream``, the handle of the CUDA stream that ops run on. ``numpy()`` copies it
        back, ``reshape(...)`` gives a view, ``copy()`` another array, ``write(array)`` replaces its
        values, ``+`` and ``+=`` add one of its shape, ``free()`` gives the memory back at once.
        Other libraries read it without a copy, by ``__cuda_array_interface__`` or
        ``__dlpack__``.

    Raises
    ------
    TypeError
        If the array is of another dtype.
    ValueError
        If it is not C-contiguous.
    MemoryError
        If the GPU has too little free memory: the text tells how much there is.
    RuntimeError
        If there is no GPU, or this pycnn was built without CUDA.
    """
    return extension("cuda").DeviceArray.from_numpy(array)


class Timer:
    """Time that the GPU takes for the work that a ``with`` block gives it.

    It is measured on the stream of the ops, from the moment when the GPU reaches the first event to
    the moment when it reaches the second. An idle GPU reaches the first one at once: the time then
    includes what Python takes to start the ops, and every gap between them.

    Parameters
    ----------
    device : {'cuda', 'cuda_emulated'}
        The GPU, or the emulation of one that tests use.

    Attributes
    ----------
    seconds : float
        Time between the two events; asking for it waits for the second.

    Raises
    ------
    ValueError
        If there is no such name.
    RuntimeError
        If there is no GPU, or this pycnn was built without CUDA.

    Examples
    --------
    >>> model = pycnn.models.lenet5(rng=0).to("cuda")
    >>> images = np.zeros((64, 1, 28, 28), np.float32)
    >>> with pycnn.cuda.Timer("cuda") as timer:
    ...     scores = pycnn.predict(model, images)
    >>> timer.seconds > 0  # waits for the GPU
    True
    """

    def __init__(self, device: str = "cuda") -> None:
        self._events = extension(device).Timer()

    def __enter__(self) -> Timer:
        """Take the first time."""
        self._events.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the second time."""
        self._events.stop()

    @property
    def seconds(self) -> float:
        """Time between the two."""
        return float(self._events.milliseconds()) / 1000


def allow_tf32(allowed: bool) -> None:
    """Let matrix products on the GPU round their factors to TF32, for tensor cores.

    TF32 has the range of float32 and 10 of its 23 bits of mantissa [1]_. Both factors of each
    product are rounded to nearest; the products are exact. So a sum of products is off by at most
    about 2^-10 of the sum of their absolute values. The rounding of the additions comes on top:
    they have the precision of float32, but tensor cores truncate [2]_. All this applies to linear
    layers, convolutions, transposed convolutions, and the gradients of all of them.

    The setting is for the whole process, and off at first. With it, results have the same bits each
    time, but other bits than without it. Small products stay in float32, as everything else does,
    and so do all products on GPUs of a compute capability below 8.0, which have no TF32.

    Parameters
    ----------
    allowed : bool
        Whether TF32 may be used from now on.

    Raises
    ------
    TypeError
        If it is not a bool.
    DeviceError
        A RuntimeError: this pycnn was built without CUDA, or the machine has no GPU.

    References
    ----------
    .. [1] NVIDIA, "NVIDIA A100 Tensor Core GPU Architecture", whitepaper, 2020.
    .. [2] M. Fasi, N. J. Higham, M. Mikaitis, S. Pranesh, "Numerical behavior of NVIDIA tensor
       cores", PeerJ Computer Science 7:e330, 2021.
    """
    value = flag("allow_tf32", "allowed", allowed)
    extension("cuda").allow_tf32(value)


def tf32_allowed() -> bool:
    """Tell whether `allow_tf32` has allowed TF32.

    Returns
    -------
    bool
        Whether large matrix products may round their factors.

    Raises
    ------
    DeviceError
        A RuntimeError: this pycnn was built without CUDA, or the machine has no GPU.
    """
    allowed: bool = extension("cuda").tf32_allowed()
    return allowed
