"""Checks that all augmentations make on their batch and their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn._arguments import real, written


def check_images(owner: str, x: Any) -> None:
    """Check that `x` is a batch of images, (N, C, H, W) float32.

    Raises
    ------
    TypeError
        If it is not a float32 array.
    ValueError
        If it does not have four axes.
    """
    if not isinstance(x, np.ndarray) or x.dtype != np.float32:
        found = getattr(x, "dtype", type(x).__name__)
        raise TypeError(f"[{owner}] images must be a float32 array, got {found}")
    if x.ndim != 4:
        raise ValueError(f"[{owner}] images must be (N, C, H, W), got shape {x.shape}")


def interval(owner: str, name: str, value: Any) -> tuple[float, float]:
    """Return (-number, number) for a number, or a pair unchanged; its lower end must be first."""
    if not isinstance(value, (tuple, list)):
        end = abs(real(owner, name, value))
        return -end, end
    if len(value) != 2:
        raise ValueError(f"[{owner}] {name} must be a number or (low, high), got {written(value)}")
    low, high = (real(owner, name, item) for item in value)
    if low > high:
        raise ValueError(f"[{owner}] {name} must have its lower end first, got {written(value)}")
    return low, high
