"""The calls that save memory in PyTorch by computing twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["checkpoint", "checkpoint_sequential"]


def checkpoint(function: Callable[..., Any], *inputs: Any, **options: Any) -> Any:
    """Return ``function(*inputs)``: the same values and gradients, without saving memory.

    PyTorch's own options, `use_reentrant` and `preserve_rng_state`, change nothing.
    """
    for own in ("use_reentrant", "preserve_rng_state"):
        options.pop(own, None)
    return function(*inputs, **options)


def checkpoint_sequential(functions: Any, segments: int, x: Any, **options: Any) -> Any:
    """Call modules one after the other, as `checkpoint` does."""
    for function in functions:
        x = checkpoint(function, x, **options)
    return x
