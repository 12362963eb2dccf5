"""Modes of modules: training or evaluation.

Those of a training belong to the call: what another thread sets meanwhile is not seen by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from pycnn._memory import Remembering
from pycnn.layers.tree import Tree

Self = TypeVar("Self", bound="Modes")

# Whether each module trains, by its id; innermost call last.
_modes: ContextVar[tuple[dict[int, bool], ...]] = ContextVar("modes", default=())


class Modes(Tree, Remembering):
    """What every `Module` can do to be in training or evaluation mode."""

    _training_at_first = True

    def __init_subclass__(cls, **options: Any) -> None:
        """Take ``training = False`` in a class as the mode that its modules begin in."""
        super().__init_subclass__(**options)
        if isinstance(mode := vars(cls).get("training"), bool):  # it would hide the property
            cls._training_at_first = mode
            del cls.training

    @property
    def training(self) -> bool:
        """Whether `forward` does what belongs to training alone."""
        return self._mode and not self._is_evaluated

    @training.setter
    def training(self, mode: bool) -> None:
        vars(self)["training"] = mode
        set_own_mode(self, mode)

    @property
    def _mode(self) -> bool:
        """What `training` is outside of `evaluation_mode`, in this thread."""
        own = own_mode(self)
        return bool(vars(self).get("training", self._training_at_first) if own is None else own)

    def train(self: Self, mode: bool = True) -> Self:
        """Set training mode (or, with False, evaluation mode) here and below; return self."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: Self) -> Self:
        """Set evaluation mode here and below; return self."""
        return self.train(False)


@contextmanager
def own_modes(model: Modes) -> Iterator[None]:
    """Make this thread see only its own changes to the modes below a model until the block ends.

    The modes that it has then become those of all threads.
    """
    modules = list(model.modules())  # holding them keeps other objects from getting their ids
    modes = {id(module): module._mode for module in modules}
    _modes.set((*_modes.get(), modes))
    try:
        yield
    finally:
        _modes.set(tuple(other for other in _modes.get() if other is not modes))
        for module in modules:
            module.training = modes[id(module)]


def modes_here() -> list[dict[int, bool]]:
    """Return a copy of the modes that calls of this thread keep, by the ids of the modules."""
    return [dict(modes) for modes in _modes.get()]


def own_mode(module: Modes) -> bool | None:
    """Return the mode that a call of this thread keeps for a module, or None."""
    for modes in reversed(_modes.get()):
        if id(module) in modes:
            return modes[id(module)]
    return None


def set_own_mode(module: Modes, mode: bool) -> None:
    """Set the mode that a call of this thread keeps for a module, if there is one."""
    for modes in reversed(_modes.get()):
        if id(module) in modes:
            modes[id(module)] = mode
            return
