"""Adagrad."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from typing import Any, ClassVar

import numpy as np

from pycnn import backends, ops
from pycnn._arguments import factor
from pycnn.devices import device_of, move
from pycnn.layers.parameter import Array, Parameter
from pycnn.optim.domain import eps_beside_root
from pycnn.optim.groups import Group, Params, Setting
from pycnn.optim.loaded_state import State
from pycnn.optim.optimizer import Optimizer

# Share of the old mean square in the kernel, see `Adagrad.update`.
_HALF = 0.5


class Adagrad(Optimizer):
    """Gradient divided by the root of the sum of all its squares.

    ``g = grad + weight_decay w``, ``sum = sum + g^2``,
    ``w -= lr / (1 + (step - 1) lr_decay) * g / (sqrt(sum) + eps)``. A gradient with few rows
    changes these rows only, as PyTorch's sparse one does.

    Parameters
    ----------
    params : iterable of Parameter, or of groups
        What to update; see `Optimizer`.
    lr : float
        Learning rate.
    lr_decay : float
        How fast the rate falls with the steps of a parameter.
    weight_decay : float
        Factor of the parameter that is added to its gradient.
    initial_accumulator_value : float
        The sum before the first step.
    eps : float
        Added to the root; at least 1.5e-17. Squares below 2^-126 count as zero.

    Raises
    ------
    TypeError, ValueError
        If a setting is not a number or out of range.

    References
    ----------
    Duchi, Hazan, Singer: Adaptive subgradient methods for online learning and stochastic
    optimization, 2011.
    """

    squares: ClassVar[Set[str]] = {"sum"}

    capturable: ClassVar[bool] = False

    lr_decay = Setting()
    weight_decay = Setting()
    initial_accumulator_value = Setting()
    eps = Setting()

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        settings = {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps}
        first = {"initial_accumulator_value": initial_accumulator_value}
        super().__init__(params, settings | first)

    def checked(self, settings: Mapping[str, Any]) -> State:
        """Return the settings of a group, checked."""
        owner = type(self).__name__
        names = ("lr_decay", "weight_decay", "initial_accumulator_value")
        return {
            **super().checked(settings),
            **{name: factor(owner, name, settings[name]) for name in names},
            "eps": eps_beside_root(owner, "eps", settings["eps"], _HALF),
        }

    def start(self, parameter: Parameter, group: Group) -> State:
        """Make the state of a parameter before its first step."""
        data = parameter.array
        first = np.full(data.shape, group["initial_accumulator_value"], data.dtype)
        return {"step": 0, "sum": move(first, device_of(data))}

    def update(self, data: Array, grad: Array, state: State, group: Group, first: bool) -> None:
        """Take one step in place on an array and its state."""
        if grad.shape != data.shape:
            raise ValueError(f"[Adagrad] grad has shape {grad.shape}, the parameter {data.shape}")
        rate = group["lr"] / (1 + state["step"] * group["lr_decay"])
        state["step"] += 1
        # RMSprop's kernel: half of twice the old sum, and half of the square of g times sqrt(2).
        # So the step has a factor of sqrt(2), too.
        larger = grad.copy()
        backends.of(data).scale(larger, math.sqrt(2))
        total = state["sum"].copy()  # a step that fails leaves the old one
        backends.of(data).scale(total, 2.0)
        ops.rmsprop_step(
            data,
            larger,
            total,
            lr=rate / math.sqrt(2),
            alpha=_HALF,
            eps=group["eps"],
            weight_decay=group["weight_decay"] * math.sqrt(2),
        )
        state["sum"] = total
