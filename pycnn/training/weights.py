"""Weights of classes and of samples in the loss of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn._arguments import at_least_zero, integer, written
from pycnn.arrays.read import as_array
from pycnn.backends.recording import computed_here, loss_here
from pycnn.data import Batches
from pycnn.devices import device_of, move, on_cpu
from pycnn.layers.parameter import Array
from pycnn.losses.base import OpLoss

Weights = npt.NDArray[np.float64]


class ClassWeights:
    """Weight of each class.

    Parameters
    ----------
    given : mapping of class to weight, array-like (C,), or 'balanced'
        The weights. In a mapping, classes are numbers or names, and those that are not in it weigh
        1. 'balanced' gives each class c among the K that occur ``N / (K * samples of c)``.
    names : sequence of str
        Names of the classes.
    targets : int64 array or None
        All targets of the training, for 'balanced'.
    ignored : int or None
        The target that the loss ignores.

    Raises
    ------
    TypeError, ValueError
        If they are not such weights.
    """

    def __init__(
        self, given: Any, names: Sequence[str], targets: Any, ignored: int | None = None
    ) -> None:
        self._one_for_each = False
        if isinstance(given, str):
            self.weights = _balanced(given, targets, ignored)
        elif isinstance(given, Mapping):
            numbers: dict[int, float] = {}
            for key, value in given.items():
                number = _number(key, names)
                if number in numbers:
                    raise ValueError(f"[fit] class_weight has two weights for class {number}")
                numbers[number] = _weight(value)
            self.weights = np.ones(max(numbers, default=-1) + 1)
            for number, weight in numbers.items():
                self.weights[number] = weight
        else:
            self.weights = _checked("class_weight", given)
            self._one_for_each = True

    def check(self, classes: int) -> None:
        """Refuse weights of classes that a model with so many scores does not have.

        Raises
        ------
        ValueError
            With both numbers.
        """
        count = len(self.weights)
        if count > classes or (self._one_for_each and count < classes):
            last = "an array holds one for each" if self._one_for_each else "numbers begin at 0"
            raise ValueError(
                f"[fit] class_weight has weights up to class {count - 1}, and the model scores for "
                f"{classes} classes: {last}"
            )

    def of(self, target: npt.NDArray[np.int64]) -> Weights:
        """Return the weight of each target; those without one, such as ignored ones, weigh 1."""
        weights = np.ones(target.shape)
        known = (target >= 0) & (target < len(self.weights))
        weights[known] = self.weights[target[known]]
        return weights


class SampleWeights:
    """Weight of each sample, of which `fit` takes those of a batch at a time."""

    def __init__(self, weights: Weights, batches: Batches) -> None:
        self._weights, self._batches = weights, batches
        self._epoch: int | None = None

    def of(self, epoch: int, batch: int) -> Weights:
        """Return the weights of the samples of a batch, in its order."""
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._batches.order(epoch)
        return self._weights[self._order[self._batches.part(batch)]]


class WeightedLoss:
    """A loss whose mean over a batch is weighted.

    ``L = sum_i s_i l_i / sum_i s_i v_i``, where l_i are the losses with reduction 'none', s_i is
    the product of the weights of the sample and of its class, and v_i is what the loss itself
    divides by: the class weight of the loss (1 by default), 0 for a target that it ignores.

    Parameters
    ----------
    loss : OpLoss
        The loss, with a mean over the batch.
    classes : ClassWeights, optional
        Weights of the classes.
    samples : SampleWeights, optional
        Weights of the samples.
    """

    def __init__(
        self, loss: Any, classes: ClassWeights | None, samples: SampleWeights | None
    ) -> None:
        if not isinstance(loss, OpLoss):
            name = "class_weight" if classes is not None else "sample_weight"
            raise TypeError(
                f"[fit] {name} needs one of pycnn.losses, which gives the loss of each sample, got "
                f"{written(loss)}"
            )
        self.plain = loss
        self.ignore_index: int | None = getattr(loss, "ignore_index", None)
        self._each = loss.unreduced()
        self._classes, self._samples = classes, samples
        self._batch = _Batch()

    @property
    def parts(self) -> list[OpLoss]:
        """The losses that it consists of."""
        return [self._each, self.plain]

    def choose(self, epoch: int | None, batch: int) -> None:
        """Choose the batch whose samples come next."""
        if self._samples is not None and epoch is not None:
            self._batch.weights = self._samples.of(epoch, batch)

    def __call__(self, output: Array, target: Array) -> float:
        """Return the weighted mean of the losses; NaN if nothing has a weight."""
        losses = self._each(output, target)
        if self._classes is not None and output.ndim > 1:
            self._classes.check(output.shape[1])
        values, on_host = on_cpu(losses), on_cpu(target)
        # A recorded step calls both again, for the samples of its batch.
        factor = computed_here("weights", self._factor, values, on_host)
        self._batch.factor = move(factor, device_of(losses))
        return loss_here("weighted_mean", self._mean, values, on_host)

    def backward(self) -> Array:
        """Return the gradient with respect to the output of the last call."""
        return self._each.backward(self._batch.factor)

    def _mean(self, losses: Array, target: Array) -> float:
        """Return the weighted mean of the losses of a batch; NaN if nothing has a weight."""
        weights, divisor = self._shares(losses, target)
        return float((weights * losses.astype(np.float64)).sum() / divisor) if divisor else nan

    def _factor(self, losses: Array, target: Array) -> Array:
        """Return the slope of the weighted mean in each of the losses of a batch."""
        weights, divisor = self._shares(losses, target)
        return (weights / divisor if divisor else np.zeros(weights.shape)).astype(np.float32)

    def _shares(self, losses: Array, target: Array) -> tuple[Weights, float]:
        """Return the weight of each of the losses, and what their weighted sum is divided by."""
        weights, divisor = self._weights(target, losses.shape)
        if self.plain.reduction == "batchmean":  # which adds the numbers of a sample
            divisor /= prod(losses.shape[1:])
        return weights, divisor

    def batch_weight(self, target: Array) -> float:
        """Return the divisor of a batch's mean."""
        target = on_cpu(target)
        shape = target.shape if target.dtype.kind == "i" else target.shape[:1]
        return self._weights(target, shape)[1]

    def _weights(self, target: Array, shape: tuple[int, ...]) -> tuple[Weights, float]:
        """Return the weight of each of the losses, and what their sum is divided by."""
        weights = np.ones(shape)
        if self._batch.weights is not None:
            weights *= self._batch.weights.reshape(-1, *(1,) * (len(shape) - 1))
        if self._classes is not None:
            if target.dtype.kind != "i" or target.shape != shape:
                raise ValueError(
                    "[fit] class_weight needs classes as targets, ints, got "
                    f"{target.dtype} {target.shape}: sample_weight takes a weight for each sample"
                )
            weights *= self._classes.of(target)
        counted = np.ones(shape)
        if target.dtype.kind == "i" and target.shape == shape and self.ignore_index is not None:
            counted[target == self.ignore_index] = 0
            own = getattr(self.plain, "weight", None)
            if own is not None:
                counted *= own[np.where(counted > 0, target, 0)]
        return weights, float((weights * counted).sum())


