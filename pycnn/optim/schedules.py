"""Learning-rate schedules: objects that map (step, total_steps) to a learning rate.

Steps count batches from 0, over the whole run. Positions inside the run are fractions of it, so
that a schedule does not depend on the batch size or the number of epochs: 0.07 of 100 steps is
step 7, by exact arithmetic on the decimal number. A position within rounding of a whole step, such
as ``0.1 + 0.2`` of 10 steps, is that step. Any function of two integers is a schedule too.
Wrong arguments raise a TypeError or a ValueError; so do steps outside of 0 to `total_steps`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from pycnn._arguments import at_least_zero, factor, fraction, integer, positive, real

Schedule: TypeAlias = Callable[[int, int], float]


@dataclass(frozen=True)
class Constant:
    """The same learning rate throughout.

    Parameters
    ----------
    lr : float
        Learning rate.
    """

    lr: float

    def __post_init__(self) -> None:
        factor("Constant", "lr", self.lr)

    def __call__(self, step: int, total_steps: int) -> float:
        """Return the learning rate of a step."""
        checked("Constant", step, total_steps)
        return float(self.lr)


@dataclass(frozen=True)
class Step:
    """``lr gamma^k`` after k of the milestones.

    Parameters
    ----------
    lr : float
        Learning rate at the start.
    milestones : tuple of float
        Fractions of the run at which the rate falls: at the first step at or after
        ``milestone * total_steps``.
    gamma : float
        Factor at each milestone.
    """

    lr: float
    milestones: tuple[float, ...] = (0.5, 0.75)
    gamma: float = 0.1

    def __post_init__(self) -> None:
        factor("Step", "lr", self.lr)
        at_least_zero("Step", "gamma", self.gamma)
        if not isinstance(self.milestones, (tuple, list)):
            raise TypeError(
                f"[Step] milestones must be a tuple, got {type(self.milestones).__name__}"
            )
        for milestone in self.milestones:
            real("Step", "milestones", milestone)
        try:
            factor("Step", "lr * gamma**k", self._after(len(self.milestones)))
        except OverflowError:
            raise ValueError(f"[Step] gamma**k is out of range: gamma is {self.gamma}") from None

    def __call__(self, step: int, total_steps: int) -> float:
        """Return the learning rate of a step."""
        step, total_steps = checked("Step", step, total_steps)
        passed = sum(step >= position(milestone, total_steps) for milestone in self.milestones)
        return self._after(passed)

    def _after(self, passed: int) -> float:
        return float(self.lr) * float(self.gamma) ** passed


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from `lr` down to `final_lr`, after a linear warm-up.

    Parameters
    ----------
    lr : float
        Learning rate after the warm-up.
    final_lr : float
        Learning rate at the end of the run, after its last step (as in PyTorch).
    warmup : float in [0, 1)
        Fraction of the run in which the rate climbs to `lr`.

    References
    ----------
    Loshchilov, Hutter: SGDR: stochastic gradient descent with warm restarts, 2017, equation 5.
    """

    lr: float
    final_lr: float = 0.0
    warmup: float = 0.0

    def __post_init__(self) -> None:
        factor("Cosine", "lr", self.lr)
        factor("Cosine", "final_lr", self.final_lr)
        fraction("Cosine", "warmup", self.warmup)

    def __call__(self, step: int, total_steps: int) -> float:
        """Return the learning rate of a step."""
        step, total_steps = checked("Cosine", step, total_steps)
        lr, final_lr = float(self.lr), float(self.final_lr)
        climb = float(position(self.warmup, total_steps))
        if step < climb:
            return lr * (step + 1) / (climb + 1)
        if step == total_steps:
            return final_lr
        return cosine(lr, final_lr, (step - climb) / (total_steps - climb))


@dataclass(frozen=True)
class OneCycle:
    """Half a cosine up to `max_lr`, then half a cosine down to almost nothing.

    Same numbers as PyTorch's ``OneCycleLR`` with its default cosine annealing. A run that is too
    short to climb, ``pct_start * total_steps <= 1``, starts at its peak; a single step is taken
    at the peak.

    Parameters
    ----------
    max_lr : float
        Largest learning rate.
    pct_start : float in (0, 1)
        Fraction of the run in which the rate climbs.
    div_factor : float
        The first rate is ``max_lr / div_factor``.
    final_div_factor : float
        The last rate is ``max_lr / div_factor / final_div_factor``.

    References
    ----------
    Smith, Topin: Super-convergence: very fast training of neural networks, 2018.
    """

    max_lr: float
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4

    def __post_init__(self) -> None:
        factor("OneCycle", "max_lr", self.max_lr)
        positive("OneCycle", "div_factor", self.div_factor)
        positive("OneCycle", "final_div_factor", self.final_div_factor)
        if not 0.0 < real("OneCycle", "pct_start", self.pct_start) < 1.0:
            raise ValueError(f"[OneCycle] pct_start must be in (0, 1), got {self.pct_start}")
        for name, rate in zip(("first", "last"), self._ends(), strict=True):
            factor("OneCycle", f"the {name} rate", rate)

    def __call__(self, step: int, total_steps: int) -> float:
        """Return the learning rate of a step."""
        step, total_steps = checked("OneCycle", step, total_steps)
        max_lr, (first, last) = float(self.max_lr), self._ends()
        peak = max(float(position(self.pct_start, total_steps)) - 1, 0.0)
        if step < peak:
            return cosine(first, max_lr, step / peak)
        if step == peak:
            return max_lr
        if step >= total_steps - 1:
            return last
        return cosine(max_lr, last, (step - peak) / (total_steps - 1 - peak))

    def _ends(self) -> tuple[float, float]:
        first = float(self.max_lr) / float(self.div_factor)
        return first, first / float(self.final_div_factor)


def checked(schedule: str, step: int, total_steps: int) -> tuple[int, int]:
    """Check a step and the length of its run, and return both."""
    length = integer(schedule, "total_steps", total_steps, 1, 2**63 - 1)
    return integer(schedule, "step", step, 0, length), length


def position(share: float, total_steps: int) -> Fraction:
    """Return ``share * total_steps`` exactly: a float product can exceed the step it means.

    A share counts as the decimal number that Python prints for it. A computed share may have been
    rounded, so a position within two units in the last place of a whole step is that step.
    """
    return _exact_position(str(share), int(total_steps))


@lru_cache(maxsize=256)  # it is the same in each step of a run
def _exact_position(share: str, total_steps: int) -> Fraction:
    exact = Fraction(share) * total_steps
    whole = Fraction(round(exact))
    return whole if abs(exact - whole) <= abs(exact) * Fraction(1, 2**51) else exact


def cosine(start: float, end: float, fraction: float) -> float:
    """Return half a cosine from `start` (fraction 0) to `end` (fraction 1), exact at both ends."""
    if fraction <= 0.0:
        return start
    if fraction >= 1.0:
        return end
    return end + (start - end) * (1.0 + math.cos(math.pi * fraction)) / 2.0
