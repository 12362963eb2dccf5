"""Callbacks of `fit`: stop early, keep the best weights, write a log, stop at the first NaN."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from pycnn._arguments import file_name, flag, integer
from pycnn._described import Described
from pycnn._files import check_replaceable, check_writable
from pycnn._streams import warn
from pycnn.layers.parameter import Array, Parameter, gradient_values
from pycnn.layers.state import copied_state
from pycnn.training.history import EpochRecord
from pycnn.training.monitor import Monitor
from pycnn.training.nonfinite import first_nonfinite, is_finite
from pycnn.training.run import TrainingRun
from pycnn.training.unwritten import Unwritten


class Callback(Described):
    """Base class; training calls these methods in the order given here.

    They run between the steps: other threads may evaluate the model meanwhile, and a callback may
    wait for such a thread. ``on_backward`` runs in the middle of a step: no other thread changes
    the model, or a part of it, meanwhile, and it must not wait for one that would.

    Attributes
    ----------
    changes_model : bool
        Whether ``on_step`` changes the parameters. It then belongs to the step and runs before the
        ``on_step`` of other callbacks; no other thread evaluates the model in between, so it must
        not wait for one.
    ends_first : bool
        Whether ``on_train_end`` runs before that of other callbacks.
    """

    changes_model: bool = False
    ends_first: bool = False

    def on_layer(self, text: str) -> None:
        """Take a line about a layer that learns before `fit`: while it learns, and at its end."""

    def on_train_begin(self, run: TrainingRun, validated: bool) -> None:
        """Run before the first epoch; `validated` says whether there is validation data."""

    def on_backward(self, run: TrainingRun) -> None:
        """Run before each update, with ``run.batch``, ``run.loss`` and all gradients in place."""

    def on_step(self, run: TrainingRun) -> None:
        """Run after each update of the parameters."""

    def on_measure(self, run: TrainingRun) -> None:
        """Run after the last step of an epoch, before the model is measured."""

    def on_epoch_end(self, run: TrainingRun, record: EpochRecord) -> None:
        """Run after each finished epoch, with its record."""

    def on_measured(self, run: TrainingRun, record: EpochRecord | None) -> None:
        """Undo `on_measure`: run after `on_epoch_end` of all callbacks, before a checkpoint.

        The last callback is the first here, as each finds what it has left in `on_measure`.
        There is no record if the epoch was interrupted while it was measured.
        """

    def on_train_end(self, run: TrainingRun) -> None:
        """Run after the last epoch, also when training was stopped or interrupted."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint of the training must keep for this callback.

        Dicts, lists, tuples, strings, numbers, None and NumPy arrays; empty by default. Keys are
        strings, numbers, None or tuples of them. The state is taken between steps and written at
        once, so arrays need not be copied.
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the result of `state_dict`, after `on_train_begin`, when training is resumed.

        It is equal and has the same types, except that subclasses, such as named tuples, come back
        as their base type, and arrays of a device as NumPy arrays.
        """


class EarlyStopping(Callback):
    """Stop when a figure has not improved for some epochs.

    Parameters
    ----------
    monitor : str
        Figure of the records: ``val_loss``, ``val_accuracy``, ``loss``, ``accuracy``, or that of a
        metric, such as ``val_f1``.
    patience : int
        Epochs without improvement after which to stop.
    min_delta : float
        Smallest change that is an improvement.
    restore_best : bool
        Whether to restore the parameters of the best epoch at the end, as most people want it: the
        last epochs are those without improvement. It takes the memory of one more model.
    mode : {'auto', 'min', 'max'}
        Whether a smaller or a larger figure is better; by default smaller for losses and for
        metrics that say so (`pycnn.training.Metric`).

    Raises
    ------
    TypeError
        If an argument has a wrong type.
    ValueError
        If an argument is out of range, or there is nothing to monitor: no validation data, or at
        the end of the first epoch no accuracy, as in a regression.

    Warns
    -----
    RuntimeWarning
        At the end, with `restore_best`, if the figure was never finite: no epoch is the best.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        restore_best: bool = True,
        mode: str = "auto",
    ) -> None:
        self.patience = integer("EarlyStopping", "patience", patience, 1, math.inf)
        self.restore_best = flag("EarlyStopping", "restore_best", restore_best)
        self._monitor = Monitor("EarlyStopping", monitor, min_delta, mode)
        self._best_state: dict[str, Array] | None = None
        self._begun = 0  # epochs of earlier calls

    def _made_of(self) -> Mapping[str, Any]:
        return self._monitor.arguments()

    def on_train_begin(self, run: TrainingRun, validated: bool) -> None:
        """Forget an earlier run."""
        self._monitor.reset(run, validated)
        self._begun = run.epoch
        self._best_state = None

    def on_epoch_end(self, run: TrainingRun, record: EpochRecord) -> None:
        """Stop, or remember the best epoch."""
        if self._monitor.improved(record):
            if self.restore_best:
                self._best_state = copied_state(run.model)
        elif record.epoch - max(self._monitor.best_epoch, self._begun) >= self.patience:
            run.stop(self._monitor.failure())

    def on_train_end(self, run: TrainingRun) -> None:
        """Restore the model's best parameters."""
        if self._best_state is not None:
            run.model.load_state_dict(self._best_state)
        elif self.restore_best and len(run.history) and not self._monitor.best_epoch:
            warn(f"[EarlyStopping] there is no best epoch to restore: {self._monitor.failure()}")

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch, and its parameters if they are to be restored."""
        return {"monitor": self._monitor.state_dict(), "parameters": self._best_state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the best epoch of an earlier process."""
        self._monitor.load_state_dict(state["monitor"])
        self._best_state = state["parameters"]


