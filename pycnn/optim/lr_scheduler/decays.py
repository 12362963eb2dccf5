"""Schedulers whose rates are the first ones times a factor of the epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pycnn._arguments import at_least_zero, integer, positive, written
from pycnn.optim.lr_scheduler.base import LRScheduler
from pycnn.optim.optimizer import Optimizer


class StepLR(LRScheduler):
    """``lr gamma^k`` after k times `step_size` epochs."""

    def __init__(
        self,
        optimizer: Optimizer,
        step_size: int,
        gamma: float = 0.1,
        last_epoch: int = -1,
        verbose: Any = False,
    ) -> None:
        self.step_size = integer("StepLR", "step_size", step_size, 1)
        self.gamma = at_least_zero("StepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch, verbose)

    def rate(self, base: float, epoch: int) -> float:
        """Return the rate of an epoch."""
        return float(base * self.gamma ** (epoch // self.step_size))


class MultiStepLR(LRScheduler):
    """``lr gamma^k`` after k of the milestones, which are epochs."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Sequence[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
        verbose: Any = False,
    ) -> None:
        self.milestones = [integer("MultiStepLR", "milestones", one, 0) for one in milestones]
        self.gamma = at_least_zero("MultiStepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch, verbose)

    def rate(self, base: float, epoch: int) -> float:
        """Return the rate of an epoch."""
        return float(base * self.gamma ** sum(epoch >= one for one in self.milestones))


class ExponentialLR(LRScheduler):
    """``lr gamma^epoch``."""

    def __init__(
        self, optimizer: Optimizer, gamma: float, last_epoch: int = -1, verbose: Any = False
    ) -> None:
        self.gamma = at_least_zero("ExponentialLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch, verbose)

    def rate(self, base: float, epoch: int) -> float:
        """Return the rate of an epoch."""
        return float(base * self.gamma**epoch)


class ConstantLR(LRScheduler):
    """``lr factor`` for `total_iters` epochs, then ``lr``."""

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3.0,
        total_iters: int = 5,
        last_epoch: int = -1,
        verbose: Any = False,
    ) -> None:
        self.factor = at_least_zero("ConstantLR", "factor", factor)
        self.total_iters = integer("ConstantLR", "total_iters", total_iters, 0)
        super().__init__(optimizer, last_epoch, verbose)

    def rate(self, base: float, epoch: int) -> float:
        """Return the rate of an epoch."""
        return base * self.factor if epoch < self.total_iters else base


class LinearLR(LRScheduler):
    """A straight line from ``lr start_factor`` to ``lr end_factor`` in `total_iters` epochs."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3.0,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
        verbose: Any = False,
    ) -> None:
        self.start_factor = positive("LinearLR", "start_factor", start_factor)
        self.end_factor = at_least_zero("LinearLR", "end_factor", end_factor)
        self.total_iters = integer("LinearLR", "total_iters", total_iters, 1)
        super().__init__(optimizer, last_epoch, verbose)

    def rate(self, base: float, epoch: int) -> float:
        """Return the rate of an epoch."""
        share = min(epoch, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * share)


class PolynomialLR(LRScheduler):
    """``lr (1 - epoch / total_iters)^power``, then 0."""

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
        verbose: Any = False,
    ) -> None:
        self.total_iters = integer("PolynomialLR", "total_iters", total_iters, 1)
        self.power = positive("PolynomialLR", "power", power)
        super().__init__(optimizer, last_epoch, verbose)

    def rate(self, base: float, epoch: int) -> float:
        """Return the rate of an epoch."""
        left = 1 - min(epoch, self.total_iters) / self.total_iters
        return float(base * left**self.power)


class LambdaLR(LRScheduler):
    """``lr`` times a function of the epoch: one for all groups, or a list with one for each."""

    absolute = True

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
        verbose: Any = False,
    ) -> None:
        self.lr_lambdas = _functions(type(self).__name__, optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[float]:
        """Return the rates of the epoch for all groups."""
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [base * float(function(self.last_epoch)) for base, function in pairs]


class MultiplicativeLR(LambdaLR):
    """The rate of the epoch before times a function of the epoch."""

    def get_lr(self) -> list[float]:
        """Return the rates of the epoch for all groups."""
        groups = self.optimizer.param_groups
        if self.last_epoch == 0:
            return [group["lr"] for group in groups]
        pairs = zip(groups, self.lr_lambdas, strict=True)
        return [group["lr"] * float(function(self.last_epoch)) for group, function in pairs]


def _functions(owner: str, optimizer: Any, given: Any) -> list[Any]:
    """Return a function for each group."""
    count = len(getattr(optimizer, "param_groups", ()))
    listed = list(given) if isinstance(given, (list, tuple)) else [given] * count
    for function in listed:
        if not callable(function):
            raise TypeError(f"[{owner}] lr_lambda must be a function, got {written(function)}")
    if len(listed) != count:
        raise ValueError(f"[{owner}] {count} groups need {count} functions, got {len(listed)}")
    return listed
