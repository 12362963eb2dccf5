"""Schedulers made of others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from pycnn._arguments import integer, written
from pycnn.optim.lr_scheduler.base import LRScheduler
from pycnn.optim.optimizer import Optimizer


class _Combined(LRScheduler):
    """What both share: the schedulers, which have set the rates, and their states."""

    _schedulers: list[LRScheduler]

    def _take(self, schedulers: Sequence[LRScheduler]) -> None:
        owner = type(self).__name__
        self._schedulers = list(schedulers)
        if not self._schedulers:
            raise ValueError(f"[{owner}] needs at least one scheduler")
        for one in self._schedulers:
            if not isinstance(one, LRScheduler):
                raise TypeError(f"[{owner}] schedulers must be such, got {written(one)}")
            if one.optimizer is not self._schedulers[0].optimizer:
                raise ValueError(f"[{owner}] the schedulers are for different optimizers")
        self.optimizer = self._schedulers[0].optimizer

    def _look(self) -> None:
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return the state, with those of the schedulers."""
        states = [one.state_dict() for one in self._schedulers]
        return {**super().state_dict(), "_schedulers": states}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over the state of another such scheduler."""
        states = state_dict["_schedulers"]
        own = {name: value for name, value in state_dict.items() if name != "_schedulers"}
        super().load_state_dict(own)
        for one, state in zip(self._schedulers, states, strict=True):
            one.load_state_dict(state)


class SequentialLR(_Combined):
    """One scheduler after the other: each begins anew at its milestone.

    Parameters
    ----------
    optimizer : Optimizer
    schedulers : list of LRScheduler
    milestones : list of int
        Epochs at which the second one begins, the third, and so on.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
        verbose: Any = False,
    ) -> None:
        self._take(schedulers)
        if optimizer is not self.optimizer:
            raise ValueError("[SequentialLR] the schedulers are for another optimizer")
        self.milestones = [integer("SequentialLR", "milestones", one, 1) for one in milestones]
        if len(self.milestones) != len(self._schedulers) - 1:
            raise ValueError(
                f"[SequentialLR] {len(self._schedulers)} schedulers need "
                f"{len(self._schedulers) - 1} milestones, got {len(self.milestones)}"
            )
        self.last_epoch = integer("SequentialLR", "last_epoch", last_epoch, -1) + 1
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self._schedulers[0].step(0)
        self._look()

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch."""
        self.last_epoch += 1
        index = bisect_right(self.milestones, self.last_epoch)
        begins = index > 0 and self.milestones[index - 1] == self.last_epoch
        self._schedulers[index].step(*[0] if begins else [])
        self._look()


class ChainedScheduler(_Combined):
    """Several schedulers at once: their factors are multiplied."""

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        self._take(schedulers)
        if optimizer is not None and optimizer is not self.optimizer:
            raise ValueError("[ChainedScheduler] the schedulers are for another optimizer")
        self.last_epoch = 0
        self._look()

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch, with all of them."""
        self.last_epoch += 1
        for one in self._schedulers:
            one.step()
        self._look()
