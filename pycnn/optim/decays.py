"""Schedules that fall, or climb, by a formula: see `pycnn.optim.schedules`.

Where PyTorch's class counts its own steps, the run is its length here. Those that PyTorch calls
once an epoch become so by `pycnn.optim.PerEpoch`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pycnn._arguments import at_least_zero, factor, integer, positive, real
from pycnn.optim.schedules import checked, cosine, position


@dataclass(frozen=True)
class Exponential:
    """``lr gamma^step``, as PyTorch's ``ExponentialLR``.

    Parameters
    ----------
    lr : float
        Learning rate of the first step.
    gamma : float in [0, 1]
        Factor of each step.
    """

    lr: float
    gamma: float

    def __post_init__(self) -> None:
        factor("Exponential", "lr", self.lr)
        at_most_one("Exponential", "gamma", self.gamma)

    def __call__(self, step: int, total_steps: int) -> float:
        """Return the learning rate of a step."""
        step, _ = checked("Exponential", step, total_steps)
        return float(self.lr) * float(self.gamma) ** step


@dataclass(frozen=True)
class Polynomial:
    """``final_lr + (lr - final_lr) (1 - step / total_steps)^power``.

    PyTorch's ``PolynomialLR`` for a `final_lr` of 0.

    Parameters
    ----------
    lr : float
        Learning rate of the first step.
    power : float
        Exponent, above 0; 1 is a straight line.
    final_lr : float
        Learning rate at the end of the run, after its last step.
    """

    lr: float
    power: float = 1.0
    final_lr: float = 0.0

    def __post_init__(self) -> None:
        factor("Polynomial", "lr", self.lr)
        positive("Polynomial", "power", self.power)
        factor("Polynomial", "final_lr", self.final_lr)

    def __call__(self, step: int, total_steps: int) -> float:
        """Return the learning rate of a step."""
        step, total_steps = checked("Polynomial", step, total_steps)
        left = float((1 - step / total_steps) ** float(self.power))
        return float(self.final_lr) + (float(self.lr) - float(self.final_lr)) * left


@dataclass(frozen=True)
class Linear:
    """A straight line from ``lr start_factor`` to ``lr end_factor``.

    PyTorch's ``LinearLR`` over the whole run, with its end after the last step.

    Parameters
    ----------
    lr : float
        Learning rate.
    start_factor, end_factor : float
        Factors of `lr` at the two ends, at least 0.
    """

    lr: float
    start_factor: float = 1.0 / 3.0
    end_factor: float = 1.0

    def __post_init__(self) -> None:
        factor("Linear", "lr", self.lr)
        for name in ("start_factor", "end_factor"):
            at_least_zero("Linear", name, getattr(self, name))
            factor("Linear", f"lr * {name}", self.lr * getattr(self, name))

    def __call__(self, step: int, total_steps: int) -> float:
        """Return the learning rate of a step."""
        step, total_steps = checked("Linear", step, total_steps)
        start, end = float(self.start_factor), float(self.end_factor)
        return float(self.lr) * (start + (end - start) * (step / total_steps))


@dataclass(frozen=True)
class Staircase:
    """``lr gamma^k`` after k times `step_size` steps, as PyTorch's ``StepLR``.

    Parameters
    ----------
    lr : float
        Learning rate of the first step.
    step_size : int
        Steps between two falls.
    gamma : float in [0, 1]
        Factor of each fall.
    """

    lr: float
    step_size: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        factor("Staircase", "lr", self.lr)
        integer("Staircase", "step_size", self.step_size, 1)
        at_most_one("Staircase", "gamma", self.gamma)

    def __call__(self, step: int, total_steps: int) -> float:
        """Return the learning rate of a step."""
        step, _ = checked("Staircase", step, total_steps)
        return float(self.lr) * float(self.gamma) ** (step // self.step_size)


@dataclass(frozen=True)
class MultiStep:
    """``lr gamma^k`` after k of the milestones, as PyTorch's ``MultiStepLR``.

    `pycnn.optim.Step` takes its milestones as fractions of the run.

    Parameters
    ----------
    lr : float
        Learning rate of the first step.
    milestones : tuple of int
        Numbers of the steps, from 0, at which the rate falls.
    gamma : float in [0, 1]
        Factor at each milestone.
    """

    lr: float
    milestones: tuple[int, ...]
    gamma: float = 0.1

    def __post_init__(self) -> None:
        factor("MultiStep", "lr", self.lr)
        at_most_one("MultiStep", "gamma", self.gamma)
        if not isinstance(self.milestones, (tuple, list)):
            kind = type(self.milestones).__name__
            raise TypeError(f"[MultiStep] milestones must be a tuple of ints, got {kind}")
        for milestone in self.milestones:
            integer("MultiStep", "milestones", milestone, 0, math.inf)

    def __call__(self, step: int, total_steps: int) -> float:
        """Return the learning rate of a step."""
        step, _ = checked("MultiStep", step, total_steps)
        passed = sum(step >= milestone for milestone in self.milestones)
        return float(self.lr) * float(self.gamma) ** passed


@dataclass(frozen=True)
class CosineRestarts:
    """Half cosines from `lr` down to `final_lr`, one after the other.

    PyTorch's ``CosineAnnealingWarmRestarts`` with a T_0 of ``first`` times the steps of the run,
    and ``growth`` for T_mult.

    Parameters
    ----------
    lr : float
        Learning rate at the start of each half cosine.
    first : float in (0, 1]
        Length of the first half cosine, as a fraction of the run.
    growth : float
        Length of each of the others, divided by that of the one before; at least 1.
    final_lr : float
        Learning rate that each half cosine ends at.

    References
    ----------
    Loshchilov, Hutter: SGDR: stochastic gradient descent with warm restarts, 2017, equation 5.
    """

    lr: float
    first: float
    growth: float = 1.0
    final_lr: float = 0.0

    def __post_init__(self) -> None:
        factor("CosineRestarts", "lr", self.lr)
        factor("CosineRestarts", "final_lr", self.final_lr)
        if not 0 < real("CosineRestarts", "first", self.first) <= 1:
            raise ValueError(f"[CosineRestarts] first must be in (0, 1], got {self.first}")
        if real("CosineRestarts", "growth", self.growth) < 1:
            raise ValueError(f"[CosineRestarts] growth must be at least 1, got {self.growth}")

    def __call__(self, step: int, total_steps: int) -> float:
        """Return the learning rate of a step."""
        step, total_steps = checked("CosineRestarts", step, total_steps)
        length = max(float(position(self.first, total_steps)), 1.0)
        done, growth = float(step), float(self.growth)
        if growth == 1:
            done %= length
        while done >= length:
            done -= length
            length *= growth
        return cosine(float(self.lr), float(self.final_lr), done / length)


def at_most_one(owner: str, name: str, value: float) -> float:
    """Return `value` as a float in [0, 1]: a rate that grows by a power soon is none."""
    if at_least_zero(owner, name, value) > 1:
        raise ValueError(f"[{owner}] {name} must be at most 1, got {value}")
    return float(value)
