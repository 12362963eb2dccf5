"""What metrics need of the samples of an epoch: targets and answers, kept until its end."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd.structure import leaves, mapped
from pycnn.devices import is_array, on_cpu
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array
from pycnn.losses import BCELoss, BCEWithLogitsLoss, FocalLoss
from pycnn.training.answers import answers, are_classes
from pycnn.training.metrics import CLASSES, PROBABILITIES, SCORES, Metric, TopK, number_of

if TYPE_CHECKING:
    from pycnn.training.evaluation import Loss

TARGET = "target"


class Kept:
    """Targets and answers of the samples so far; only what the metrics ask for.

    Parameters
    ----------
    metrics : mapping of str to Metric
        At least one.
    loss : Loss
        The loss in use: what it ignores is left out.
    model : Module
        The model in use, for its `Module.scores`.
    """

    def __init__(self, metrics: Mapping[str, Metric], loss: Loss, model: Module) -> None:
        self._metrics = metrics
        self._scores = model.scores
        self._ignored: int | None = getattr(loss, "ignore_index", None)
        loss = getattr(loss, "plain", loss)  # of one that weighs samples
        self._logits = isinstance(loss, BCEWithLogitsLoss | FocalLoss)  # of yes or no
        self._shares = isinstance(loss, BCELoss)
        self._columns: dict[str, list[Array]] = {}
        self._forms: dict[str, Any] = {}  # where several outputs or targets are: nested columns
        self.are_classes = True

    def add(self, output: Any, target: Any) -> None:
        """Keep a batch."""
        output, target = mapped(on_cpu, output), mapped(on_cpu, target)
        self.are_classes = are_classes(output, target)
        if self.are_classes:
            scores = self._scores(output)
            rows = np.moveaxis(scores, 1, -1).reshape(-1, scores.shape[1])
            self._add_classes(rows, target.reshape(-1))
            return
        for name, metric in self._metrics.items():
            if isinstance(metric, TopK):
                raise ValueError(
                    f"[metrics] {name!r} needs classes as targets, ints (N,), and scores (N, C)"
                )
        self._keep(TARGET, target)
        self._keep(SCORES, output)

    def _add_classes(self, scores: Array, target: Array) -> None:
        if self._ignored is not None and (target == self._ignored).any():
            scores, target = (array[target != self._ignored] for array in (scores, target))
        self._keep(TARGET, target)
        for name, metric in self._metrics.items():
            if isinstance(metric, TopK):
                self._keep(_hits(name), metric.hits(target, scores))
        wanted = {metric.on for metric in self._metrics.values() if not isinstance(metric, TopK)}
        if CLASSES in wanted:
            self._keep(CLASSES, answers(scores))
        if wanted & {SCORES, PROBABILITIES}:
            self._keep(SCORES, scores)

    def _keep(self, name: str, values: Any) -> None:
        """Keep copies, because buffers are used again: of several outputs, those of each."""
        several = isinstance(values, (tuple, list, dict))
        numbers = count()

        def kept(value: Any) -> str | None:
            column = f"{name} {next(numbers)}" if several else name
            if not is_array(value):
                return None
            self._columns.setdefault(column, []).append(np.array(value, ndmin=1))
            return column

        form = mapped(kept, values)
        if several:
            self._forms[name] = form

    def figures(self, owner: str) -> dict[str, float]:
        """Return each figure of all samples; NaN where a score is not finite."""
        columns = self.columns()
        target = self._joined(TARGET, columns)
        found: dict[str, float] = {}
        for name, metric in self._metrics.items():
            if (hits := columns.get(_hits(name))) is not None:
                found[name] = float(np.mean(hits)) if len(hits) else math.nan
                continue
            answer = self._answer(metric, columns)
            found[name] = math.nan
            if answer is not None and _are_finite(answer):
                found[name] = number_of(owner, name, metric, target, answer)
        return found

    def _joined(self, name: str, columns: Mapping[str, Array]) -> Any:
        """Return all of the targets or the outputs; those of several as the model gives them."""
        if name in self._forms:
            return mapped(lambda column: columns.get(column), self._forms[name])
        return columns.get(name)

    def _answer(self, metric: Metric, columns: Mapping[str, Array]) -> Any:
        """Return what a metric wants beside the targets."""
        if metric.on == CLASSES and CLASSES in columns:
            return columns[CLASSES]
        scores = self._joined(SCORES, columns)
        if scores is None or metric.on == SCORES or not _are_finite(scores):
            return scores
        if metric.on == CLASSES and (self._logits or self._shares):
            return (scores > (0 if self._logits else 0.5)).astype(np.int64)
        if not self.are_classes:
            return _sigmoid(scores.astype(np.float64)) if self._logits else scores
        probabilities = _softmax(scores.astype(np.float64))
        return probabilities[:, 1] if probabilities.shape[1] == 2 else probabilities

    def columns(self) -> dict[str, Array]:
        """Return all that is kept, an array of all samples for each kind."""
        return {name: np.concatenate(parts) for name, parts in self._columns.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return what is kept, for a checkpoint."""
        return {"classes": self.are_classes, "columns": self.columns(), "forms": self._forms}

    def load_state_dict(self, *states: Mapping[str, Any]) -> None:
        """Take over what others have kept, one after the other."""
        self._columns = {}
        for state in states:
            for name, array in state["columns"].items():
                self._columns.setdefault(name, []).append(array)
            if state["columns"]:
                self.are_classes = state["classes"]
                self._forms = dict(state.get("forms", {}))  # not in older checkpoints


def _hits(name: str) -> str:
    return f"hits of {name}"  # no name of a metric has a space


def _are_finite(answer: Any) -> bool:
    parts = [part for part in leaves(answer) if is_array(part)]
    return all(part.dtype.kind != "f" or bool(np.isfinite(part).all()) for part in parts)


def _softmax(scores: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        result: Array = powers / powers.sum(axis=1, keepdims=True)
    return result


def _sigmoid(scores: Array) -> Array:
    result: Array = 0.5 * (1.0 + np.tanh(0.5 * scores))
    return result
