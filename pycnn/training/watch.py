"""Notice a training that goes wrong, and warn of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pycnn._streams import warn
from pycnn.devices import on_cpu
from pycnn.losses import CrossEntropyLoss, NLLLoss
from pycnn.losses.base import OpLoss
from pycnn.training.answers import are_probabilities
from pycnn.training.checks import softmax_at_the_end
from pycnn.training.evaluation import Loss
from pycnn.training.meter import Meter
from pycnn.training.nonfinite import first_nonfinite, in_batch, nonfinite_state
from pycnn.training.run import TrainingRun

# A loss this many times that of guessing is not part of a learning curve: the cross entropy of
# guesses is log C, and outputs that are confidently wrong cost a few times that; a learning rate
# far too high ends at thousands.
BEYOND = 10.0

# With these, the loss of guesses does not depend on the model.
_OF_CLASSES = (CrossEntropyLoss, NLLLoss)


class Watch:
    """Checks each loss, and the model after each epoch; warns once of each kind of trouble.

    A step without trouble costs one comparison.

    Parameters
    ----------
    run : TrainingRun
        The training.
    loss : Loss
        Its loss.
    stops : bool
        Whether a callback stops the training at the first NaN, and says why.

    Attributes
    ----------
    limit : float
        Losses of at most this absolute value are not looked into.
    """

    def __init__(self, run: TrainingRun, loss: Loss, stops: bool) -> None:
        self.limit = -math.inf
        self._run, self._loss, self._stops = run, loss, stops
        self._cost = 0.0  # the loss of guessing
        self._scale = ""  # size of the inputs, if their loss is far too high from the start
        self._told: set[str] = set()
        # An array that holds infinity from the start, such as a mask, may do so on purpose.
        self._before = set(nonfinite_state(run.model))

    def step(self, x: Any, y: Any, output: Any, *, updated: bool = False) -> str | None:
        """Look into a step whose loss is beyond the limit; return the text of a warning or None.

        Parameters
        ----------
        x, y, output : arrays
            The batch, and the outputs for it.
        updated : bool
            Whether the step has already updated the parameters.
        """
        run = self._run
        if math.isfinite(run.loss):
            first, guess = self._cost == 0.0, self._guess(output, y)
            # The loss of guessing classes is known; for other losses take the first one.
            if first and not isinstance(self._loss, _OF_CLASSES):
                self._cost = abs(run.loss)
            # A batch may cost more than the first because of its targets, not of the model.
            self._cost = max(self._cost, guess)
            self.limit = BEYOND * self._cost
            if first and run.loss > self.limit:
                self._scale = _scale_of(x, run.loss)
            return self._softmax(output) if first else None
        if (self._stops and not updated) or not self._first("nan"):
            return None
        if updated:
            where = in_batch(x, y, run.batch_number) or (
                "the captured step has updated the parameters since: cuda_graph=False names the "
                "layer"
            )
        else:
            where = first_nonfinite(run.model, x, y, run.batch_number, trained=True)
        return (
            f"[fit] the loss of batch {run.batch_number} of epoch {run.epoch} is {run.loss}: "
            f"{where}; the training goes on, but pycnn.training.TerminateOnNaN() stops it there"
        )

    def epoch(self, meter: Meter, measured: Meter | None) -> None:
        """Warn of trouble in the figures of an epoch, and in the model after it."""
        run, loss = self._run, meter.loss
        if not meter.weight and self._first("nothing"):
            warn(
                f"[fit] no target of epoch {run.epoch} counts: each is ignored, or its class has "
                "weight 0; nothing was learned from them"
            )
        # Without any finite loss there is no limit.
        if self._cost > 0 and self.limit < loss < math.inf and self._first("diverged"):
            rate = f"a lower learning rate (the last was {run.optimizer.lr:.3g}) or max_grad_norm"
            warn(
                f"[fit] the training diverges: the mean loss of epoch {run.epoch} is {loss:.4g}, "
                f"while a model that knows nothing has {self._cost:.4g}; "
                + (self._scale or f"{rate} may help")
            )
        if "nan" in self._told:
            return
        broken = [name for name in nonfinite_state(run.model) if name not in self._before]
        if broken and self._first("nan"):
            warn(f"[fit] after epoch {run.epoch} {broken[0]} holds NaN or infinity")
        elif measured is not None and not math.isfinite(measured.loss) and self._first("measured"):
            warn(f"[fit] after epoch {run.epoch} {_why(measured)}")

    def state_dict(self) -> dict[str, Any]:
        """Return the limit, the values behind it, and the kinds of warnings given."""
        return {
            "limit": self.limit,
            "cost": self._cost,
            "scale": self._scale,
            "told": sorted(self._told),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the state of an earlier process."""
        self.limit, self._cost, self._told = state["limit"], state["cost"], set(state["told"])
        self._scale = state.get("scale", "")  # not in older checkpoints

    def _first(self, kind: str) -> bool:
        """Return whether this is the first trouble of its kind, and remember it."""
        first = kind not in self._told
        self._told.add(kind)
        return first

    def _softmax(self, output: Any) -> str | None:
        """Warn of a ``forward`` that ends in a softmax, which the loss applies itself."""
        if not isinstance(self._loss, CrossEntropyLoss) or softmax_at_the_end(self._run.model):
            return None  # `fit` has warned of that layer
        if not are_probabilities(on_cpu(output)) or not self._first("softmax"):
            return None
        return (
            "[fit] the outputs of the model are probabilities, whose sum is 1 for each sample, but "
            "CrossEntropyLoss applies the softmax itself: let forward return the scores before it, "
            "and use pycnn.predict_proba"
        )

    def _guess(self, output: Any, y: Any) -> float:
        """Return the loss of outputs that are all alike, or 1 for a loss not from pycnn.losses."""
        if not isinstance(self._loss, OpLoss) or type(self._loss).__call__ is not OpLoss.__call__:
            return 1.0
        alike = np.full(output.shape, self._loss._alike(output.shape), np.float32)
        value, _ = self._loss._value(alike, on_cpu(y))
        return float(value) if math.isfinite(value) else 0.0


def _scale_of(x: Any, loss: float) -> str:
    """Say that the loss of the first batch was already too high, and how large its numbers are."""
    values = on_cpu(x[0] if isinstance(x, tuple) else x)
    text = f"it was {loss:.4g} in the first batch already: are the inputs scaled?"
    if values.dtype.kind != "f" or not values.size:
        return text
    return f"{text} The largest number in that batch is {float(np.abs(values).max()):.4g}"


def _why(measured: Meter) -> str:
    """Say why the loss of the validation data is not finite."""
    if not measured.weight:
        return "no target of the validation data counts: they measure nothing"
    return f"the loss of the validation data is {measured.loss}: {measured.where}"
