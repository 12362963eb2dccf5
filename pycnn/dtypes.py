"""Kinds of numbers and devices under PyTorch's names."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn.devices import backend

float32 = np.float32
int32 = np.int32
int64 = long = np.int64
uint8 = np.uint8

# Names that would hide Python's own if they were imported with a star.
KINDS = {"float": np.float32, "int": np.int32, "bool": np.bool_, "Size": tuple}

__all__ = ["device", "float32", "int32", "int64", "long", "uint8"]


def is_dtype(value: Any) -> bool:
    """Whether this is a kind of numbers."""
    numbers = (np.generic, float, int)
    return isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, numbers))


def device(name: Any) -> str:
    """Return the name of a device, as `Tensor.to` and `Module.to` take it.

    Raises
    ------
    ValueError, RuntimeError
        If there is no such device, or this pycnn was built without it.
    """
    text = str(name).partition(":")[0]
    backend(text)
    return text
