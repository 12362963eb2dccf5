"""Schedules made of others: see `pycnn.optim.schedules`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pycnn._arguments import fraction, integer, written
from pycnn.optim.schedules import Schedule, checked, position


@dataclass(frozen=True)
class Warmup:
    """A straight line up to the first rate of a schedule, which then has the rest of the run.

    The numbers of PyTorch's ``SequentialLR`` of a ``LinearLR`` and another schedule.

    Parameters
    ----------
    schedule : function of (step, total_steps)
        What follows: its step 0 is the first one after the warm-up.
    share : float in [0, 1)
        Fraction of the run in which the rate climbs.
    start_factor : float in [0, 1)
        The first rate, divided by that at the end of the climb.

    References
    ----------
    Goyal et al.: Accurate, large minibatch SGD: training ImageNet in 1 hour, 2017, section 2.2.
    """

    schedule: Schedule
    share: float = 0.05
    start_factor: float = 1.0 / 3.0

    def __post_init__(self) -> None:
        _check_schedules("Warmup", "schedule", [self.schedule])
        fraction("Warmup", "share", self.share)
        fraction("Warmup", "start_factor", self.start_factor)

    def __call__(self, step: int, total_steps: int) -> float:
        """Return the learning rate of a step."""
        step, total_steps = checked("Warmup", step, total_steps)
        climb = min(math.ceil(position(self.share, total_steps)), total_steps - 1)
        rest = total_steps - climb
        if step >= climb:
            return self.schedule(step - climb, rest)
        start = float(self.start_factor)
        return self.schedule(0, rest) * (start + (1.0 - start) * (step / climb))


@dataclass(frozen=True)
class Successive:
    """One schedule after the other, as PyTorch's ``SequentialLR``.

    Parameters
    ----------
    schedules : sequence of functions of (step, total_steps)
        At least one. Each counts its steps from 0, and its total is the length of its part.
    milestones : tuple of float
        Where each schedule but the first begins, as ascending fractions of the run: at the first
        step at or after ``milestone * total_steps``.
    """

    schedules: Sequence[Schedule]
    milestones: tuple[float, ...]

    def __post_init__(self) -> None:
        _check_schedules("Successive", "schedules", self.schedules)
        if not isinstance(self.milestones, (tuple, list)):
            kind = type(self.milestones).__name__
            raise TypeError(f"[Successive] milestones must be a tuple, got {kind}")
        if len(self.milestones) != len(self.schedules) - 1:
            raise ValueError(
                f"[Successive] {len(self.schedules)} schedules need {len(self.schedules) - 1} "
                f"milestones between them, got {len(self.milestones)}"
            )
        shares = [fraction("Successive", "milestones", share) for share in self.milestones]
        if shares != sorted(shares):
            raise ValueError(f"[Successive] milestones must ascend, got {written(self.milestones)}")

    def __call__(self, step: int, total_steps: int) -> float:
        """Return the learning rate of a step."""
        step, total_steps = checked("Successive", step, total_steps)
        starts = [0, *(math.ceil(position(share, total_steps)) for share in self.milestones)]
        part = max(index for index, start in enumerate(starts) if step >= start)
        end = [*starts, total_steps][part + 1]
        return self.schedules[part](step - starts[part], max(end - starts[part], 1))


@dataclass(frozen=True)
class Chained:
    """The product of several schedules, as PyTorch's ``ChainedScheduler``.

    Parameters
    ----------
    schedules : sequence of functions of (step, total_steps)
        At least one: the first gives the rate, the others factors, such as
        ``Chained([Cosine(0.1), Exponential(1.0, gamma=0.99)])``.
    """

    schedules: Sequence[Schedule]

    def __post_init__(self) -> None:
        _check_schedules("Chained", "schedules", self.schedules)

    def __call__(self, step: int, total_steps: int) -> float:
        """Return the learning rate of a step."""
        step, total_steps = checked("Chained", step, total_steps)
        return math.prod(schedule(step, total_steps) for schedule in self.schedules)


@dataclass(frozen=True)
class PerEpoch:
    """A schedule whose rate stays the same throughout an epoch: its steps are epochs.

    ``PerEpoch(MultiStep(0.1, (30, 60)), epochs=90)`` falls after 30 and 60 epochs, as a scheduler
    of PyTorch that is called once an epoch.

    Parameters
    ----------
    schedule : function of (epoch, epochs)
        Gives the rate of an epoch, counted from 0.
    epochs : int
        Epochs of the run, each with the same number of steps.
    """

    schedule: Schedule
    epochs: int

    def __post_init__(self) -> None:
        _check_schedules("PerEpoch", "schedule", [self.schedule])
        integer("PerEpoch", "epochs", self.epochs, 1)

    def __call__(self, step: int, total_steps: int) -> float:
        """Return the learning rate of a step."""
        step, total_steps = checked("PerEpoch", step, total_steps)
        return self.schedule(step * int(self.epochs) // total_steps, int(self.epochs))


def _check_schedules(owner: str, name: str, schedules: Sequence[Schedule]) -> None:
    if not isinstance(schedules, (tuple, list)) or not schedules:
        raise TypeError(f"[{owner}] {name} must be a list of one or more, got {written(schedules)}")
    for schedule in schedules:
        if not callable(schedule) or isinstance(schedule, type):
            raise TypeError(
                f"[{owner}] {name} must be a function of (step, total_steps), or more of them, "
                f"got {written(schedule)}"
            )
