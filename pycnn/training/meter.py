"""Figures over many batches: mean loss, and share of right answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd.structure import leaves
from pycnn.devices import on_cpu
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array
from pycnn.training.answers import NO_ANSWER, answers, are_classes
from pycnn.training.kept import Kept
from pycnn.training.metrics import Metric

if TYPE_CHECKING:
    from pycnn.training.evaluation import Loss

# What a Meter counts.
_SUMS = ("_total", "weight", "_right", "_answers", "samples", "unanswered", "where")


def samples_in(values: Any) -> int:
    """Return the number of samples of a batch, of which there may be several arrays."""
    return len(leaves(values)[0])


class Meter:
    """Mean loss and share of right answers over batches, weighted by batch.

    Parameters
    ----------
    loss : Loss
        The loss in use. Its ``batch_weight(target)`` returns the weight of a batch (the number of
        samples for a loss without that method); targets equal to its ``ignore_index`` are left out
        of the answers.
    model : Module
        The model in use: the largest of its `Module.scores` wins.
    metrics : mapping of str to Metric, optional
        Other figures that are wanted.

    Attributes
    ----------
    samples : int
        Samples so far, including ignored ones.
    unanswered : int
        Those of them whose scores are not finite, which counts as a wrong answer.
    weight : float
        Weight of all batches together.
    where : str
        Where the first NaN was found, set by the caller that looks for it.
    batch_weight : function of target
        Returns the weight of a batch.
    kept : Kept or None
        What the metrics need; None without metrics. It is no part of `state_dict`.
    """

    __slots__ = (
        "_answers",
        "_ignored",
        "_right",
        "_scores",
        "_total",
        "batch_weight",
        "kept",
        "samples",
        "unanswered",
        "weight",
        "where",
    )

    def __init__(
        self, loss: Loss, model: Module, metrics: Mapping[str, Metric] | None = None
    ) -> None:
        self._scores = model.scores
        self.batch_weight: Callable[[Array], float] = getattr(loss, "batch_weight", samples_in)
        self._ignored: int | None = getattr(loss, "ignore_index", None)
        self._total = self.weight = 0.0
        self._right: int | None = 0
        self._answers = self.samples = self.unanswered = 0
        self.where = ""
        self.kept = Kept(metrics, loss, model) if metrics else None

    def state_dict(self) -> dict[str, Any]:
        """Return the sums so far."""
        return {name: getattr(self, name) for name in _SUMS}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the sums of another meter."""
        for name in _SUMS:
            setattr(self, name, state[name])

    def add(self, loss: float, output: Array, target: Array) -> float:
        """Count a batch; return its weight, 0 if every target is ignored."""
        weight = float(self.batch_weight(target))
        if weight:  # the mean of nothing is NaN, and would turn the total into NaN
            self._total += loss * weight
            self.weight += weight
        self.samples += samples_in(target)
        self._add_answers(output, target)
        if self.kept is not None:
            self.kept.add(output, target)
        return weight

    def _add_answers(self, output: Array, target: Array) -> None:
        if self._right is None:
            return
        if not are_classes(output, target):
            self._right = None
            return
        # Of each sample, or of each place of a sample, such as its pixels.
        target, scores = on_cpu(target), self._scores(on_cpu(output))
        found = answers(scores if scores.ndim == 2 else np.moveaxis(scores, 1, -1))
        right = found == target
        answered = found != NO_ANSWER
        if not answered.all():
            right &= answered
            of_sample = answered.all(axis=tuple(range(1, answered.ndim)))
            self.unanswered += int(np.count_nonzero(~of_sample))
        if self._ignored is None:
            self._answers += target.size
        else:
            counted = target != self._ignored
            right &= counted
            self._answers += int(np.count_nonzero(counted))
        self._right += int(np.count_nonzero(right))

    @property
    def loss(self) -> float:
        """Mean loss; NaN if nothing counts."""
        return self._total / self.weight if self.weight else math.nan

    def figures(self, owner: str) -> dict[str, float]:
        """Return the figures of the metrics."""
        return {} if self.kept is None else self.kept.figures(owner)

    @property
    def accuracy(self) -> float | None:
        """Share of right answers; None without any answers, or if the targets are not classes."""
        return self._right / self._answers if self._right is not None and self._answers else None
