"""Adadelta."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pycnn import ops
from pycnn._arguments import factor, fraction
from pycnn.layers.parameter import Array, Parameter
from pycnn.optim.domain import eps_under_root
from pycnn.optim.groups import Group, Params, Setting
from pycnn.optim.loaded_state import State
from pycnn.optim.optimizer import Optimizer, zeros_like


class Adadelta(Optimizer):
    """Steps in the unit of the parameters, as large as earlier ones; see `pycnn.ops.adadelta_step`.

    Parameters
    ----------
    params : iterable of Parameter, or of groups
        What to update; see `Optimizer`.
    lr : float
        Factor of the step; the method was published without one.
    rho : float
        Share of the old mean squares that is kept, in [0, 1).
    eps : float
        Added under both roots; its own root sets the size of the first step. At least
        ``1e-36 / (1 - rho)``, see Notes of `pycnn.ops.adadelta_step`.
    weight_decay : float
        Factor of the parameter that is added to its gradient.

    Raises
    ------
    TypeError, ValueError
        If a setting is not a number or out of range.

    References
    ----------
    Zeiler: ADADELTA: an adaptive learning rate method, 2012, algorithm 1.
    """

    rho = Setting()
    eps = Setting()
    weight_decay = Setting()

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None:
        settings = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, settings)

    def checked(self, settings: Mapping[str, Any]) -> State:
        """Return the settings of a group, checked."""
        owner = type(self).__name__
        rho = fraction(owner, "rho", settings["rho"])
        return {
            **super().checked(settings),
            "rho": rho,
            "eps": eps_under_root(owner, "eps", settings["eps"], rho),
            "weight_decay": factor(owner, "weight_decay", settings["weight_decay"]),
        }

    def start(self, parameter: Parameter, group: Group) -> State:
        """Make the state of a parameter before its first step; arrays have the same shape."""
        return {"step": 0, "square_avg": zeros_like(parameter), "acc_delta": zeros_like(parameter)}

    def update(self, data: Array, grad: Array, state: State, group: Group, first: bool) -> None:
        """Take one step in place on an array and its state; `first` of this parameter."""
        state["step"] += 1  # for PyTorch, which keeps it too
        means = state["square_avg"], state["acc_delta"]
        ops.adadelta_step(data, grad, *means, **self.settings(group))
