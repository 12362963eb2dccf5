"""Checks of constructor arguments, so that a wrong layer fails where it is made."""

from __future__ import annotations

import operator
from typing import Any


def integer(layer: str, name: str, value: Any, minimum: int) -> int:
    """Give `value` as an int of at least `minimum`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"[{layer}] {name} must be an int, got {type(value).__name__}") from None
    if number < minimum:
        raise ValueError(f"[{layer}] {name} must be at least {minimum}, got {number}")
    return number


def pair(layer: str, name: str, value: Any, minimum: int) -> tuple[int, int]:
    """Give an int or a pair of ints as (height, width)."""
    values = value if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise ValueError(f"[{layer}] {name} must be an int or (height, width), got {value}")
    height, width = (integer(layer, name, item, minimum) for item in values)
    return height, width


def probability(layer: str, name: str, value: float) -> float:
    """Give `value` as a float in [0, 1)."""
    if not 0.0 <= value < 1.0:
        raise ValueError(f"[{layer}] {name} must be in [0, 1), got {value}")
    return float(value)
