"""Running a trained model: figures on a data set, and outputs for new samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np

from pycnn.data import ArrayDataset, Batches, check_batch
from pycnn.layers.module import Module, evaluation_mode
from pycnn.layers.parameter import Array
from pycnn.losses import CrossEntropyLoss

# Large enough that Python costs nothing, small enough that activations stay in the cache.
BATCH_SIZE = 256


class Loss(Protocol):
    """What training needs of a loss: its mean over the batch, then the gradient of that."""

    def __call__(self, output: Array, target: Array, /) -> Any:
        """Mean loss of a batch."""

    def backward(self) -> Array:
        """Gradient with respect to the output of the last call."""


class Evaluation(NamedTuple):
    """Mean loss and share of right answers (None where they are not classes) over a data set."""

    loss: float
    accuracy: float | None


Data = ArrayDataset | Iterable[tuple[Any, Any]]


def evaluate(
    model: Module, data: Data, *, batch_size: int = BATCH_SIZE, loss: Loss | None = None
) -> Evaluation:
    """Measure a model on a data set, in evaluation mode.

    Parameters
    ----------
    model : Module
        The model; the mode of each layer is restored afterwards.
    data : ArrayDataset or iterable of (x, y)
        Samples and labels.
    batch_size : int
        Samples in a forward pass, for an ArrayDataset.
    loss : Loss, optional
        Cross entropy by default.

    Returns
    -------
    Evaluation
        Mean loss and accuracy.

    Raises
    ------
    ValueError
        If there are no samples or their shape does not fit the model.
    """
    criterion = mean_loss(loss)
    batches = Batches(data, batch_size) if isinstance(data, ArrayDataset) else data
    total, count, right = 0.0, 0, Accuracy()
    with evaluation_mode(model):
        for x, y in map(check_batch, batches):
            output = model.forward(x)
            total += float(criterion(output, y)) * len(y)
            right.add(output, y)
            count += len(y)
    if count == 0:
        raise ValueError("the data set is empty")
    return Evaluation(total / count, right.share(count))


def predict(model: Module, x: Array | ArrayDataset, *, batch_size: int = BATCH_SIZE) -> Array:
    """Compute the outputs of a model for many samples, in evaluation mode.

    Parameters
    ----------
    model : Module
        The model; the mode of each layer is restored afterwards.
    x : (N, ...) float32 array or ArrayDataset
        Samples; labels of a data set are not looked at.
    batch_size : int
        Samples in a forward pass.

    Returns
    -------
    (N, ...) float32 array
        Outputs of the last layer: for a classifier the logits, whose largest is the answer
        (``predict(model, x).argmax(1)``) and which `pycnn.ops.softmax` turns into probabilities.

    Raises
    ------
    ValueError
        If `batch_size` is not positive or the shape of the samples does not fit the model.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    samples = x.x if isinstance(x, ArrayDataset) else x
    with evaluation_mode(model):
        # An empty x gives one empty batch, and with it an output of the right shape.
        starts = range(0, max(len(samples), 1), batch_size)
        return np.concatenate([model.forward(samples[i : i + batch_size]) for i in starts])


def mean_loss(loss: Loss | None) -> Loss:
    """Give `loss`, or cross entropy for None, if its value is a mean over the batch."""
    criterion = CrossEntropyLoss() if loss is None else loss
    reduction = getattr(criterion, "reduction", "mean")
    if reduction != "mean":
        raise ValueError(f"the loss must have reduction 'mean' here, not {reduction!r}")
    return criterion


class Accuracy:
    """Counts right answers, for outputs (N, C) and labels that are classes."""

    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count: int | None = 0

    def add(self, output: Array, target: Array) -> None:
        """Count the samples whose largest output is that of their class."""
        if self._count is not None:
            if output.ndim == 2 and target.ndim == 1 and target.dtype.kind == "i":
                self._count += int(np.count_nonzero(output.argmax(axis=1) == target))
            else:
                self._count = None

    def share(self, samples: int) -> float | None:
        """Share of right answers, None where the targets were not classes."""
        return None if self._count is None else self._count / samples
