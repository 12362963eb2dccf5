"""Run a trained model: figures on a data set, and outputs for new samples."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np

from pycnn._arguments import integer, written
from pycnn._hints import samples_hint
from pycnn._streams import warn
from pycnn.data import Batches, Dataset
from pycnn.devices import move, on_cpu
from pycnn.layers.module import Module, check_model
from pycnn.layers.parameter import Array
from pycnn.layers.turns import between_steps
from pycnn.loader import batches_of, one_pass
from pycnn.losses import CrossEntropyLoss
from pycnn.losses.function import FunctionLoss
from pycnn.training.meter import Meter
from pycnn.training.nonfinite import first_nonfinite, in_batch

# Large enough that Python costs nothing, small enough that activations stay in the cache.
BATCH_SIZE = 256


class Loss(Protocol):
    """What training needs from a loss: its mean over the batch, then the gradient of that mean.

    A loss that weighs samples differently has a method ``batch_weight(target)``, which
    returns the weight of a batch among others, and an ``ignore_index``, a target to leave out.
    """

    def __call__(self, output: Array, target: Array, /) -> Any:
        """Return the mean loss of a batch."""

    def backward(self) -> Array:
        """Return the gradient with respect to the output of the last call."""


class Evaluation(NamedTuple):
    """Mean loss and share of right answers over a data set.

    If every target is ignored, the loss is NaN and the accuracy None. The accuracy is also None if
    the targets are not classes.
    """

    loss: float
    accuracy: float | None


Data = Dataset | Iterable[tuple[Any, Any]]


def evaluate(
    model: Module, data: Data, *more: Any, batch_size: int = BATCH_SIZE, loss: Loss | None = None
) -> Evaluation:
    """Measure a model on a data set, in evaluation mode.

    Parameters
    ----------
    model : Module
        The model. Nothing is written to it, so that any number of threads may run it at once, even
        while another one trains it: each batch then sees the model between two steps.
    data : Dataset or iterable of (x, y)
        Samples and labels. `Batches`, such as a `DataLoader`, keep the number of their next pass.
    *more
        Not allowed: two arrays are one argument, ``ArrayDataset(x, y)``.
    batch_size : int
        Samples in a forward pass, for a Dataset.
    loss : Loss, optional
        Cross entropy of `Module.scores` by default.

    Returns
    -------
    Evaluation
        Mean loss and accuracy.

    Raises
    ------
    TypeError
        If an argument has a wrong type.
    ValueError
        If there are no samples or their shape does not fit the model.

    Warns
    -----
    RuntimeWarning
        If scores or losses are NaN or infinite, with the batch and the layer.
    """
    if more:
        raise TypeError(
            f"[evaluate] takes a model and its data, got {len(more)} more: two arrays become one "
            "argument as pycnn.ArrayDataset(x, y); batch_size and loss are given by name"
        )
    meter = measure(model, data, batch_size=batch_size, loss=loss)
    if meter.unanswered:
        warn(
            f"[evaluate] {meter.unanswered:,} of {meter.samples:,} samples have no answer, which "
            f"counts as a wrong one, because their scores are not finite: {meter.where}"
        )
    elif meter.where:
        warn(f"[evaluate] the loss is {meter.loss}: {meter.where}")
    return Evaluation(meter.loss, meter.accuracy)


def measure(
    model: Module, data: Data, *, batch_size: int = BATCH_SIZE, loss: Loss | None = None
) -> Meter:
    """Measure as `evaluate` does, but leave the warnings to the caller."""
    check_model("evaluate", model)
    check_data("evaluate", "data", data)
    criterion = mean_loss(loss, "evaluate")
    source = batches_of(data, batch_size) if isinstance(data, Dataset) else data
    if isinstance(source, Batches):
        source = copy.copy(source)  # a pass advances it, and a training may be using it
    meter = Meter(criterion, model)
    with one_pass(source) as batches:
        for number, (x, y) in enumerate(batches, start=1):
            with between_steps(model, criterion):
                output = forward(model, x)
                judged = model.scores(output) if loss is None else output
                value = loss_value("evaluate", criterion(judged, move(y, model.device)))
                meter.add(value, output, y)
                if not meter.where and (
                    meter.unanswered or (meter.weight and not math.isfinite(meter.loss))
                ):
                    meter.where = first_nonfinite(model, x, y, number)
    if meter.samples == 0:
        raise ValueError("the data set is empty")
    return meter


def predict(model: Module, x: Array | Dataset, *, batch_size: int = BATCH_SIZE) -> Array:
    """Compute the outputs of a model for many samples, in evaluation mode.

    Parameters
    ----------
    model : Module
        The model. Nothing is written to it, so that any number of threads may run it at once, even
        while another one trains it: each batch then sees the model between two steps.
    x : (N, ...) array or Dataset
        Samples; labels of a data set are ignored.
    batch_size : int
        Samples in a forward pass.

    Returns
    -------
    (N, ...) float32 array
        Outputs of the last layer. For a classifier these are the logits: the largest is the answer
        (``predict(model, x).argmax(1)``), and `pycnn.ops.softmax` turns them into probabilities.
        `Module.scores` turns other outputs, such as distances, into scores of this kind.

    Raises
    ------
    TypeError
        If an argument has a wrong type.
    ValueError
        If `batch_size` is not positive or the shape of the samples does not fit the model.

    Warns
    -----
    RuntimeWarning
        If outputs hold NaN, with the first sample and the layer.
    """
    check_model("predict", model)
    if not isinstance(x, (np.ndarray, Dataset)):
        raise TypeError(f"[predict] x must be an array or a Dataset, got {type(x).__name__}")
    if isinstance(x, np.ndarray) and not x.ndim:
        raise ValueError("[predict] x must have an axis of samples, got an array of shape ()")
    integer("predict", "batch_size", batch_size, 1, math.inf)
    # An empty x gives one empty batch, and so an output of the right shape.
    starts = range(0, max(len(x), 1), batch_size)
    if isinstance(x, np.ndarray):
        batches = (x[i : i + batch_size] for i in starts)
    else:
        batches = (x.gather(np.arange(i, min(i + batch_size, len(x)))) for i in starts)
    outputs: list[Array] = []
    for batch in batches:
        with between_steps(model):
            outputs.append(on_cpu(forward(model, batch)))
    result = np.concatenate(outputs)
    if np.isnan(result).any():
        _warn_of_nan(model, x, result)
    return result


def _warn_of_nan(model: Module, x: Array | Dataset, outputs: Array) -> None:
    """Warn of outputs that hold NaN, and say where the first one comes from."""
    bad = np.flatnonzero(np.isnan(outputs).reshape(len(outputs), -1).any(axis=1))
    index = bad[:1]
    sample = x[index] if isinstance(x, np.ndarray) else x.gather(index)
    where = "its x is not finite" if in_batch(sample) else first_nonfinite(model, sample)
    warn(
        f"[predict] the outputs of {len(bad):,} of {len(outputs):,} samples hold NaN, first those "
        f"of sample {bad[0]}: {where}"
    )


def forward(model: Module, x: Array) -> Any:
    """Compute the outputs of a batch; an error about its dtype says what is needed."""
    try:
        return model.forward(move(x, model.device))
    except TypeError as error:
        if hint := samples_hint(x, model.input_dtype):
            raise TypeError(f"{error}; {hint}") from error
        raise


def check_data(owner: str, name: str, data: Data) -> None:
    """Refuse data that is neither a Dataset nor an iterable."""
    if not isinstance(data, Dataset | Iterable):
        raise TypeError(
            f"[{owner}] {name} must be a Dataset or give batches (x, y), got {written(data)}; "
            "pycnn.split parts a data set in two, such as for training and validation"
        )


def loss_value(owner: str, value: Any) -> float:
    """Return the value of a loss as a float."""
    try:
        return float(value)
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise TypeError(f"[{owner}] the loss must give one number, gave {kind}") from None


def mean_loss(loss: Loss | None, owner: str = "fit") -> Loss:
    """Return `loss`, or cross entropy for None; refuse one whose value is not a batch mean."""
    criterion = CrossEntropyLoss() if loss is None else loss
    if isinstance(criterion, type) or not callable(criterion):
        raise TypeError(
            f"[{owner}] loss must be a loss object such as pycnn.CrossEntropyLoss(), or a function "
            f"of outputs and targets, got {written(criterion)}"
        )
    if isinstance(criterion, Module) or not callable(getattr(criterion, "backward", None)):
        return FunctionLoss(criterion)
    reduction = getattr(criterion, "reduction", "mean")
    if reduction not in ("mean", "batchmean"):
        raise ValueError(f"[{owner}] the loss must have reduction 'mean' here, not {reduction!r}")
    return criterion
