"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable

from pycnn import ops
from pycnn._arguments import factor, flag, fraction
from pycnn.layers.parameter import Array, Parameter
from pycnn.optim.domain import eps_beside_root
from pycnn.optim.optimizer import Optimizer, State, zeros_like


class RMSprop(Optimizer):
    """Gradient divided by its running root mean square; see `pycnn.ops.rmsprop_step`.

    Parameters
    ----------
    params : iterable of Parameter
        What to update.
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

    def __init__(
        self,
        params: Iterable[Parameter],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(params, lr)
        owner = type(self).__name__
        self.alpha = fraction(owner, "alpha", alpha)
        self.eps = eps_beside_root(owner, "eps", eps, self.alpha)
        self.weight_decay = factor(owner, "weight_decay", weight_decay)
        self.momentum = factor(owner, "momentum", momentum)
        self.centered = flag(owner, "centered", centered)

    def hyperparameters(self) -> State:
        """Return the settings by the names of the constructor's arguments, besides ``lr``."""
        return {
            "alpha": self.alpha,
            "eps": self.eps,
            "weight_decay": self.weight_decay,
            "momentum": self.momentum,
            "centered": self.centered,
        }

    def start(self, parameter: Parameter) -> State:
        """Make the state of a parameter before its first step; arrays have the same shape."""
        state: State = {"step": 0, "square_avg": zeros_like(parameter)}
        if self.momentum:
            state["momentum_buffer"] = zeros_like(parameter)
        if self.centered:
            state["grad_avg"] = zeros_like(parameter)
        return state

    def update(self, data: Array, grad: Array, state: State, first: bool) -> None:
        """Take one step in place on an array and its state; `first` of this parameter."""
        state["step"] += 1  # for PyTorch, which keeps it too
        ops.rmsprop_step(
            data,
            grad,
            state["square_avg"],
            state["momentum_buffer"] if self.momentum else None,
            state["grad_avg"] if self.centered else None,
            lr=self.lr,
            alpha=self.alpha,
            eps=self.eps,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
        )
