"""NAdam."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pycnn import backends, ops
from pycnn._arguments import factor, flag
from pycnn.layers.parameter import Array, Parameter
from pycnn.optim.domain import eps_beside_root, pair_of_fractions
from pycnn.optim.groups import Group, Params, Setting
from pycnn.optim.loaded_state import State
from pycnn.optim.optimizer import Optimizer, zeros_like
from pycnn.optim.running_mean import mean_gradient


class NAdam(Optimizer):
    """Adam with Nesterov's momentum, which looks one step ahead.

    With ``g = grad + weight_decay w`` and Adam's running means m and v of g and g^2,
    ``mu_t = b1 (1 - 0.5 * 0.96^(t momentum_decay))``, and P_t the product of all mu up to mu_t:
    ``d = (1 - mu_t) / (1 - P_t) g + mu_{t+1} / (1 - P_{t+1}) m``,
    ``w -= lr d / (sqrt(v / (1 - b2^t)) + eps)``.

    Parameters
    ----------
    params : iterable of Parameter, or of groups
        What to update; see `Optimizer`.
    lr : float
        Learning rate.
    betas : (float, float)
        b1 and b2, each in [0, 1).
    eps : float
        Added to the square root; at least ``1e-17 / sqrt(1 - b2)``, as for `Adam`.
    weight_decay : float
        Factor of the parameter that is added to its gradient.
    momentum_decay : float
        How fast mu grows to b1.
    decoupled_weight_decay : bool
        Whether the parameter is shrunk by the share ``lr weight_decay`` instead, as in `AdamW`.

    Raises
    ------
    TypeError, ValueError
        If a setting is not a number or out of range.

    References
    ----------
    Dozat: Incorporating Nesterov momentum into Adam, 2016.
    """

    capturable: ClassVar[bool] = False

    betas = Setting()
    eps = Setting()
    weight_decay = Setting()
    momentum_decay = Setting()
    decoupled_weight_decay = Setting()

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
    ) -> None:
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        settings |= {"momentum_decay": momentum_decay}
        super().__init__(params, settings | {"decoupled_weight_decay": decoupled_weight_decay})

    def checked(self, settings: Mapping[str, Any]) -> State:
        """Return the settings of a group, checked."""
        owner = type(self).__name__
        betas = pair_of_fractions(owner, "betas", settings["betas"])
        decoupled = settings["decoupled_weight_decay"]
        return {
            **super().checked(settings),
            "betas": betas,
            "eps": eps_beside_root(owner, "eps", settings["eps"], betas[1]),
            "weight_decay": factor(owner, "weight_decay", settings["weight_decay"]),
            "momentum_decay": factor(owner, "momentum_decay", settings["momentum_decay"]),
            "decoupled_weight_decay": flag(owner, "decoupled_weight_decay", decoupled),
        }

    def start(self, parameter: Parameter, group: Group) -> State:
        """Make the state of a parameter before its first step."""
        means = {"exp_avg": zeros_like(parameter), "exp_avg_sq": zeros_like(parameter)}
        return {"step": 0, "mu_product": 1.0, **means}

    def update(self, data: Array, grad: Array, state: State, group: Group, first: bool) -> None:
        """Take one step in place on an array and its state."""
        lr, (beta1, beta2), decay = group["lr"], group["betas"], group["weight_decay"]
        state["step"] += 1
        step = state["step"]
        now, ahead = (
            beta1 * (1 - 0.5 * 0.96 ** (k * group["momentum_decay"])) for k in (step, step + 1)
        )
        state["mu_product"] *= now
        of_grad = (1 - now) / (1 - state["mu_product"])
        of_mean = ahead / (1 - state["mu_product"] * ahead)
        shrinks = 0.0
        if group["decoupled_weight_decay"]:
            shrinks, decay = decay, 0.0
        mean_gradient(data, grad, state["exp_avg"], beta1, decay)
        backends.of(data).scale(data, 1 - lr * shrinks)
        # Adam's kernel takes a mean and mixes in the gradient: with this share of the mean, the
        # result is both terms of the step, but for a factor that the learning rate takes.
        share = of_mean / (of_grad + of_mean)
        ops.adam_step(
            data,
            grad,
            state["exp_avg"].copy(),
            state["exp_avg_sq"],
            step=step,
            lr=lr * (of_grad + of_mean) * (1 - share**step),
            betas=(share, beta2),
            eps=group["eps"],
            weight_decay=decay,
        )
