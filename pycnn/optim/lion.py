"""Lion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pycnn import backends, ops
from pycnn._arguments import factor
from pycnn.layers.parameter import Array, Parameter
from pycnn.optim.domain import pair_of_fractions
from pycnn.optim.groups import Group, Params, Setting
from pycnn.optim.loaded_state import State
from pycnn.optim.optimizer import Optimizer, zeros_like
from pycnn.optim.running_mean import mean_gradient

# Least eps of RMSprop's kernel.
_EPS = 1e-17


class Lion(Optimizer):
    """Steps of one length for all numbers, in the direction of a mean of the gradients.

    ``c = b1 m + (1 - b1) grad``, ``w = w (1 - lr weight_decay) - lr sign(c)``,
    ``m = b2 m + (1 - b2) grad``. The sign is computed as ``c / (|c| + 1e-17)``: of numbers below
    1e-10 it is smaller than 1, and of those beyond 1.8e19 it is 0.

    Parameters
    ----------
    params : iterable of Parameter, or of groups
        What to update; see `Optimizer`.
    lr : float
        Learning rate, a third to a tenth of a good one for Adam.
    betas : (float, float)
        b1 and b2, each in [0, 1).
    weight_decay : float
        Share of the parameter, times `lr`, that each step takes away.

    Raises
    ------
    TypeError, ValueError
        If a setting is not a number or out of range.

    References
    ----------
    Chen et al.: Symbolic discovery of optimization algorithms, 2023, algorithm 2.
    """

    capturable: ClassVar[bool] = False

    betas = Setting()
    weight_decay = Setting()

    def __init__(
        self,
        params: Params,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    def checked(self, settings: Mapping[str, Any]) -> State:
        """Return the settings of a group, checked."""
        owner = type(self).__name__
        return {
            **super().checked(settings),
            "betas": pair_of_fractions(owner, "betas", settings["betas"]),
            "weight_decay": factor(owner, "weight_decay", settings["weight_decay"]),
        }

    def start(self, parameter: Parameter, group: Group) -> State:
        """Make the state of a parameter before its first step."""
        return {"exp_avg": zeros_like(parameter)}

    def update(self, data: Array, grad: Array, state: State, group: Group, first: bool) -> None:
        """Take one step in place on an array and its state."""
        beta1, beta2 = group["betas"]
        direction, mean = state["exp_avg"].copy(), state["exp_avg"]
        mean_gradient(data, grad, direction, beta1)
        mean_gradient(data, grad, mean, beta2)
        backends.of(data).scale(data, 1 - group["lr"] * group["weight_decay"])
        # RMSprop's kernel, without memory, divides each number by its absolute value.
        unused = backends.of(data).zeros_like(data)
        ops.rmsprop_step(data, direction, unused, lr=group["lr"], alpha=0.0, eps=_EPS)
