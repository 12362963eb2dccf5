"""Checks that every augmentation makes of its batch and its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn._arguments import real, written


def check_images(owner: str, x: Any) -> None:
    """Refuse what is not a batch of images, (N, C, H, W) float32.

    Raises
    ------
    TypeError
        If it is no float32 array.
    ValueError
        If it does not have four axes.
    """
    if not isinstance(x, np.ndarray) or x.dtype != np.float32:
        found = getattr(x, "dtype", type(x).__name__)
        raise TypeError(f"[{owner}] images must be a float32 array, got {found}")
    if x.ndim != 4:
        raise ValueError(f"[{owner}] images must be (N, C, H, W), got shape {x.shape}")


def interval(owner: str, name: str, value: Any) -> tuple[float, float]:
    """Return a number as (-number, number), or a pair as it is, lower end first."""
    if not isinstance(value, (tuple, list)):
        end = abs(real(owner, name, value))
        return -end, end
    if len(value) != 2:
        raise ValueError(f"[{owner}] {name} must be a number or (low, high), got {written(value)}")
    low, high = (real(owner, name, item) for item in value)
    if low > high:
        raise ValueError(f"[{owner}] {name} must have its lower end first, got {written(value)}")
    return low, high