class _Batch:
    """What belongs to a batch: the weights of its samples, and the slopes of its losses."""

    weights: Weights | None = None
    factor: Any = None


def sample_weights(given: Any, count: int) -> Weights:
    """Return the argument `sample_weight` for `count` samples."""
    weights = _checked("sample_weight", given)
    if len(weights) != count:
        raise ValueError(
            f"[fit] sample_weight needs one weight for each sample, got {len(weights)} for {count}"
        )
    return weights


def _checked(name: str, given: Any) -> Weights:
    array = as_array("fit", name, given)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"[fit] {name} must hold numbers, is an array of {array.dtype}")
    weights = array.astype(np.float64)
    if weights.ndim != 1:
        raise ValueError(f"[fit] {name} must have one axis, got shape {weights.shape}")
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise ValueError(
            f"[fit] {name}[{wrong[0]}] is {weights[wrong[0]]}: weights are finite and at least 0"
        )
    if not weights.any():
        raise ValueError(f"[fit] {name} has no weight above 0: nothing would be learned")
    return weights


def _weight(value: Any) -> float:
    return at_least_zero("fit", "class_weight", value)


def _number(key: Any, names: Sequence[str]) -> int:
    """Return the number of a class that is given by number or name."""
    if not isinstance(key, str):
        return integer("fit", "class_weight", key, 0)
    if key not in names:
        raise ValueError(
            f"[fit] class_weight has a weight for {written(key)}, which is none of the classes "
            f"{written(list(names))}"
        )
    return list(names).index(key)


def _balanced(given: str, targets: Any, ignored: int | None) -> Weights:
    """Return weights with which each class that occurs counts alike."""
    if given != "balanced":
        raise ValueError(
            f"[fit] class_weight must be 'balanced', a mapping or an array, got {written(given)}"
        )
    y = None if targets is None else np.asarray(targets)
    if y is None or y.dtype.kind != "i":
        found = "batches" if y is None else f"targets of dtype {y.dtype}"
        raise ValueError(
            f"[fit] class_weight='balanced' counts the classes of a Dataset or of arrays, got "
            f"{found}"
        )
    counts = np.bincount(y[(y >= 0) & (y != ignored)].ravel())
    present = counts > 0
    share = counts.sum() / max(int(present.sum()), 1)
    weights = np.zeros(len(counts))
    weights[present] = share / counts[present]
    return weights
