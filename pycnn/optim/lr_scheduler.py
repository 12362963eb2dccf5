"""Learning-rate schedulers for loops of one's own, under PyTorch's names.

Each sets the rate of every group of an optimizer when its `step` is called, as a rule once an
epoch, and has the numbers of PyTorch's class of that name. `pycnn.fit` takes the schedules of
`pycnn.optim` instead, which span its run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pycnn._arguments import choice, integer, real
from pycnn.optim.decays import Exponential, Linear, MultiStep, Polynomial, Staircase
from pycnn.optim.optimizer import Optimizer
from pycnn.optim.plateau import ReduceLROnPlateau, checked_optimizer
from pycnn.optim.schedules import OneCycle, Schedule, cosine

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]


class LRScheduler:
    """Base class: the rate of a group is a function of its first rate and the count of steps.

    Parameters
    ----------
    optimizer : Optimizer
        Its groups keep the rate that they begin with as ``initial_lr``.
    last_epoch : int
        The count of steps that were taken before, less 1.

    Attributes
    ----------
    last_epoch : int
        The count of steps.
    base_lrs : list of float
        The first rates.

    Raises
    ------
    TypeError, ValueError
        If `optimizer` is none of `pycnn.optim`, or an argument is out of range.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked_optimizer(type(self).__name__, optimizer)
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = 1 + integer(type(self).__name__, "last_epoch", last_epoch, -1, math.inf)
        self._set()

    def rate(self, base: float, step: int) -> float:
        """Return the rate, after some steps, of a group whose first rate was `base`."""
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Count a step, or begin at a count, and set the rates."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._set()

    def _set(self) -> None:
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.rate(base, self.last_epoch)

    def get_last_lr(self) -> list[float]:
        """Return the rates of the groups."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return the count of steps and the first rates."""
        return {"last_epoch": self.last_epoch, "base_lrs": self.base_lrs}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where another scheduler was."""
        self.base_lrs, self.last_epoch = list(state["base_lrs"]), state["last_epoch"]


class StepLR(LRScheduler):
    """``base gamma^(step // step_size)``; see `pycnn.optim.Staircase`."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int) -> float:
        """Return the rate after some steps."""
        return Staircase(base, self.step_size, self.gamma)(step, max(step, 1))


class MultiStepLR(LRScheduler):
    """``base gamma^k`` after k of the milestones; see `pycnn.optim.MultiStep`."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones, self.gamma = tuple(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int) -> float:
        """Return the rate after some steps."""
        return MultiStep(base, self.milestones, self.gamma)(step, max(step, 1))


class ExponentialLR(LRScheduler):
    """``base gamma^step``; see `pycnn.optim.Exponential`."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int) -> float:
        """Return the rate after some steps."""
        return Exponential(base, self.gamma)(step, max(step, 1))


class ConstantLR(LRScheduler):
    """``base factor`` for `total_iters` steps, then ``base``."""

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.factor = real("ConstantLR", "factor", factor)
        self.total_iters = integer("ConstantLR", "total_iters", total_iters, 0, math.inf)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int) -> float:
        """Return the rate after some steps."""
        return base * (self.factor if step < self.total_iters else 1)


class LinearLR(LRScheduler):
    """A line of `total_iters` steps, which then stays; see `pycnn.optim.Linear`."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int) -> float:
        """Return the rate after some steps."""
        line = Linear(base, self.start_factor, self.end_factor)
        return line(min(step, self.total_iters), self.total_iters)


class PolynomialLR(LRScheduler):
    """``base (1 - step / total_iters)^power``, then 0; see `pycnn.optim.Polynomial`."""

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int) -> float:
        """Return the rate after some steps."""
        return Polynomial(base, self.power)(min(step, self.total_iters), self.total_iters)


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from ``base`` to `eta_min` in `T_max` steps, and back in as many."""

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = integer("CosineAnnealingLR", "T_max", T_max, 1, math.inf)
        self.eta_min = real("CosineAnnealingLR", "eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int) -> float:
        """Return the rate after some steps."""
        place = step % (2 * self.T_max)
        return cosine(base, self.eta_min, min(place, 2 * self.T_max - place) / self.T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half cosines from ``base`` to `eta_min`: of `T_0` steps, then `T_mult` times as many, ...."""

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        owner = "CosineAnnealingWarmRestarts"
        self.T_0 = integer(owner, "T_0", T_0, 1, math.inf)
        self.T_mult = integer(owner, "T_mult", T_mult, 1, math.inf)
        self.eta_min = real(owner, "eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int) -> float:
        """Return the rate after some steps."""
        length = self.T_0
        if self.T_mult == 1:
            step %= length
        while step >= length:
            step, length = step - length, length * self.T_mult
        return cosine(base, self.eta_min, step / length)


class OneCycleLR(LRScheduler):
    """Up to `max_lr` and down again, a step each batch; see `pycnn.optim.OneCycle`.

    The momentum stays as it is, for which PyTorch has ``cycle_momentum=False``.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = False,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        last_epoch: int = -1,
    ) -> None:
        choice("OneCycleLR", "anneal_strategy", anneal_strategy, ("cos",))
        if cycle_momentum:
            raise ValueError("[OneCycleLR] the momentum cannot cycle: cycle_momentum=False")
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("[OneCycleLR] give total_steps, or epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        self.total_steps = total_steps
        self._schedule: Schedule = OneCycle(max_lr, pct_start, div_factor, final_div_factor)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, step: int) -> float:
        """Return the rate after some steps, the same for all groups."""
        return self._schedule(step, self.total_steps)


class LambdaLR(LRScheduler):
    """``base f(step)``, with one function for all groups, or a list with one for each."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(checked_optimizer("LambdaLR", optimizer).param_groups)
        self._functions = [lr_lambda] * groups if callable(lr_lambda) else list(lr_lambda)
        if len(self._functions) != groups:
            raise ValueError(
                f"[LambdaLR] lr_lambda has {len(self._functions)} functions for {groups} groups"
            )
        super().__init__(optimizer, last_epoch)

    def _set(self) -> None:
        groups = zip(self.optimizer.param_groups, self.base_lrs, self._functions, strict=True)
        for group, base, function in groups:
            group["lr"] = base * function(self.last_epoch)


class SequentialLR(LRScheduler):
    """One scheduler after the other: each begins at its milestone, with a count of 0."""

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"[SequentialLR] {len(schedulers)} schedulers need {len(schedulers) - 1} "
                f"milestones, got {len(milestones)}"
            )
        self._schedulers, self._milestones = list(schedulers), list(milestones)
        super().__init__(optimizer, last_epoch)

    def _set(self) -> None:
        turn = sum(self.last_epoch >= milestone for milestone in self._milestones)
        begun = self._milestones[turn - 1] if turn else 0
        self._schedulers[turn].step(self.last_epoch - begun)
