"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, ClassVar

from pycnn import ops
from pycnn._arguments import factor, flag, float32
from pycnn.backends.joined_steps import sgd_steps
from pycnn.layers.parameter import Array, Parameter
from pycnn.optim.groups import Group, Params, Setting
from pycnn.optim.joined import Arrays, JoinedOptimizer
from pycnn.optim.loaded_state import State
from pycnn.optim.optimizer import zeros_like


class SGD(JoinedOptimizer):
    """Gradient descent with momentum, PyTorch's update; see `pycnn.ops.sgd_step`.

    Parameters
    ----------
    params : iterable of Parameter, or of groups
        What to update; see `Optimizer`.
    lr : float
        Learning rate.
    momentum : float
        Share of the last velocity that is kept.
    dampening : float
        Share of the gradient that does not enter the velocity, except at the first step of a
        parameter (a row that gets its first gradient later has had velocity zero until then).
    weight_decay : float
        Factor of the parameter that is added to its gradient.
    nesterov : bool
        Whether to look one step of the velocity ahead.

    Raises
    ------
    TypeError, ValueError
        If a setting is not a number or out of range; `nesterov` needs momentum and no dampening.
    """

    optional: ClassVar[Set[str]] = {"momentum_buffer"}

    momentum = Setting()
    dampening = Setting()
    weight_decay = Setting()
    nesterov = Setting()

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        settings = {"lr": lr, "momentum": momentum, "dampening": dampening}
        super().__init__(params, settings | {"weight_decay": weight_decay, "nesterov": nesterov})

    def checked(self, settings: Mapping[str, Any]) -> State:
        """Return the settings of a group, checked."""
        owner = type(self).__name__
        found = {
            **super().checked(settings),
            "momentum": factor(owner, "momentum", settings["momentum"]),
            "dampening": float32(owner, "dampening", settings["dampening"]),
            "weight_decay": factor(owner, "weight_decay", settings["weight_decay"]),
            "nesterov": flag(owner, "nesterov", settings["nesterov"]),
        }
        if found["nesterov"] and (found["momentum"] == 0 or found["dampening"] != 0):
            raise ValueError(f"{self.named('nesterov')} needs a momentum and no dampening")
        return found

    def start(self, parameter: Parameter, group: Group) -> State:
        """Make the state of a parameter before its first step; arrays have the same shape."""
        return {"momentum_buffer": zeros_like(parameter)} if group["momentum"] else {}

    def update(self, data: Array, grad: Array, state: State, group: Group, first: bool) -> None:
        """Take one step in place on an array and its state; `first` of this parameter."""
        velocity = state["momentum_buffer"] if group["momentum"] else None
        ops.sgd_step(data, grad, velocity, first=first, **self.settings(group))

    def count(self, state: State) -> bool:
        """Return whether a parameter has not been updated yet."""
        return not state

    def arrays_of(self, state: State, group: Group) -> Arrays:
        """Return the velocity, which there is with momentum alone."""
        return (state["momentum_buffer"] if group["momentum"] else None,)

    def update_all(self, arrays: list[Arrays], group: Group, count: bool) -> State:
        """Take a step in place on parameters that all are, or are not, at their first."""
        sgd_steps(arrays, first=count, **self.settings(group))
        return {}
