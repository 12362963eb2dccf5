"""How PyTorch's layers read an argument that is one number or several."""

from __future__ import annotations

from typing import Any


def _single(value: Any) -> Any:
    """Return a number as a tuple of one; several as they are."""
    return _several(value, 1)


def _pair(value: Any) -> Any:
    """Return a number twice; several as they are."""
    return _several(value, 2)


def _several(value: Any, count: int) -> Any:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * count
