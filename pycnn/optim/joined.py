"""Optimizers that update many parameters by one call."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from pycnn.backends.joined_steps import are_joined
from pycnn.layers.factored_gradient import FactoredGradient, kept_gradient
from pycnn.layers.parameter import Parameter
from pycnn.optim.groups import Group
from pycnn.optim.loaded_state import State
from pycnn.optim.optimizer import Optimizer

# A parameter, its gradient and the arrays of its state.
Arrays = tuple[Any, ...]


class JoinedOptimizer(Optimizer):
    """An optimizer whose step on the CPU is one call for all parameters of a group.

    The bits are those of a call for each parameter. A gradient that has been put off
    (`FactoredGradient`) is computed on the way. A parameter on a device, and a gradient with
    few rows, has a call of its own, and so have all where a class defines `update` alone.
    """

    _joins: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        """See whether a class has an `update` of its own, which is then what has to be called."""
        super().__init_subclass__(**options)
        if "update" in vars(cls):
            cls._joins = "update_all" in vars(cls)

    @property
    def takes_factored(self) -> bool:  # type: ignore[override]
        """Whether gradients that have been put off are computed by the call for all parameters."""
        return self._joins and are_joined()

    def step(self) -> None:
        """Update every parameter that has a gradient and requires one; see `Optimizer.step`.

        Where one of them is refused, no other of its group is updated either.
        """
        for call in self._calls()[0]:
            self._take(call)

    def step_to_repeat(self) -> Callable[[], None]:
        """Take a step; return what takes it again for recorded ops: without a look at arrays."""
        calls, are_all = self._calls()
        for call in calls:
            self._take(call)
        if not are_all:
            return self.step
        for call in calls:  # gradients that are kept here would be taken for somebody's
            call.arrays = []
            call.updated = [(parameter, state, state) for parameter, state, _ in call.updated]

        def again() -> None:
            for call in calls:
                self._take(call)

        return again

    def _calls(self) -> tuple[list[_Call], bool]:
        """Update what has to be updated one by one; return the calls that update the rest.

        Also return whether they are all.
        """
        are_all = True
        calls: dict[tuple[int, Any], _Call] = {}
        joins = self.takes_factored
        for group, parameter, state in self._entries():
            gradient = kept_gradient(parameter)
            if gradient is None or not parameter.requires_grad:
                continue
            data = parameter.array
            if joins and type(gradient) is FactoredGradient:
                gradient = gradient.factors
            elif not (joins and isinstance(gradient, np.ndarray) and isinstance(data, np.ndarray)):
                are_all = False
                self._update_one(group, parameter, state)
                continue
            count = self.count(state)
            call = calls.get((id(group), count))
            if call is None:
                call = calls[id(group), count] = _Call(group)
            new = state or self.start(parameter, group)
            call.arrays.append((data, gradient, *self.arrays_of(new, group)))
            call.updated.append((parameter, state, new))
        return list(calls.values()), are_all

    def _take(self, call: _Call) -> None:
        steps = self.update_all(call.arrays, call.group, self.count(call.updated[0][1]))
        for parameter, state, new in call.updated:
            if new is not state:
                state.update(new)  # only now: a failed step changes no state
            if steps:
                state.update(steps)
            parameter.changed()

    @abstractmethod
    def count(self, state: State) -> Any:
        """Return what must be equal for parameters of one call: how far their steps have come."""

    @abstractmethod
    def arrays_of(self, state: State, group: Group) -> Arrays:
        """Return the arrays of a state, as `update_all` takes them."""

    @abstractmethod
    def update_all(self, arrays: list[Arrays], group: Group, count: Any) -> State:
        """Take a step in place on parameters with equal counts; return what changes besides."""


class _Call:
    """The parameters that one call updates."""

    __slots__ = ("arrays", "group", "updated")

    def __init__(self, group: Group) -> None:
        self.group = group
        self.arrays: list[Arrays] = []
        self.updated: list[tuple[Parameter, State, State]] = []
