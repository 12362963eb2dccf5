"""PyTorch's question whether there is a GPU, whoever made it: see `pycnn.cuda`."""

from __future__ import annotations

from pycnn import cuda
from pycnn.devices import Device

__all__ = ["current_accelerator", "is_available"]


def is_available() -> bool:
    """Return whether this pycnn has a GPU to use."""
    return cuda.is_available()


def current_accelerator() -> Device | None:
    """Return the device that computes fastest, or None if that is the CPU."""
    return Device("cuda") if is_available() else None
