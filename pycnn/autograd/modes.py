"""Whether ops on tensors are recorded, under PyTorch's names."""

from __future__ import annotations

import threading
from typing import Any

from pycnn.autograd.graph import _recording, enter, is_recording, leave, recording

__all__ = ["enable_grad", "inference_mode", "is_grad_enabled", "no_grad", "set_grad_enabled"]


def no_grad() -> Any:
    """Record nothing in a ``with`` block, or in a function that this decorates.

    Examples
    --------
    >>> weight = pycnn.tensor([1.0], requires_grad=True)
    >>> with pycnn.no_grad():
    ...     weight -= 0.1
    >>> weight
    tensor([0.9], dtype=float32, requires_grad=True)
    """
    return recording(False)


def inference_mode(mode: bool = True) -> Any:
    """Do what `no_grad` does; with False, nothing."""
    return recording(False if mode else None)


def enable_grad() -> Any:
    """Record in a ``with`` block within `no_grad`, or in a function that this decorates."""
    return recording(True)


def set_grad_enabled(mode: bool) -> Any:
    """Record, or do not, from now on in this thread; in a ``with`` block, until that ends."""
    return _GradMode(bool(mode))


def is_grad_enabled() -> bool:
    """Return whether ops on tensors are recorded in this thread."""
    return is_recording()


class _GradMode:
    """What `set_grad_enabled` returns: it takes effect at once, and ends with a block.

    The first block of the thread that made it ends with what was before that; each other block,
    of whatever thread, with what was before the block.
    """

    def __init__(self, mode: bool) -> None:
        self.mode, self.before = mode, is_recording()
        self._maker: int | None = threading.get_ident()
        _recording.set(mode)

    def __enter__(self) -> None:
        is_first = self._maker == threading.get_ident()
        enter(self, self.mode, self.before if is_first else is_recording())
        if is_first:
            self._maker = None

    def __exit__(self, *_: object) -> None:
        leave(self)

    def __call__(self, function: Any) -> Any:
        """Decorate a function, and change nothing outside of it."""
        _recording.set(self.before)
        return recording(self.mode)(function)
