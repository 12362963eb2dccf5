"""Callbacks of `fit`: stop early, keep the best weights, write a log, stop at the first NaN."""

from __future__ import annotations

import math
import os

import numpy as np

from pycnn._arguments import at_least_zero, choice, flag, integer
from pycnn.devices import sum_of_squares
from pycnn.layers.parameter import Array, Parameter, gradient_values
from pycnn.training.history import EpochRecord
from pycnn.training.nonfinite import first_nonfinite
from pycnn.training.run import Run


class Callback:
    """Base class; training calls these methods in the order in which they stand here."""

    def on_layer(self, text: str) -> None:
        """After a layer has learned without gradients, before `fit`, with a line about it."""

    def on_train_begin(self, run: Run, validated: bool) -> None:
        """Before the first epoch; `validated` says whether there is validation data."""

    def on_backward(self, run: Run) -> None:
        """Before each update, with ``run.batch``, ``run.loss`` and all gradients in place."""

    def on_step(self, run: Run) -> None:
        """After each update of the parameters."""

    def on_epoch_end(self, run: Run, record: EpochRecord) -> None:
        """After each finished epoch, with its record."""

    def on_train_end(self, run: Run) -> None:
        """After the last epoch, also when training was stopped or interrupted."""


class _Monitor:
    """Follows one field of the records and tells whether it got better."""

    def __init__(self, owner: str, field: str, min_delta: float = 0.0) -> None:
        fields = [name for name in EpochRecord._fields if name.endswith(("loss", "accuracy"))]
        self.field = choice(f"[{owner}] monitor", field, fields)
        self.min_delta = at_least_zero(f"[{owner}] min_delta", min_delta)
        self.sign = -1.0 if field.endswith("loss") else 1.0
        self.reset(True)

    def reset(self, validated: bool) -> None:
        """Start a run."""
        if self.field.startswith("val_") and not validated:
            raise ValueError(f"monitor {self.field!r} needs validation data")
        self.best = -math.inf
        self.best_epoch = 0

    def improved(self, record: EpochRecord) -> bool:
        """Whether this record beats the best one; a NaN never does."""
        value = getattr(record, self.field)
        if value is None or not self.sign * value > self.best + self.min_delta:
            return False
        self.best = self.sign * value
        self.best_epoch = record.epoch
        return True


class EarlyStopping(Callback):
    """Stop when a figure has not improved for some epochs.

    Parameters
    ----------
    monitor : str
        Field of the records: ``val_loss``, ``val_accuracy``, ``loss`` or ``accuracy``.
    patience : int
        Epochs without improvement after which to stop.
    min_delta : float
        Smallest change that is an improvement.
    restore_best : bool
        Whether the model gets the parameters of its best epoch back in the end.

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If an argument is out of range, or there is no validation data to monitor.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        restore_best: bool = False,
    ) -> None:
        self.patience = integer("EarlyStopping", "patience", patience, 1, math.inf)
        self.restore_best = flag("[EarlyStopping] restore_best", restore_best)
        self._monitor = _Monitor("EarlyStopping", monitor, min_delta)
        self._best_state: dict[str, Array] | None = None

    def on_train_begin(self, run: Run, validated: bool) -> None:
        """Forget an earlier run."""
        self._monitor.reset(validated)
        self._best_state = None

    def on_epoch_end(self, run: Run, record: EpochRecord) -> None:
        """Stop, or remember the best epoch."""
        if self._monitor.improved(record):
            if self.restore_best:
                state = run.model.state_dict()
                self._best_state = {name: array.copy() for name, array in state.items()}
        elif record.epoch - self._monitor.best_epoch >= self.patience:
            run.stop(
                f"{self._monitor.field} has not improved since epoch {self._monitor.best_epoch}"
            )

    def on_train_end(self, run: Run) -> None:
        """Give the model its best parameters back."""
        if self._best_state is not None:
            run.model.load_state_dict(self._best_state)


class BestCheckpoint(Callback):
    """Save the model with `pycnn.save` whenever a figure is the best so far.

    Parameters
    ----------
    path : path
        The checkpoint, replaced each time.
    monitor : str
        Field of the records: ``val_loss``, ``val_accuracy``, ``loss`` or ``accuracy``.

    Raises
    ------
    ValueError
        If the monitor is unknown, or there is no validation data to monitor.
    """

    def __init__(self, path: str | os.PathLike[str], monitor: str = "val_loss") -> None:
        self.path = path
        self._monitor = _Monitor("BestCheckpoint", monitor)

    def on_train_begin(self, run: Run, validated: bool) -> None:
        """Forget an earlier run."""
        self._monitor.reset(validated)

    def on_epoch_end(self, run: Run, record: EpochRecord) -> None:
        """Save if this epoch is the best."""
        from pycnn.io import save

        if self._monitor.improved(record):
            save(self.path, run.model)


class CSVLog(Callback):
    """Keep the history in a CSV file, up to date after each epoch.

    Parameters
    ----------
    path : path
        The file; it is replaced as a whole, so it is never half a line.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path

    def on_epoch_end(self, run: Run, record: EpochRecord) -> None:
        """Write the history so far."""
        run.history.to_csv(self.path)


class TerminateOnNaN(Callback):
    """Stop before the update that would spoil the parameters, and name the layer at fault.

    The loss and all gradients of each step are looked at. If one of them is NaN or infinite,
    the batch goes through the model once more, layer by layer, and ``history.stop_reason`` tells
    the first parameter, output or (from the last layer back) gradient that is not finite. The
    parameters stay those of the step before.
    """

    def on_backward(self, run: Run) -> None:
        """Look at the loss and the gradients of a step."""
        with np.errstate(over="ignore", invalid="ignore"):
            if math.isfinite(run.loss) and all(map(_finite_gradient, run.optimizer.params)):
                return
        assert run.batch is not None
        where = first_nonfinite(run.model, run.batch[0])
        loss = "" if math.isfinite(run.loss) else f"the loss is {run.loss}: "
        run.stop(f"epoch {run.epoch}, step {run.step + 1}: {loss}{where}")


def _finite_gradient(parameter: Parameter) -> bool:
    if parameter.grad is None:
        return True
    grad = gradient_values(parameter.grad)
    if not isinstance(grad, np.ndarray):
        return math.isfinite(sum_of_squares(grad))  # which cannot overflow by itself
    # The sum is not finite if a term is not; it can overflow by itself, hence the second look.
    return math.isfinite(grad.sum()) or bool(np.isfinite(grad).all())
