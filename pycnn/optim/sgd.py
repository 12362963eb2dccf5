"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable

from pycnn import ops
from pycnn._arguments import at_least_zero, real
from pycnn.layers.parameter import Parameter
from pycnn.optim.optimizer import Optimizer, State, zeros_like


class SGD(Optimizer):
    """Gradient descent with momentum, PyTorch's update; see `pycnn.ops.sgd_step`.

    Parameters
    ----------
    params : iterable of Parameter
        What to update.
    lr : float
        Learning rate.
    momentum : float
        Share of the last velocity that is kept.
    dampening : float
        Share of the gradient that does not enter the velocity.
    weight_decay : float
        Factor of the parameter that is added to its gradient.
    nesterov : bool
        Whether to look one step of the velocity ahead.

    Raises
    ------
    TypeError, ValueError
        If a setting is not a number or out of range; `nesterov` needs momentum and no dampening.
    """

    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params, lr)
        self.momentum = at_least_zero("momentum", momentum)
        self.dampening = real("dampening", dampening)
        self.weight_decay = at_least_zero("weight_decay", weight_decay)
        self.nesterov = bool(nesterov)
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError("nesterov needs a momentum and no dampening")

    def hyperparameters(self) -> State:
        """Give the settings by the names of the constructor's arguments, besides ``lr``."""
        return {
            "momentum": self.momentum,
            "dampening": self.dampening,
            "weight_decay": self.weight_decay,
            "nesterov": self.nesterov,
        }

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        options = {"lr": self.lr, **self.hyperparameters()}
        for parameter, state in zip(self.params, self._states, strict=True):
            if parameter.grad is None:
                continue
            velocity = state.get("momentum_buffer")
            first = velocity is None and self.momentum != 0
            if first:
                velocity = state["momentum_buffer"] = zeros_like(parameter)
            ops.sgd_step(parameter.data, parameter.grad, velocity, first=first, **options)
