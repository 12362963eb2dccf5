"""Running a trained model: figures on a data set, and outputs for new samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from pycnn._arguments import integer
from pycnn.data import Dataset
from pycnn.devices import move, on_cpu, stream_of
from pycnn.layers.module import Module, check_model, evaluation_mode
from pycnn.layers.parameter import Array
from pycnn.loader import batches_of, one_pass
from pycnn.losses import CrossEntropyLoss

# Large enough that Python costs nothing, small enough that activations stay in the cache.
BATCH_SIZE = 256


class Loss(Protocol):
    """What training needs of a loss: its mean over the batch, then the gradient of that.

    A mean that is not over all samples alike says what it weighs among the other batches in a
    method ``batch_weight(target)``, and names a target to leave out in ``ignore_index``.
    """

    def __call__(self, output: Array, target: Array, /) -> Any:
        """Mean loss of a batch."""

    def backward(self) -> Array:
        """Gradient with respect to the output of the last call."""


class Evaluation(NamedTuple):
    """Mean loss and share of right answers over a data set.

    Where every target is ignored the loss is NaN; the accuracy is None there, and where the
    targets are not classes.
    """

    loss: float
    accuracy: float | None


Data = Dataset | Iterable[tuple[Any, Any]]


def evaluate(
    model: Module, data: Data, *, batch_size: int = BATCH_SIZE, loss: Loss | None = None
) -> Evaluation:
    """Measure a model on a data set, in evaluation mode.

    Parameters
    ----------
    model : Module
        The model; the mode of each layer is restored afterwards.
    data : Dataset or iterable of (x, y)
        Samples and labels.
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
        If an argument is of another kind.
    ValueError
        If there are no samples or their shape does not fit the model.
    """
    check_model("evaluate", model)
    check_data("evaluate", "data", data)
    criterion = mean_loss(loss)
    source = batches_of(data, batch_size) if isinstance(data, Dataset) else data
    meter, device = Meter(criterion, model), model.device
    with stream_of(model), evaluation_mode(model), one_pass(source) as batches:
        for x, y in batches:
            output = model.forward(move(x, device))
            judged = model.scores(output) if loss is None else output
            meter.add(float(criterion(judged, move(y, device))), output, y)
    if meter.samples == 0:
        raise ValueError("the data set is empty")
    return Evaluation(meter.loss, meter.accuracy)


def predict(model: Module, x: Array | Dataset, *, batch_size: int = BATCH_SIZE) -> Array:
    """Compute the outputs of a model for many samples, in evaluation mode.

    Parameters
    ----------
    model : Module
        The model; the mode of each layer is restored afterwards.
    x : (N, ...) array or Dataset
        Samples; labels of a data set are not looked at.
    batch_size : int
        Samples in a forward pass.

    Returns
    -------
    (N, ...) float32 array
        Outputs of the last layer: for a classifier the logits, whose largest is the answer
        (``predict(model, x).argmax(1)``) and which `pycnn.ops.softmax` turns into probabilities.
        Other outputs, such as distances, become such numbers by `Module.scores`.

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If `batch_size` is not positive or the shape of the samples does not fit the model.
    """
    check_model("predict", model)
    if not isinstance(x, (np.ndarray, Dataset)):
        raise TypeError(f"[predict] x must be an array or a Dataset, got {type(x).__name__}")
    integer("predict", "batch_size", batch_size, 1, math.inf)
    # An empty x gives one empty batch, and with it an output of the right shape.
    starts = range(0, max(len(x), 1), batch_size)
    if isinstance(x, np.ndarray):
        batches = (x[i : i + batch_size] for i in starts)
    else:
        batches = (x.gather(np.arange(i, min(i + batch_size, len(x)))) for i in starts)
    with stream_of(model), evaluation_mode(model):
        device = model.device
        outputs = (model.forward(move(batch, device)) for batch in batches)
        return np.concatenate([on_cpu(output) for output in outputs])


def check_data(owner: str, name: str, data: Data) -> None:
    """Refuse what holds no samples."""
    if not isinstance(data, Dataset | Iterable):
        raise TypeError(
            f"[{owner}] {name} must be a Dataset or give batches (x, y), got {data!r}; "
            "pycnn.split parts a data set in two, such as for training and validation"
        )


def mean_loss(loss: Loss | None) -> Loss:
    """Give `loss`, or cross entropy for None, if its value is a mean over the batch."""
    criterion = CrossEntropyLoss() if loss is None else loss
    usable = callable(criterion) and callable(getattr(criterion, "backward", None))
    if not usable or isinstance(criterion, type):
        raise TypeError(
            "loss must be an object to call, with a method backward, such as CrossEntropyLoss(), "
            f"got {criterion!r}"
        )
    reduction = getattr(criterion, "reduction", "mean")
    if reduction != "mean":
        raise ValueError(f"the loss must have reduction 'mean' here, not {reduction!r}")
    return criterion


# What a Meter counts.
_SUMS = ("_total", "_weight", "_right", "_answers", "samples")


class Meter:
    """Mean loss and share of right answers over batches, each with the weight it has in them.

    Parameters
    ----------
    loss : Loss
        The loss in use. Its ``batch_weight(target)`` tells the weight of a batch (the number of
        its samples for a loss without that method); targets equal to its ``ignore_index`` count
        as no answers.
    model : Module
        The model in use: the largest of its `Module.scores` wins.

    Attributes
    ----------
    samples : int
        Samples so far, ignored ones too.
    batch_weight : function of target
        What a batch weighs.
    """

    __slots__ = (
        "_answers",
        "_ignored",
        "_right",
        "_scores",
        "_total",
        "_weight",
        "batch_weight",
        "samples",
    )

    def __init__(self, loss: Loss, model: Module) -> None:
        self._scores = model.scores
        self.batch_weight: Callable[[Array], float] = getattr(loss, "batch_weight", len)
        self._ignored: int | None = getattr(loss, "ignore_index", None)
        self._total = self._weight = 0.0
        self._right: int | None = 0
        self._answers = self.samples = 0

    def state_dict(self) -> dict[str, Any]:
        """Give the sums so far."""
        return {name: getattr(self, name) for name in _SUMS}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with the sums of another meter."""
        for name in _SUMS:
            setattr(self, name, state[name])

    def add(self, loss: float, output: Array, target: Array) -> bool:
        """Count a batch; returns whether any of it counts."""
        weight = self.batch_weight(target)
        if weight:  # the mean of nothing is NaN, and would make NaN of the whole
            self._total += loss * weight
            self._weight += weight
        self.samples += len(target)
        self._add_answers(output, target)
        return bool(weight)

    def _add_answers(self, output: Array, target: Array) -> None:
        if self._right is None:
            return
        if output.ndim != 2 or target.ndim != 1 or target.dtype.kind != "i":
            self._right = None
            return
        right = self._scores(on_cpu(output)).argmax(axis=1) == target
        if self._ignored is None:
            self._answers += len(target)
        else:
            counted = target != self._ignored
            right &= counted
            self._answers += int(np.count_nonzero(counted))
        self._right += int(np.count_nonzero(right))

    @property
    def loss(self) -> float:
        """Mean loss; NaN where nothing counts."""
        return self._total / self._weight if self._weight else math.nan

    @property
    def accuracy(self) -> float | None:
        """Share of right answers; None where there are none, or the targets are not classes."""
        return self._right / self._answers if self._right is not None and self._answers else None
