"""Tell callbacks whether a figure of the epochs has improved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pycnn._arguments import at_least_zero, choice, written
from pycnn.training.history import EpochRecord
from pycnn.training.run import TrainingRun

# An accuracy, and the figure to monitor in its place without classes.
ACCURACY = ("accuracy", "loss")


class Monitor:
    """Follows one figure of the records and tells whether it has improved.

    Parameters
    ----------
    owner : str
        Who asks, for error messages.
    field : str
        Name of the figure: loss, accuracy, a metric; of the validation data with ``val_``.
    min_delta : float
        Smallest change that is an improvement.
    mode : {'auto', 'min', 'max'}
        Whether a smaller or a larger figure is better; by default smaller for losses and for
        metrics that say so.
    """

    def __init__(self, owner: str, field: str, min_delta: float = 0.0, mode: str = "auto") -> None:
        if not isinstance(field, str):
            raise TypeError(f"[{owner}] monitor must be the name of a figure, got {written(field)}")
        self.owner, self.field = owner, field
        self.min_delta = at_least_zero(owner, "min_delta", min_delta)
        self.mode = choice(owner, "mode", mode, ("auto", "min", "max"))
        self.sign = 1.0
        self._begin()

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the callback that made it."""
        return {"monitor": self.field, "min_delta": self.min_delta, "mode": self.mode}

    def reset(self, run: TrainingRun, validated: bool) -> None:
        """Start a run.

        Raises
        ------
        ValueError
            If it will have no such figure.
        """
        own = ["loss", "accuracy", *run.metrics]
        figures = own + [f"val_{name}" for name in own if validated]
        if self.field not in figures:
            if self.field.removeprefix("val_") in own:
                raise ValueError(
                    f"[{self.owner}] monitor {self.field!r} needs validation data: give fit "
                    f"validation=, or take {self.field.removeprefix('val_')!r}"
                )
            raise ValueError(
                f"[{self.owner}] monitor {self.field!r}: there is no such figure, there are "
                f"{', '.join(figures)}"
            )
        metric = run.metrics.get(self.field.removeprefix("val_"))
        falls = self.field.endswith("loss") if metric is None else metric.lower_is_better
        self.sign = -1.0 if self.mode == "min" or (self.mode == "auto" and falls) else 1.0
        self._begin()

    def _begin(self) -> None:
        self.best = -math.inf
        self.best_epoch = 0
        self.last: float | None = None

    def improved(self, record: EpochRecord) -> bool:
        """Return whether this record beats the best one; a NaN never does.

        Raises
        ------
        ValueError
            If the figure is None and always was.
        """
        self.last = value = getattr(record, self.field)
        if value is None and not self.best_epoch:
            raise ValueError(
                f"[{self.owner}] monitor {self.field!r} is not there: epoch {record.epoch} has no "
                "such figure, because no target is a class that counts (an int64 array (N,) that "
                "the loss does not ignore, with scores (N, C) for it); take "
                f"{self.field.replace(*ACCURACY)!r}"
            )
        if value is None or not self.sign * value > self.best + self.min_delta:
            return False
        self.best = self.sign * value
        self.best_epoch = record.epoch
        return True

    def failure(self) -> str:
        """Say since when the figure has not improved, or that it never was finite."""
        last = "none" if self.last is None else self.last
        if self.best_epoch == 0:
            return f"{self.field} was finite in no epoch (the last: {last})"
        text = f"{self.field} has not improved since epoch {self.best_epoch}"
        if self.last is None or not math.isfinite(self.last):
            text += f" (the last: {last})"
        return text

    def state_dict(self) -> dict[str, Any]:
        """Return the best so far, and the last figure."""
        return {"best": self.best, "best_epoch": self.best_epoch, "last": self.last}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the best of an earlier process."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.last = state["last"]
