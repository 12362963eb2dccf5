"""RMSprop."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, ClassVar

from pycnn import ops
from pycnn._arguments import factor, flag, fraction
from pycnn.layers.parameter import Array, Parameter
from pycnn.optim.domain import eps_beside_root
from pycnn.optim.groups import Group, Params, Setting
from pycnn.optim.loaded_state import State
from pycnn.optim.optimizer import Optimizer, zeros_like


class RMSprop(Optimizer):
    """Gradient divided by its running root mean square; see `pycnn.ops.rmsprop_step`.

    Parameters
    ----------
    params : iterable of Parameter, or of groups
        What to update; see `Optimizer`.
    lr : float
        Learning rate.
    alpha : float
        Share of the old mean square that is kept, in [0, 1).
    eps : float
        Added to the root; at least ``1e-17 / sqrt(1 - alpha)``, see Notes of
        `pycnn.ops.rmsprop_step`.
    weight_decay : float
        Factor of the parameter that is added to its gradient.
    momentum : float
        Share of the last step that is kept.
    centered : bool
        Whether to subtract the square of the mean gradient from the mean square.

    Raises
    ------
    TypeError, ValueError
        If a setting is not a number or out of range.

    References
    ----------
    Tieleman, Hinton: Lecture 6.5, Neural networks for machine learning, 2012.
    """

    optional: ClassVar[Set[str]] = {"momentum_buffer", "grad_avg"}

    alpha = Setting()
    eps = Setting()
    weight_decay = Setting()
    momentum = Setting()
    centered = Setting()

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        settings = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, settings | {"momentum": momentum, "centered": centered})

    def checked(self, settings: Mapping[str, Any]) -> State:
        """Return the settings of a group, checked."""
        owner = type(self).__name__
        alpha = fraction(owner, "alpha", settings["alpha"])
        return {
            **super().checked(settings),
            "alpha": alpha,
            "eps": eps_beside_root(owner, "eps", settings["eps"], alpha),
            "weight_decay": factor(owner, "weight_decay", settings["weight_decay"]),
            "momentum": factor(owner, "momentum", settings["momentum"]),
            "centered": flag(owner, "centered", settings["centered"]),
        }

    def start(self, parameter: Parameter, group: Group) -> State:
        """Make the state of a parameter before its first step; arrays have the same shape."""
        state: State = {"step": 0, "square_avg": zeros_like(parameter)}
        if group["momentum"]:
            state["momentum_buffer"] = zeros_like(parameter)
        if group["centered"]:
            state["grad_avg"] = zeros_like(parameter)
        return state

    def needed(self, parameter: Parameter, group: Group) -> Set[str]:
        """Return the entries of the state that momentum and centring call for."""
        of = {"momentum_buffer": group["momentum"], "grad_avg": group["centered"]}
        return {name for name, wanted in of.items() if wanted}

    def update(self, data: Array, grad: Array, state: State, group: Group, first: bool) -> None:
        """Take one step in place on an array and its state; `first` of this parameter."""
        state["step"] += 1  # for PyTorch, which keeps it too
        ops.rmsprop_step(
            data,
            grad,
            state["square_avg"],
            state["momentum_buffer"] if group["momentum"] else None,
            state["grad_avg"] if group["centered"] else None,
            **{name: group[name] for name in ("lr", "alpha", "eps", "weight_decay", "momentum")},
        )
