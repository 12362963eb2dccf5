"""What a recorded step depends on: where any of it changes, the step is recorded anew."""

from __future__ import annotations

from operator import is_
from typing import Any

import numpy as np

from pycnn._memory import evaluations
from pycnn.autograd import is_recording
from pycnn.autograd.hooks import HOOKED
from pycnn.backends.recording import chosen_kernels
from pycnn.layers.modes import modes_here
from pycnn.layers.module import Module
from pycnn.layers.passes import watched
from pycnn.layers.spread import spread_here

DEEPEST = 8  # levels of lists and dicts among the attributes of a module


class Dependence:
    """The attributes of a model and a loss, the arrays of the model, modes and settings.

    Attributes of modules, and what lists and dicts among them hold, are compared by identity or
    equality; arrays by identity, as a plan knows them by their addresses. There may be no loss, and
    modes do not count where the model is evaluated anyway.
    """

    def __init__(
        self, model: Module, loss: Any, constants: list[tuple[Any, str]], *, modes: bool = True
    ) -> None:
        self._modules = list(model.modules())
        self._modes_count = modes
        # A loss may consist of others.
        losses = [] if loss is None else [loss, *getattr(loss, "parts", ())]
        owners = [*self._modules, *losses]
        self._attributes = [vars(one) for one in owners]
        self._saved = [copied(one) for one in self._attributes]
        self.state = [*model.parameters(), *model.buffers()]
        self._arrays = [one.array for one in self.state]
        self._constants = constants
        self._others = self._now()

    def _now(self) -> list[Any]:
        """Return what is compared besides attributes and arrays."""
        return [
            # What a module keeps itself is among its attributes.
            modes_here() if self._modes_count else [],
            [type(module).forward for module in self._modules],
            [one.requires_grad for one in self.state],
            [getattr(one, "home", None) for one in self.state],
            [getattr(owner, name, None) for owner, name in self._constants],
            chosen_kernels(),
        ]

    def holds(self) -> bool:
        """Whether all of it is as it was."""
        try:
            return (
                self._attributes == self._saved
                and all(map(is_, [one.array for one in self.state], self._arrays))
                and self._now() == self._others
            )
        except (TypeError, ValueError, RuntimeError):  # arrays are no longer the same objects
            return False

    @property
    def arrays(self) -> list[Any]:
        """Every array among parameters, buffers, and attributes of modules and the loss."""
        found: list[Any] = list(self._arrays)
        left: list[Any] = list(self._saved)
        while left:
            value = left.pop()
            if isinstance(value, dict):
                left += value.values()
            elif isinstance(value, list):
                left += value
            elif hasattr(value, "__array_interface__"):
                found.append(value)
        return found


def is_watched(state: list[Any]) -> bool:
    """Whether this thread wants to see what Python does in a step, or makes it do other things."""
    return (
        is_looked_at()
        or not is_recording()
        or any(one.objects for one in evaluations())  # one that has ended may be left, empty
        or (bool(HOOKED) and any(id(one) in HOOKED for one in state))
    )


def is_looked_at() -> bool:
    """Whether this thread watches modules, or a batch is a part of one that is spread."""
    return watched() or spread_here() is not None


class _AnyGenerator:
    """Equal to every generator of random numbers: a replay asks a layer for its present one."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, np.random.Generator)

    __hash__ = None  # type: ignore[assignment]


def copied(value: Any, depth: int = 0) -> Any:
    """Copy dicts and lists, so that a change of one is seen."""
    if isinstance(value, np.random.Generator):
        return _AnyGenerator()
    if depth < DEEPEST and type(value) is dict:
        return {name: copied(one, depth + 1) for name, one in value.items()}
    if depth < DEEPEST and type(value) is list:
        return [copied(one, depth + 1) for one in value]
    return value
