"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from pycnn import ops
from pycnn._arguments import factor, fraction, written
from pycnn.layers.parameter import Array, Parameter
from pycnn.optim.domain import eps_beside_root
from pycnn.optim.optimizer import Optimizer, State, zeros_like


class Adam(Optimizer):
    """Steps scaled by running moments of the gradient; see `pycnn.ops.adam_step`.

    Parameters
    ----------
    params : iterable of Parameter
        What to update.
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

    constants: ClassVar[Mapping[str, bool]] = {
        **Optimizer.constants,
        "amsgrad": False,
        "decoupled_weight_decay": False,
    }

    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr)
        owner = type(self).__name__
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise TypeError(
                f"{self.named('betas')} must be a pair of numbers, got {written(betas)}"
            )
        first, second = betas
        self.betas = fraction(owner, "betas", first), fraction(owner, "betas", second)
        self.eps = eps_beside_root(owner, "eps", eps, self.betas[1])
        self.weight_decay = factor(owner, "weight_decay", weight_decay)

    def hyperparameters(self) -> State:
        """Return the settings by the names of the constructor's arguments, besides ``lr``."""
        return {"betas": self.betas, "eps": self.eps, "weight_decay": self.weight_decay}

    def start(self, parameter: Parameter) -> State:
        """Make the state of a parameter before its first step."""
        return {
            "step": 0,
            "exp_avg": zeros_like(parameter),
            "exp_avg_sq": zeros_like(parameter),
        }

    def update(self, data: Array, grad: Array, state: State, first: bool) -> None:
        """Take one step in place on an array and its state; `first` of this parameter."""
        state["step"] += 1
        ops.adam_step(
            data,
            grad,
            state["exp_avg"],
            state["exp_avg_sq"],
            step=state["step"],
            lr=self.lr,
            decoupled=self.constants["decoupled_weight_decay"],
            **self.hyperparameters(),
        )


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
        params: Iterable[Parameter],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