class BestCheckpoint(Callback):
    """Save the model with `pycnn.save` whenever a figure is the best so far.

    Parameters
    ----------
    path : path
        The checkpoint, replaced each time.
    monitor : str
        Figure of the records: ``val_loss``, ``val_accuracy``, ``loss``, ``accuracy``, or that of a
        metric, such as ``val_f1``.
    mode : {'auto', 'min', 'max'}
        As for `EarlyStopping`.

    Raises
    ------
    ValueError
        If there is nothing to monitor: no such figure or no validation data when the training
        begins, or at the end of the first epoch no accuracy, as in a regression. If the file is a
        device or a pipe.
    OSError
        If the file cannot be written at the beginning.

    Warns
    -----
    RuntimeWarning
        At the end, if the figure was never finite: nothing was saved. If the file cannot be written
        later, as on a full disk, only once until a write succeeds again; the training goes on.
    """

    def __init__(
        self, path: str | os.PathLike[str], monitor: str = "val_loss", mode: str = "auto"
    ) -> None:
        self.path = file_name("BestCheckpoint", "path", path)
        self._monitor = Monitor("BestCheckpoint", monitor, mode=mode)
        self._unwritten = Unwritten("[BestCheckpoint]", path)

    def _made_of(self) -> Mapping[str, Any]:
        return self._monitor.arguments()

    def on_train_begin(self, run: TrainingRun, validated: bool) -> None:
        """Forget an earlier run; check that the file can be written."""
        self._monitor.reset(run, validated)
        if run.rank == 0:
            check_replaceable(self.path)
            check_writable(self.path)

    def on_epoch_end(self, run: TrainingRun, record: EpochRecord) -> None:
        """Save if this epoch is the best."""
        from pycnn.io import save

        if self._monitor.improved(record) and run.rank == 0:
            with self._unwritten.told(": this epoch, the best so far, is not kept"):
                save(self.path, run.model)

    def on_train_end(self, run: TrainingRun) -> None:
        """Warn if nothing was saved."""
        if len(run.history) and not self._monitor.best_epoch:
            warn(
                f"[BestCheckpoint] {os.fspath(self.path)} was not written: "
                f"{self._monitor.failure()}"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch."""
        return self._monitor.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the best epoch of an earlier process, which wrote the file."""
        self._monitor.load_state_dict(state)


class CSVLog(Callback):
    """Keep the history in a CSV file, up to date after each epoch.

    Parameters
    ----------
    path : path
        The file; it is replaced as a whole, so it never ends in half a line.

    Raises
    ------
    OSError
        If the file cannot be written at the beginning.

    Warns
    -----
    RuntimeWarning
        If it cannot be written later, as on a full disk, only once until a write succeeds again;
        the training goes on.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = file_name("CSVLog", "path", path)
        self._unwritten = Unwritten("[CSVLog]", path)

    def on_train_begin(self, run: TrainingRun, validated: bool) -> None:
        """Check that the file can be written."""
        if run.rank == 0:
            check_writable(self.path)

    def on_epoch_end(self, run: TrainingRun, record: EpochRecord) -> None:
        """Write the history so far."""
        if run.rank == 0:
            with self._unwritten.told():
                run.history.to_csv(self.path)


class TerminateOnNaN(Callback):
    """Stop before the update that would spoil the parameters, and name the layer at fault.

    The loss and all gradients of each step are checked. If one of them is NaN or infinite, the
    batch passes through the model once more, layer by layer, and ``history.stop_reason`` names the
    first parameter, output or (from the last layer back) gradient that is not finite. The
    parameters stay as the step before left them.
    """

    def on_backward(self, run: TrainingRun) -> None:
        """Check the loss and the gradients of a step."""
        if math.isfinite(run.loss) and all(map(_finite_gradient, run.optimizer.params)):
            return
        assert run.batch is not None
        where = first_nonfinite(run.model, *run.batch, run.batch_number, trained=True)
        loss = "" if math.isfinite(run.loss) else f"the loss is {run.loss}: "
        run.stop(f"epoch {run.epoch}, step {run.step + 1}: {loss}{where}")


def _finite_gradient(parameter: Parameter) -> bool:
    return parameter.gradient is None or is_finite(gradient_values(parameter.gradient))
