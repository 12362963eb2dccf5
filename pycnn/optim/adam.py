"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pycnn import ops
from pycnn._arguments import factor
from pycnn.backends.joined_steps import adam_steps
from pycnn.layers.parameter import Array, Parameter
from pycnn.optim.domain import eps_beside_root, pair_of_fractions
from pycnn.optim.groups import Group, Params, Setting
from pycnn.optim.joined import Arrays, JoinedOptimizer
from pycnn.optim.loaded_state import State
from pycnn.optim.optimizer import zeros_like


class Adam(JoinedOptimizer):
    """Steps scaled by running moments of the gradient; see `pycnn.ops.adam_step`.

    Parameters
    ----------
    params : iterable of Parameter, or of groups
        What to update; see `Optimizer`.
    lr : float
        Learning rate.
    betas : (float, float)
        Share of the old mean and of the old mean square that is kept, each in [0, 1).
    eps : float
        Added to the square root that the step is divided by; at least
        ``1e-17 / sqrt(1 - betas[1])``, see Notes of `pycnn.ops.adam_step`.
    weight_decay : float
        Factor of the parameter that is added to its gradient.

    Raises
    ------
    TypeError, ValueError
        If a setting is not a number or out of range.

    References
    ----------
    Kingma, Ba: Adam: a method for stochastic optimization, 2015, algorithm 1.
    """

    betas = Setting()
    eps = Setting()
    weight_decay = Setting()

    constants: ClassVar[Mapping[str, bool]] = {
        **JoinedOptimizer.constants,
        "amsgrad": False,
        "decoupled_weight_decay": False,
    }

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, settings)

    def checked(self, settings: Mapping[str, Any]) -> State:
        """Return the settings of a group, checked."""
        owner = type(self).__name__
        betas = pair_of_fractions(owner, "betas", settings["betas"])
        return {
            **super().checked(settings),
            "betas": betas,
            "eps": eps_beside_root(owner, "eps", settings["eps"], betas[1]),
            "weight_decay": factor(owner, "weight_decay", settings["weight_decay"]),
        }

    def start(self, parameter: Parameter, group: Group) -> State:
        """Make the state of a parameter before its first step."""
        return {
            "step": 0,
            "exp_avg": zeros_like(parameter),
            "exp_avg_sq": zeros_like(parameter),
        }

    def update(self, data: Array, grad: Array, state: State, group: Group, first: bool) -> None:
        """Take one step in place on an array and its state; `first` of this parameter."""
        state["step"] += 1
        ops.adam_step(
            data,
            grad,
            state["exp_avg"],
            state["exp_avg_sq"],
            step=state["step"],
            decoupled=self.constants["decoupled_weight_decay"],
            **self.settings(group),
        )

    def count(self, state: State) -> int:
        """Return how many steps a parameter has taken."""
        steps: int = state["step"] if state else 0
        return steps

    def arrays_of(self, state: State, group: Group) -> Arrays:
        """Return both moments."""
        return state["exp_avg"], state["exp_avg_sq"]

    def update_all(self, arrays: list[Arrays], group: Group, count: int) -> State:
        """Take a step in place on parameters that have taken equally many."""
        decoupled = self.constants["decoupled_weight_decay"]
        adam_steps(arrays, step=count + 1, decoupled=decoupled, **self.settings(group))
        return {"step": count + 1}


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameter directly and skips the moments.

    Takes the arguments of `Adam`, with a `weight_decay` of 0.01 by default: each step shrinks the
    parameter by the share ``lr weight_decay``.

    References
    ----------
    Loshchilov, Hutter: Decoupled weight decay regularization, 2019, algorithm 2.
    """

    constants: ClassVar[Mapping[str, bool]] = {**Adam.constants, "decoupled_weight_decay": True}

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
