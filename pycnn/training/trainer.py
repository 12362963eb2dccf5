"""The steps and epochs of the training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from pycnn._arguments import at_least_zero
from pycnn._progress import Progress, ProgressBar
from pycnn._streams import warn
from pycnn.data import Batches, Dataset
from pycnn.devices import move
from pycnn.layers.later import Change, changes_kept
from pycnn.layers.turns import Turn
from pycnn.loader import one_pass
from pycnn.optim import Schedule, clip_grad_norm
from pycnn.training.callbacks import Callback, TerminateOnNaN
from pycnn.training.captured_step import CapturedStep
from pycnn.training.checkpoint import Checkpoint
from pycnn.training.evaluation import Data, Loss, forward, loss_value, measure
from pycnn.training.history import EpochRecord
from pycnn.training.interrupt import Gate
from pycnn.training.meter import Meter
from pycnn.training.processes import Alone
from pycnn.training.run import TrainingRun
from pycnn.training.state import Inside, begin, training_state
from pycnn.training.watch import Watch


def _has(callback: Callback, name: str) -> bool:
    """Return whether a callback overrides a method."""
    return getattr(type(callback), name) is not getattr(Callback, name)


def _overridden(callbacks: Sequence[Callback], name: str) -> list[Callable[[TrainingRun], None]]:
    """Return this method of the callbacks that override it."""
    return [getattr(callback, name) for callback in callbacks if _has(callback, name)]


@dataclass
class Trainer:
    """Takes the steps of a training, epoch by epoch."""

    run: TrainingRun
    batches: Iterable[tuple[Any, Any]]
    loss: Loss
    schedule: Schedule | None
    total_steps: int
    callbacks: Sequence[Callback]
    max_grad_norm: float | None
    checkpoint: Checkpoint | None = None
    gate: Gate = field(default_factory=Gate)
    processes: Alone = field(default_factory=Alone)

    def __post_init__(self) -> None:
        # Most callbacks do nothing in a step: do not call those.
        self.before_step = _overridden(self.callbacks, "on_backward")
        self.looking = [callback for callback in self.callbacks if _has(callback, "on_backward")]
        inside = [callback for callback in self.callbacks if callback.changes_model]
        outside = [callback for callback in self.callbacks if not callback.changes_model]
        self.end_of_step = _overridden(inside, "on_step")
        self.after_step = _overridden(outside, "on_step")
        # Parameters that are not trained get gradients too; nothing else would clear them.
        trained = {id(parameter) for parameter in self.run.optimizer.params}
        self.frozen = [p for p in self.run.model.parameters() if id(p) not in trained]
        self.captured: CapturedStep | None = None
        self.stopped = False  # by a callback, before an update
        self.initial_lr = self.run.optimizer.lr
        self.inside: Inside | None = None  # the current epoch
        self.resumed: Inside | None = None  # the epoch that a checkpoint was made in
        stops = any(isinstance(callback, TerminateOnNaN) for callback in self.callbacks)
        self.watch = Watch(self.run, self.loss, stops)

    def capture(self) -> None:
        """Capture the steps from here on."""
        if self.before_step or self.max_grad_norm is not None:
            wants = "a callback with on_backward" if self.before_step else "max_grad_norm"
            raise ValueError(
                f"[fit] {wants} needs the gradients before the update, which a captured step "
                "(cuda_graph=True) does not stop for"
            )
        # CapturedStep refuses a loss that is not one of pycnn.losses.
        loss: Any = self.loss
        self.captured = CapturedStep(self.run.model, loss, self.run.optimizer)

    def skip(self, epochs: int) -> None:
        """Begin after the epochs of earlier calls."""
        self.run.epoch = epochs
        if isinstance(self.batches, Sized):
            self.run.step = epochs * len(self.batches)
        if isinstance(self.batches, Batches):
            self.batches.epoch = epochs

    def begin(self, seed: int) -> None:
        """Begin the next epoch, or go on with the one that a checkpoint was made in."""
        run = self.run
        run.epoch += 1
        if not run.model.training:
            run.model.train()
        run.model.reseed([seed, run.epoch, 1])
        self.inside = begin(self)

    def epoch(self, validation: Data | None, progress: Progress) -> None:
        """Train for the epoch that was begun, validate, and add a record to the history.

        Ctrl-C and similar signals end it between two steps, or while it waits for data or measures.
        """
        run, history, inside = self.run, self.run.history, self.inside
        assert inside is not None
        samples = len(self.batches.data) if isinstance(self.batches, Batches) else None
        label = f"epoch {run.epoch}/{run.epochs}"
        bar = ProgressBar(label, samples, progress)
        try:
            inside.start = perf_counter()
            with one_pass(self.batches, inside.batches) as source:
                self._steps(self.processes.steps(source, inside.batches), inside, bar)
            inside.seconds, inside.start = inside.elapsed(), None
            history.stop_reason = self.processes.text(history.stop_reason)
            if history.stop_reason is not None:
                return
            meter = self.processes.total(inside.meter)
            if meter.samples == 0:
                hint = " (a generator lasts for one epoch: give a list)" if run.epoch > 1 else ""
                raise ValueError(f"epoch {run.epoch} has no training data{hint}")
            self.processes.end_of_pass(run.model)  # again in `save`: callbacks may change the model
            measured = None if validation is None else self._measure(validation)
            record = EpochRecord(
                epoch=run.epoch,
                loss=meter.loss,
                accuracy=meter.accuracy,
                val_loss=None if measured is None else measured.loss,
                val_accuracy=None if measured is None else measured.accuracy,
                learning_rate=run.optimizer.lr,
                seconds=inside.seconds,
                samples_per_second=meter.samples / inside.seconds,
            )
            self.processes.ask_for_signals()
            bar.finish(f"{label}: {record.describe(run.validation)}")
        finally:
            bar.close()
        with self.gate:
            history.records.append(record)
            self.watch.epoch(meter, measured)
            for callback in self.callbacks:
                callback.on_epoch_end(run, record)
            history.stop_reason = self.processes.text(history.stop_reason)
            self.inside = None
            self.save()

    def _measure(self, validation: Data) -> Meter:
        """Measure the model on the validation data; each process measures its part."""
        if isinstance(validation, Dataset) and not len(validation) and self.processes.size > 1:
            own = Meter(self.loss, self.run.model)
        else:
            own = measure(self.run.model, validation, loss=self.loss)
        return self.processes.total(own)

    def save(self) -> None:
        """Write a checkpoint, if there is one to write."""
        if self.checkpoint is None:
            return
        run, inside = self.run, self.inside
        when = f"epoch {run.epoch}" + ("" if inside is None else f", batch {inside.batches}")
        self.processes.end_of_pass(run.model)
        state = training_state(self)
        if self.processes.first:
            self.checkpoint.write(run.model, state, when)

    def _steps(self, source: Iterable[tuple[Any, Any]], inside: Inside, bar: ProgressBar) -> None:
        """Train on every batch that is left."""
        run, meter = self.run, inside.meter
        turn = Turn(run.model, alone=True)
        for run.batch_number, (x, y) in enumerate(source, start=inside.batches + 1):
            with self.gate:
                updated = self._step(x, y, inside, turn, bar)
            if self.stopped:
                break
            if updated:
                bar.update(meter.samples * self.processes.size, meter.loss, meter.accuracy)

    def _step(self, x: Any, y: Any, inside: Inside, turn: Turn, bar: ProgressBar) -> bool:
        """Take a step, with what surrounds it; return whether it updated the parameters."""
        run, schedule = self.run, self.schedule
        if schedule is not None:
            rate = schedule(run.step, self.total_steps)
            run.optimizer.lr = at_least_zero("fit", "learning rate of the schedule", rate)
        # A thread that evaluates the model sees it before or after the step, not in between.
        with turn.taken():
            updated = self._learn(x, y, inside.meter, turn, bar)
            if updated:
                run.step += 1
                for hook in self.end_of_step:
                    hook(run)
        inside.batches += 1
        if updated:
            for hook in self.after_step:
                hook(run)
            if self.checkpoint is not None and self.checkpoint.due(run.step):
                self.save()
        return updated

    def _look(self, x: Any, y: Any, output: Any, bar: ProgressBar, *, updated: bool) -> None:
        """Warn of a loss that shows a broken training."""
        if not abs(self.run.loss) <= self.watch.limit:  # true for NaN, too
            text = self.watch.step(x, y, output, updated=updated)
            if not math.isfinite(self.run.loss):  # the same in all processes
                text = self.processes.text(text)
            if text is not None:
                bar.clear()
                warn(text)

    def _learn(self, x: Any, y: Any, meter: Meter, turn: Turn, bar: ProgressBar) -> bool:
        """Take a step; return whether the parameters were updated."""
        run, criterion = self.run, self.loss
        model, optimizer = run.model, run.optimizer
        if self.captured is not None and meter.batch_weight(y):
            run.loss = self.captured(x, y)
            meter.add(run.loss, self.captured.output, y)
            self._look(x, y, self.captured.output, bar, updated=True)
            return True
        with self.processes.part(len(y)):
            with changes_kept() as changes:
                output = forward(model, x)
            run.loss = loss_value("fit", criterion(output, move(y, model.device)))
            weight = meter.add(run.loss, output, y) if self.processes.counts else 0.0
            if not weight and self.processes.size == 1:
                _make(changes)
                return False  # all targets are ignored: there is nothing to learn
            optimizer.zero_grad()
            for parameter in self.frozen:
                parameter.grad = None
            model.backward_parameters(self.processes.weighted(criterion.backward(), weight))
        run.loss, weight = self.processes.sum_gradients(run.loss, weight)
        if not weight:
            _make(changes)
            return False
        self._look(x, y, output, bar, updated=False)
        if self.before_step:
            run.batch = x, y
            history = run.history
            # A reason from an earlier step ends the training after the epoch.
            earlier, history.stop_reason = history.stop_reason, None
            with turn.paused():  # a hook may wait for a thread that evaluates (not one that trains)
                for hook in self.before_step:
                    hook(run)
            reason = self.processes.stop_reason(history.stop_reason, self.looking)
            self.stopped = reason is not None
            history.stop_reason = reason if self.stopped else earlier
            if self.stopped:
                return False
        if self.max_grad_norm is not None:
            clip_grad_norm(optimizer.params, self.max_grad_norm)
        _make(changes)
        optimizer.step()
        return True


def _make(changes: Sequence[Change]) -> None:
    """Make the changes that a forward pass has postponed."""
    for change in changes:
        change()
