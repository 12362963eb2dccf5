"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable

from pycnn import ops
from pycnn._arguments import factor, flag, float32
from pycnn.layers.parameter import Array, Parameter
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
        owner = type(self).__name__
        self.momentum = factor(owner, "momentum", momentum)
        self.dampening = float32(owner, "dampening", dampening)
        self.weight_decay = factor(owner, "weight_decay", weight_decay)
        self.nesterov = flag(owner, "nesterov", nesterov)
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError(f"{self.named('nesterov')} needs a momentum and no dampening")

    def hyperparameters(self) -> State:
        """Return the settings by the names of the constructor's arguments, besides ``lr``."""
        return {
            "momentum": self.momentum,
            "dampening": self.dampening,
            "weight_decay": self.weight_decay,
            "nesterov": self.nesterov,
        }

    def start(self, parameter: Parameter) -> State:
        """Make the state of a parameter before its first step; arrays have the same shape."""
        return {"momentum_buffer": zeros_like(parameter)} if self.momentum else {}

    def update(self, data: Array, grad: Array, state: State, first: bool) -> None:
        """Take one step in place on an array and its state; `first` of this parameter."""
        velocity = state["momentum_buffer"] if self.momentum else None
        ops.sgd_step(data, grad, velocity, first=first, lr=self.lr, **self.hyperparameters())
