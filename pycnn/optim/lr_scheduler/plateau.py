"""A scheduler that looks at a figure of the training."""

from __future__ import annotations

import math
from typing import Any

from pycnn._arguments import at_least_zero, flag, integer, written
from pycnn.optim.lr_scheduler.base import LRScheduler
from pycnn.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """Multiplies the rates by `factor` when a figure has not got better for `patience` epochs.

    `step` takes the figure: ``scheduler.step(loss)``. `pycnn.training.ReduceLROnPlateau` is the
    callback of `pycnn.fit` for the same.

    Parameters
    ----------
    optimizer : Optimizer
    mode : {'min', 'max'}
        Whether a smaller or a larger figure is better.
    factor : float in [0, 1)
        What the rates are multiplied by.
    patience : int
        Epochs without an improvement that are let go by.
    threshold : float
        By how much a figure must be better: `threshold_mode` 'rel' as a share of the best one,
        'abs' as a difference.
    cooldown : int
        Epochs after a reduction in which none is counted.
    min_lr : float or list of float
        Lower bound of the rates, of all groups or of each.
    eps : float
        A reduction by no more than this is left out.
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
        min_lr: Any = 0.0,
        eps: float = 1e-8,
        verbose: Any = False,
    ) -> None:
        owner = "ReduceLROnPlateau"
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"[{owner}] optimizer must be an Optimizer, got {written(optimizer)}")
        if mode not in ("min", "max"):
            raise ValueError(f"[{owner}] mode must be 'min' or 'max', got {written(mode)}")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(
                f"[{owner}] threshold_mode must be 'rel' or 'abs', got {written(threshold_mode)}"
            )
        if at_least_zero(owner, "factor", factor) >= 1:
            raise ValueError(f"[{owner}] factor must be below 1, got {factor}")
        flag(owner, "verbose", verbose)
        self.optimizer = optimizer
        self.mode, self.threshold_mode, self.factor = mode, threshold_mode, float(factor)
        self.patience = integer(owner, "patience", patience, 0)
        self.threshold = at_least_zero(owner, "threshold", threshold)
        self.cooldown = integer(owner, "cooldown", cooldown, 0)
        self.eps = at_least_zero(owner, "eps", eps)
        count = len(optimizer.param_groups)
        lows = list(min_lr) if isinstance(min_lr, (list, tuple)) else [min_lr] * count
        if len(lows) != count:
            raise ValueError(f"[{owner}] {count} groups need as many min_lr, got {len(lows)}")
        self.min_lrs = [at_least_zero(owner, "min_lr", low) for low in lows]
        self.last_epoch = 0
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
        self.best = math.inf if mode == "min" else -math.inf
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Look at the figure of an epoch, and reduce the rates if it is time."""
        figure = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._better(figure):
            self.best = figure
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, low in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                rate = max(group["lr"] * self.factor, low)
                if group["lr"] - rate > self.eps:
                    group["lr"] = rate
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _better(self, figure: float) -> bool:
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "rel":
            return sign * figure < sign * self.best * (1 - sign * self.threshold)
        return sign * figure < sign * self.best - self.threshold
