"""Callbacks that change the learning rate, save now and then, call functions, mind the time."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from math import inf
from string import Formatter
from time import perf_counter
from typing import Any

from pycnn._arguments import at_least_zero, file_name, integer, positive, real, written
from pycnn._files import check_replaceable, check_writable
from pycnn.training.callbacks import Callback
from pycnn.training.history import EpochRecord
from pycnn.training.monitor import Monitor
from pycnn.training.run import TrainingRun
from pycnn.training.unwritten import Unwritten


class ReduceLROnPlateau(Callback):
    """Lower the learning rate of each group when a figure has not improved for some epochs.

    For an optimizer without a schedule, which would set the rate itself. Patience and `min_delta`
    are those of Keras: PyTorch's scheduler of this name waits for one epoch more, and its threshold
    is a share of the best figure.

    Parameters
    ----------
    monitor : str
        Figure of the records, as for `EarlyStopping`.
    factor : float in (0, 1)
        What the rates are multiplied by.
    patience : int
        Epochs without improvement after which they fall.
    min_delta : float
        Smallest change that is an improvement.
    cooldown : int
        Epochs after a fall that do not count.
    min_lr : float
        Where they stop to fall.
    mode : {'auto', 'min', 'max'}
        As for `EarlyStopping`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range; when the training begins, if there is
        no such figure, or a schedule.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        mode: str = "auto",
    ) -> None:
        owner = "ReduceLROnPlateau"
        self.factor = real(owner, "factor", factor)
        if not 0 < self.factor < 1:
            raise ValueError(f"[{owner}] factor must be in (0, 1), got {factor}")
        self.patience = integer(owner, "patience", patience, 1, inf)
        self.cooldown = integer(owner, "cooldown", cooldown, 0, inf)
        self.min_lr = at_least_zero(owner, "min_lr", min_lr)
        self._monitor = Monitor(owner, monitor, min_delta, mode)
        self._counted_from = 0  # the epoch after which epochs without improvement count

    def on_train_begin(self, run: TrainingRun, validated: bool) -> None:
        """Forget an earlier run."""
        if run.scheduled:
            raise ValueError(
                "[ReduceLROnPlateau] the schedule of fit sets the learning rate of each step; give "
                "fit an optimizer and no schedule"
            )
        self._monitor.reset(run, validated)
        self._counted_from = run.epoch

    def on_epoch_end(self, run: TrainingRun, record: EpochRecord) -> None:
        """Lower the rates, if it is time."""
        if self._monitor.improved(record):
            self._counted_from = max(self._counted_from, record.epoch)
        elif record.epoch - self._counted_from >= self.patience:
            for group in run.optimizer.param_groups:
                group["lr"] = min(group["lr"], max(group["lr"] * self.factor, self.min_lr))
            self._counted_from = record.epoch + self.cooldown

    def state_dict(self) -> dict[str, Any]:
        """Return the best epoch, and since when epochs count."""
        return {"monitor": self._monitor.state_dict(), "from": self._counted_from}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the state of an earlier process."""
        self._monitor.load_state_dict(state["monitor"])
        self._counted_from = state["from"]


class Checkpoint(Callback):
    """Save the model with `pycnn.save` after every few epochs.

    To resume a training, give `pycnn.fit` its own `checkpoint`.

    Parameters
    ----------
    path : path
        The file. ``{epoch}`` in its name is replaced by the number of the epoch, as
        `str.format` does: ``model-{epoch:03}.safetensors``. Without it, the file is replaced.
    every : int
        Epochs from one file to the next.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, or the name has other fields than ``{epoch}``.
    OSError
        If the file cannot be written at the beginning.

    Warns
    -----
    RuntimeWarning
        If a file cannot be written later, as on a full disk, only once until a write succeeds
        again; the training goes on.
    """

    def __init__(self, path: str | os.PathLike[str], every: int = 1) -> None:
        self.path = file_name("Checkpoint", "path", path)
        self.every = integer("Checkpoint", "every", every, 1, inf)
        try:
            fields = [field for _, field, _, _ in Formatter().parse(self.path) if field is not None]
            if any(field != "epoch" for field in fields):
                raise ValueError(f"it holds {{{next(f for f in fields if f != 'epoch')}}}")
            self.file_of(1)
        except ValueError as error:
            raise ValueError(
                f"[Checkpoint] path {written(self.path)} may hold {{epoch}} only: {error}"
            ) from None
        self._unwritten = Unwritten("[Checkpoint]", path)

    def file_of(self, epoch: int) -> str:
        """Return the file of an epoch."""
        return self.path.format(epoch=epoch)

    def on_train_begin(self, run: TrainingRun, validated: bool) -> None:
        """Check that a file can be written."""
        if run.rank == 0:
            first = self.file_of(run.epoch + 1)
            check_replaceable(first)
            check_writable(first)

    def on_epoch_end(self, run: TrainingRun, record: EpochRecord) -> None:
        """Save, if it is time."""
        from pycnn.io import save

        if record.epoch % self.every == 0 and run.rank == 0:
            with self._unwritten.told(f": epoch {record.epoch} is not kept"):
                save(self.file_of(record.epoch), run.model)


class LambdaCallback(Callback):
    """Call functions during the training, without a class of one's own.

    Parameters
    ----------
    on_train_begin : function of (run, validated), optional
    on_backward, on_step, on_train_end : function of run, optional
    on_epoch_end : function of (run, record), optional
        When they are called is said at `Callback`.

    Raises
    ------
    TypeError
        If one is no function.
    """

    def __init__(
        self,
        on_train_begin: Callable[[TrainingRun, bool], Any] | None = None,
        on_backward: Callable[[TrainingRun], Any] | None = None,
        on_step: Callable[[TrainingRun], Any] | None = None,
        on_epoch_end: Callable[[TrainingRun, EpochRecord], Any] | None = None,
        on_train_end: Callable[[TrainingRun], Any] | None = None,
    ) -> None:
        given = {
            "on_train_begin": on_train_begin,
            "on_backward": on_backward,
            "on_step": on_step,
            "on_epoch_end": on_epoch_end,
            "on_train_end": on_train_end,
        }
        for name, function in given.items():
            if function is None:
                continue
            if not callable(function):
                raise TypeError(
                    f"[LambdaCallback] {name} must be a function, got {written(function)}"
                )
            setattr(self, name, function)


class TimeLimit(Callback):
    """Stop before the time is up: after the epoch that the next one, as long, would exceed it.

    Parameters
    ----------
    seconds : float
        Time for `fit`, with validation and everything else, in this process: a training that is
        resumed has as much again.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = positive("TimeLimit", "seconds", seconds)
        self._start = self._last = 0.0
        self._longest = 0.0
        self._reason: str | None = None
        self._run: TrainingRun | None = None

    def on_train_begin(self, run: TrainingRun, validated: bool) -> None:
        """Start the clock."""
        self._start = self._last = perf_counter()
        self._longest, self._reason, self._run = 0.0, None, run

    def on_epoch_end(self, run: TrainingRun, record: EpochRecord) -> None:
        """Stop, if there is no time for another epoch."""
        now = perf_counter()
        self._longest, self._last = max(self._longest, now - self._last), now
        spent = now - self._start
        if run.epoch < run.epochs and spent + self._longest > self.seconds:
            self._reason = (
                f"no time for another epoch: {spent:.0f} of {self.seconds:g} seconds have passed"
            )
            run.stop(self._reason)

    def state_dict(self) -> dict[str, Any]:
        """Return why it has stopped the training."""
        return {"reason": self._reason}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let a training that it has stopped go on."""
        if self._run is not None and state["reason"] is not None:
            history = self._run.history
            if history.stop_reason == state["reason"]:
                history.stop_reason = None
