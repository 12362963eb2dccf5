"""Measure a trained model on data."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from pycnn._arguments import flag, written
from pycnn._hints import samples_hint
from pycnn._streams import warn
from pycnn.autograd.structure import mapped
from pycnn.data import Batches, Dataset
from pycnn.devices import move
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array
from pycnn.layers.turns import between_steps
from pycnn.loader import batches_of, one_pass
from pycnn.losses import CrossEntropyLoss
from pycnn.losses.function import FunctionLoss
from pycnn.training.forward_plan import BATCHES_TO_COME_IF_TRIED, ForwardPasses
from pycnn.training.given import Data, carries_targets, data_of, length_of, names_of, preparing_for
from pycnn.training.inputs import check_inputs
from pycnn.training.meter import Meter
from pycnn.training.metrics import Metric, Metrics, metrics_of
from pycnn.training.nonfinite import first_nonfinite
from pycnn.training.other_names import naming_the_cure
from pycnn.training.session_model import SessionModel, model_of

if TYPE_CHECKING:
    from pycnn.inference import InferenceSession

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


# A function of outputs and targets that returns a tensor with one number will do, too.
AnyLoss: TypeAlias = Loss | Callable[[Any, Any], Any]


class _Evaluation(NamedTuple):
    loss: float
    accuracy: float | None


class Evaluation(_Evaluation):
    """Mean loss and share of right answers over a data set: a pair, with other figures by name.

    If every target is ignored, the loss is NaN and the accuracy None. The accuracy is also None if
    the targets are not classes.

    Attributes
    ----------
    loss : float
    accuracy : float or None
    metrics : dict of str to float
        Figures of the metrics that `evaluate` was given.
    """

    metrics: dict[str, float]

    def __new__(
        cls, loss: float, accuracy: float | None, metrics: Mapping[str, float] | None = None
    ) -> Evaluation:
        """Make the pair."""
        found = super().__new__(cls, loss, accuracy)
        found.metrics = dict(metrics or {})
        return found

    def __repr__(self) -> str:
        figures = {"loss": self.loss, "accuracy": self.accuracy, **self.metrics}
        return f"Evaluation({', '.join(f'{name}={value}' for name, value in figures.items())})"


@naming_the_cure
def evaluate(
    model: Module | InferenceSession,
    data: Any,
    y: Any = None,
    *,
    batch_size: int = BATCH_SIZE,
    loss: AnyLoss | None = None,
    metrics: Metrics | None = None,
    session: bool = False,
) -> Evaluation:
    """Measure a model on a data set, in evaluation mode.

    Parameters
    ----------
    model : Module or InferenceSession
        The model. Nothing is written to it, so that any number of threads may run it at once, even
        while another one trains it: each batch then sees the model between two steps.
    data : Dataset, iterable of (x, y), or array-like
        Samples and targets; or samples x, whose targets are `y`. See `pycnn.fit`. `Batches`, such
        as a `DataLoader`, keep the number of their next pass.
    y : array-like, optional
        Targets of samples `data`. Names are those of the classes in the metadata of the model.
    batch_size : int
        Samples in a forward pass, for a Dataset or arrays.
    loss : Loss, optional
        Cross entropy of `Module.scores` by default.
    metrics : dict of functions, optional
        Other figures, as for `fit`: ``metrics={"f1": f1_score}``.
    session : bool
        Whether to run the model as an `InferenceSession`, as `predict` does.

    Returns
    -------
    Evaluation
        Mean loss and accuracy, a pair; other figures are in its ``metrics``.

    Raises
    ------
    TypeError
        If an argument has a wrong type.
    ValueError
        If there are no samples or their shape does not fit the model, or targets are names and the
        model has none.

    Warns
    -----
    RuntimeWarning
        If scores or losses are NaN or infinite, with the batch and the layer.
    """
    model = model_of("evaluate", model)
    if y is not None and carries_targets(data):
        raise TypeError(
            "[evaluate] y goes with samples x alone: the data have targets of their own; "
            "batch_size and loss are given by name"
        )
    wanted = metrics_of("evaluate", metrics, _Evaluation._fields)
    known = names_of(model)
    given = data_of("evaluate", "data", data, y, model, known)
    if not known and getattr(given, "named", False):
        raise ValueError(
            "[evaluate] y holds names, and the model does not know which class each one is: train "
            "it with names, or set model.metadata = {'classes': [...]}"
        )
    passes = passes_of("evaluate", model, session)
    meter = measure(model, given, batch_size=batch_size, loss=loss, metrics=wanted, passes=passes)
    if meter.unanswered:
        warn(
            f"[evaluate] {meter.unanswered:,} of {meter.samples:,} samples have no answer, which "
            f"counts as a wrong one, because their scores are not finite: {meter.where}"
        )
    elif meter.where:
        warn(f"[evaluate] the loss is {meter.loss}: {meter.where}")
    return Evaluation(meter.loss, meter.accuracy, meter.figures("evaluate"))


def measure(
    model: Module,
    data: Data,
    *,
    batch_size: int = BATCH_SIZE,
    loss: AnyLoss | None = None,
    classes: Sequence[str] = (),
    metrics: Mapping[str, Metric] | None = None,
    passes: ForwardPasses | None = None,
) -> Meter:
    """Measure as `evaluate` does data with targets, but leave the warnings to the caller.

    `classes` are names of the classes, where they are not those in the metadata of the model.
    `passes` compute the outputs; by default the model does, or a plan of it.
    """
    passes = passes_of("evaluate", model) if passes is None else passes
    criterion = mean_loss(loss, "evaluate")
    source = batches_of(data, batch_size) if isinstance(data, Dataset) else data
    if isinstance(source, Batches):
        source = copy.copy(source)  # a pass advances it, and a training may be using it
    meter = Meter(criterion, model, metrics)
    passes.to_come = length_of(source)
    with one_pass(source, prepare=preparing_for("evaluate", model, classes)) as batches:
        for number, (x, y) in enumerate(batches, start=1):
            with between_steps(model, criterion):
                output = passes.run(x)
                judged = model.scores(output) if loss is None else output
                value = loss_value("evaluate", criterion(judged, moved(y, model._placed())))
                meter.add(value, output, y)
                if not meter.where and (
                    meter.unanswered or (meter.weight and not math.isfinite(meter.loss))
                ):
                    meter.where = first_nonfinite(model, x, y, number)
    if meter.samples == 0:
        raise ValueError("the data set is empty")
    return meter


def forward(model: Module, x: Any) -> Any:
    """Compute the outputs of a batch; an error about its dtype says what is needed."""
    try:
        inputs = moved(x, model._placed())
        return model.forward(*inputs) if isinstance(x, tuple) else model.forward(inputs)
    except TypeError as error:
        check_inputs(model, x)
        if not isinstance(x, tuple) and (hint := samples_hint(x, model.input_dtype)):
            raise TypeError(f"{error}; {hint}") from error
        raise


def passes_of(owner: str, model: Module, session: Any = False) -> ForwardPasses:
    """Return what computes the outputs of batches: a session, if it is wanted, the model or a plan.

    Raises
    ------
    TypeError
        If `session` is not a bool.
    ValueError
        If a session is wanted of a session.
    """
    is_wanted = flag(owner, "session", session)
    if isinstance(model, SessionModel):
        if is_wanted:
            raise ValueError(f"[{owner}] session=True makes a session of a model, and is given one")
        given = model.session
        return ForwardPasses(owner, model, lambda _, x: given.run(x), may_plan=False)
    if not is_wanted:
        return ForwardPasses(owner, model, forward)
    from pycnn.training.kept_sessions import run_session  # which only programs with sessions need

    def run(model: Module, x: Any) -> Any:
        return run_session(owner, model, moved(x, model._placed()))

    return ForwardPasses(owner, model, run, may_plan=False)


def why_not_repeated(model: Module, x: Any) -> str:
    """Return why `predict` would leave batches like this one to Python; empty if it plans them."""
    passes = passes_of("predict", model)
    passes.to_come = 2 * BATCHES_TO_COME_IF_TRIED
    for _ in range(3):
        with between_steps(model):
            passes.run(x)
    return passes.reason


def moved(values: Any, device: str) -> Any:
    """Return the arrays of a batch on a device."""
    return mapped(lambda array: move(array, device), values)


def loss_value(owner: str, value: Any) -> float:
    """Return the value of a loss as a float."""
    try:
        return float(value)
    except (TypeError, ValueError):
        kind = type(value).__name__
        raise TypeError(f"[{owner}] the loss must give one number, gave {kind}") from None


def mean_loss(loss: AnyLoss | None, owner: str = "fit") -> Loss:
    """Return `loss`, or cross entropy for None; refuse one whose value is not a batch mean."""
    criterion: Any = CrossEntropyLoss() if loss is None else loss
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
    checked: Loss = criterion
    return checked
