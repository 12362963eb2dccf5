"""The GPU: what there is, and how much of its memory is in use.

`Module.to` moves a model there, ``model.to("cuda")``; `pycnn.fit`, `pycnn.evaluate` and
`pycnn.predict` then take its batches there, too.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from pycnn.devices import EXTENSIONS, DeviceError, extension

__all__ = ["Timer", "devices", "is_available", "memory_stats", "synchronize"]


def is_available() -> bool:
    """Whether this pycnn has the CUDA backend and the machine a GPU."""
    return find_spec(EXTENSIONS["cuda"]) is not None and bool(devices())


def devices() -> list[dict[str, Any]]:
    """Describe the GPUs: name, compute_capability, multiprocessors, memory (in bytes).

    An empty list where there is none; RuntimeError where pycnn was built without CUDA.
    """
    found: list[dict[str, Any]] = []
    try:
        found = extension("cuda").devices()
    except DeviceError:
        if find_spec(EXTENSIONS["cuda"]) is None:
            raise
    return found


def synchronize() -> None:
    """Wait until the GPU has done all that it was asked for: kernels run while Python goes on."""
    extension("cuda").synchronize()


def memory_stats() -> dict[str, int]:
    """Bytes of device memory: ``used`` by arrays, ``cached`` for new ones, ``most_used`` so far."""
    stats: dict[str, int] = extension("cuda").memory_stats()
    return stats


class Timer:
    """Time that the GPU takes for what is asked of it in a ``with`` block.

    Measured between two events on the stream of the ops, so the wait of Python for the GPU, or of
    the GPU for Python before the first op, is not in it.

    Raises
    ------
    RuntimeError
        If there is no GPU.

    Examples
    --------
    >>> with pycnn.cuda.Timer() as timer:
    ...     y = model(x)
    >>> timer.seconds  # waits for the GPU
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
