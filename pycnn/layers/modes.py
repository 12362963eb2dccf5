"""Modes that belong to a call: what another thread sets meanwhile is not seen by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pycnn.layers.module import Module

# Whether each module trains, by its id; innermost call last.
_modes: ContextVar[tuple[dict[int, bool], ...]] = ContextVar("modes", default=())


@contextmanager
def own_modes(model: Module) -> Iterator[None]:
    """Let this thread alone change the modes below a model that it sees, until the block ends.

    What the modes are in the end, they are then for all threads.
    """
    modules = list(model.modules())  # they are held, so that no other object gets their ids
    modes = {id(module): module._mode for module in modules}
    _modes.set((*_modes.get(), modes))
    try:
        yield
    finally:
        _modes.set(tuple(other for other in _modes.get() if other is not modes))
        for module in modules:
            module.training = modes[id(module)]


def own_mode(module: Module) -> bool | None:
    """Return the mode that a call of this thread keeps for a module; None where there is none."""
    for modes in reversed(_modes.get()):
        if id(module) in modes:
            return modes[id(module)]
    return None


def set_own_mode(module: Module, mode: bool) -> None:
    """Set the mode that a call of this thread keeps for a module, if there is one."""
    for modes in reversed(_modes.get()):
        if id(module) in modes:
            modes[id(module)] = mode
            return
