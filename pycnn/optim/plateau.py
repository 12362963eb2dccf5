"""The learning rate of a loop of one's own, lowered when a figure stops to improve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pycnn._arguments import at_least_zero, choice, integer, real
from pycnn.optim.optimizer import Optimizer


def checked_optimizer(owner: str, optimizer: Any) -> Optimizer:
    """Return an optimizer; refuse anything else."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"[{owner}] optimizer must be an optimizer of pycnn.optim, got "
            f"{type(optimizer).__name__}"
        )
    return optimizer


class ReduceLROnPlateau:
    """Lower the rates when a figure has not improved for more than `patience` steps.

    PyTorch's scheduler, for loops of one's own: ``scheduler.step(loss)``. `pycnn.fit` takes the
    callback `pycnn.training.ReduceLROnPlateau`.

    Parameters
    ----------
    optimizer : Optimizer
        The rates of its groups are lowered.
    mode : {'min', 'max'}
        Whether the figure is to fall or to rise.
    factor : float in (0, 1)
        What the rates are multiplied by.
    patience : int
        Steps without improvement that change nothing.
    threshold : float
        Smallest change that is an improvement.
    threshold_mode : {'rel', 'abs'}
        Whether that is a share of the best figure.
    cooldown : int
        Steps after a fall that do not count.
    min_lr : float, or sequence of float
        Where the rates stop to fall; one for each group.
    eps : float
        Smallest fall that is made.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        owner = "ReduceLROnPlateau"
        self.optimizer = checked_optimizer(owner, optimizer)
        self.mode = choice(owner, "mode", mode, ("min", "max"))
        self.factor = real(owner, "factor", factor)
        if not 0 < self.factor < 1:
            raise ValueError(f"[{owner}] factor must be in (0, 1), got {factor}")
        self.patience = integer(owner, "patience", patience, 0, math.inf)
        self.threshold = real(owner, "threshold", threshold)
        self.threshold_mode = choice(owner, "threshold_mode", threshold_mode, ("rel", "abs"))
        self.cooldown = integer(owner, "cooldown", cooldown, 0, math.inf)
        groups = len(optimizer.param_groups)
        limits = list(min_lr) if isinstance(min_lr, Sequence) else [min_lr] * groups
        self.min_lrs = [at_least_zero(owner, "min_lr", limit) for limit in limits]
        if len(self.min_lrs) != groups:
            raise ValueError(f"[{owner}] min_lr has {len(self.min_lrs)} rates for {groups} groups")
        self.eps = at_least_zero(owner, "eps", eps)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    def step(self, metrics: Any) -> None:
        """Look at a figure, a number or a tensor of one, and lower the rates if it is time."""
        figure = float(metrics)
        self.last_epoch += 1
        if self._is_better(figure):
            self.best, self.num_bad_epochs = figure, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, limit in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                rate = max(group["lr"] * self.factor, limit)
                if group["lr"] - rate > self.eps:
                    group["lr"] = rate
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def _is_better(self, figure: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        best = self.best
        if self.threshold_mode == "rel":
            best *= 1 - sign * self.threshold
        else:
            best -= sign * self.threshold
        return sign * figure < sign * best

    def get_last_lr(self) -> list[float]:
        """Return the rates of the groups."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return the best figure and the counts."""
        names = ("best", "num_bad_epochs", "cooldown_counter", "last_epoch")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where another scheduler was."""
        for name in self.state_dict():
            setattr(self, name, state[name])
