"""Figures of one's own, such as those of scikit-learn, over the samples of an epoch."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from pycnn._arguments import choice, flag, written
from pycnn.autograd.structure import leaves, mapped
from pycnn.layers.parameter import Array

# What a function gets beside the targets.
CLASSES, SCORES, PROBABILITIES = ON = ("classes", "scores", "probabilities")

# How people name the second parameter of a function that wants no classes.
_BY_NAME = {
    "scores": SCORES,
    "logits": SCORES,
    "y_score": PROBABILITIES,
    "y_prob": PROBABILITIES,
    "y_proba": PROBABILITIES,
    "probabilities": PROBABILITIES,
}
_LESS_IS_BETTER = ("loss", "error", "deviance")
_TOP = re.compile(r"top([1-9][0-9]{0,5})")


class Metric:
    """A function of the targets and the answers of a model for all samples.

    Parameters
    ----------
    function : function of (y_true, y_pred)
        Returns one number, as `sklearn.metrics.f1_score` does.
    on : {'classes', 'scores', 'probabilities'}, optional
        What `y_pred` is. The name of the function's second parameter decides by default: ``scores``
        and ``logits`` stand for scores; ``y_score``, ``y_prob``, ``y_proba`` and ``probabilities``
        for probabilities; any other for classes.

        - classes: (N,) int64, the class of the largest score, or -1 if it is not finite. With a
          loss of yes or no for each number, such as ``BCEWithLogitsLoss``, 1 where that is more
          likely, else 0. For other targets that are no classes, as in a regression, the outputs.
        - scores: the outputs, (N, C) for classes.
        - probabilities: (N, C), the softmax of the scores in float64; of two classes only that of
          class 1, (N,), as scikit-learn wants it. Of logits of yes or no the sigmoid.

        Targets that are a class for each pixel, (N, H, W), count as N H W samples. Samples whose
        target the loss ignores are left out.
    lower_is_better : bool, optional
        By default whether the name of the function ends in loss, error or deviance.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        on: str | None = None,
        lower_is_better: bool | None = None,
    ) -> None:
        if not callable(function):
            raise TypeError(
                f"[Metric] function must be a function of (y_true, y_pred), got {written(function)}"
            )
        self.function = function
        self.on = _wanted(function) if on is None else choice("Metric", "on", on, ON)
        self.lower_is_better = (
            name_of(function).endswith(_LESS_IS_BETTER)
            if lower_is_better is None
            else flag("Metric", "lower_is_better", lower_is_better)
        )


class TopK(Metric):
    """Share of the samples whose class is among the k largest scores.

    Of equal scores those of the lower classes count as larger, as `numpy.argmax` has it.

    Parameters
    ----------
    k : int
        How many scores; the model must give at least so many.
    """

    def __init__(self, k: int) -> None:
        super().__init__(self._share, on=SCORES)
        self.k = k

    def hits(self, target: Array, scores: Array) -> Array:
        """Return for each sample whether its class is among the k largest scores."""
        classes = scores.shape[1]
        if classes < self.k:
            raise ValueError(f"top{self.k} needs {self.k} classes, there are {classes}")
        own = np.take_along_axis(scores, target[:, None], axis=1)
        before = (scores > own) | ((scores == own) & (np.arange(classes) < target[:, None]))
        hits: Array = np.isfinite(own[:, 0]) & (np.count_nonzero(before, axis=1) < self.k)
        return hits

    def _share(self, target: Array, scores: Array) -> float:
        return float(np.mean(self.hits(target, scores)))


Given: TypeAlias = Metric | Callable[..., Any] | str
Metrics: TypeAlias = Mapping[str, Given] | list[Given] | tuple[Given, ...]


def metrics_of(owner: str, given: Metrics | None, taken: tuple[str, ...]) -> dict[str, Metric]:
    """Return metrics by name; `taken` are names of other figures.

    Raises
    ------
    TypeError
        If a metric is no function, no `Metric` and no name of one.
    ValueError
        If a name is unknown, is there twice or belongs to another figure.
    """
    if given is None:
        return {}
    if isinstance(given, str) or not isinstance(given, Mapping | list | tuple):
        raise TypeError(
            f'[{owner}] metrics must be a dict of functions, such as {{"f1": f1_score}}, or a '
            f"list, got {written(given)}"
        )
    pairs: list[tuple[Any, Any]] = (
        list(given.items()) if isinstance(given, Mapping) else [(None, metric) for metric in given]
    )
    found: dict[str, Metric] = {}
    for key, metric in pairs:
        if metric == "accuracy" and key in (None, "accuracy"):
            continue  # always measured
        name = _name(owner, key, metric)
        if name in found:
            raise ValueError(f"[{owner}] metrics: there are two of the name {name!r}")
        if name in taken or name.startswith("val_"):
            raise ValueError(f"[{owner}] metrics: {name!r} is the name of another figure")
        found[name] = _metric(owner, metric)
    return found


def number_of(owner: str, name: str, metric: Metric, target: Any, answer: Any) -> float:
    """Return the figure of a metric for these samples; NaN if there are none."""
    if not any(len(part) for part in leaves(target) if part is not None):
        return math.nan
    # A function that sorts its arrays must not change what the next one gets.
    own = mapped(lambda part: None if part is None else part.copy(), (target, answer))
    try:
        value = metric.function(*own)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"[{owner}] metric {name!r}: {error}") from error
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"[{owner}] metric {name!r} must give one number, gave {written(value)}"
        ) from None


def name_of(function: Any) -> str:
    """Return the name of a function, of one in a `functools.partial`, or an empty string."""
    found = getattr(getattr(function, "func", function), "__name__", "")
    return found if isinstance(found, str) else ""


def _wanted(function: Callable[..., Any]) -> str:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a function of C may have no signature
        return CLASSES
    return _BY_NAME.get(names[1], CLASSES) if len(names) > 1 else CLASSES


def _name(owner: str, key: Any, metric: Any) -> str:
    """Return the name of a metric: its key, or in a list that of the function."""
    if isinstance(metric, str) and key is None:
        return metric
    function = metric.function if isinstance(metric, Metric) else metric
    name = name_of(function) if key is None else key
    if not isinstance(name, str) or not name.isidentifier():
        raise ValueError(
            f"[{owner}] metrics: {written(name)} is no name of a figure: give a dict, "
            'such as {"f1": function}, with letters, digits and _'
        )
    return name


def _metric(owner: str, given: Any) -> Metric:
    if isinstance(given, Metric):
        return given
    if isinstance(given, str):
        if match := _TOP.fullmatch(given):
            return TopK(int(match[1]))
        raise ValueError(
            f"[{owner}] metrics: there is no {given!r}, only 'accuracy', 'top5' and other "
            "'topK', and functions of your own"
        )
    if isinstance(given, type) or not callable(given):
        raise TypeError(
            f"[{owner}] metrics must hold functions of (y_true, y_pred), got {written(given)}"
        )
    return Metric(given)
