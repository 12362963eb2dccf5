"""The steps and epochs of the training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from pycnn._arguments import at_least_zero
from pycnn._progress import ProgressBar
from pycnn._streams import warn
from pycnn.data import Batches
from pycnn.devices import move
from pycnn.layers.later import Change, changes_kept
from pycnn.layers.turns import Turn
from pycnn.loader import one_pass
from pycnn.optim import Schedule, clip_grad_norm
from pycnn.training.callbacks import Callback, TerminateOnNaN
from pycnn.training.captured_step import CapturedStep
from pycnn.training.evaluation import Data, Loss, Meter, forward, measure
from pycnn.training.history import EpochRecord
from pycnn.training.run import Run
from pycnn.training.watch import Watch


def _overridden(callbacks: Sequence[Callback], name: str) -> list[Callable[[Run], None]]:
    """Give this method of the callbacks that have one of their own."""
    own = [c for c in callbacks if getattr(type(c), name) is not getattr(Callback, name)]
    return [getattr(callback, name) for callback in own]


@dataclass
class Trainer:
    """Takes the steps of a training, epoch by epoch."""

    run: Run
    batches: Iterable[tuple[Any, Any]]
    loss: Loss
    schedule: Schedule | None
    total_steps: int
    callbacks: Sequence[Callback]
    max_grad_norm: float | None

    def __post_init__(self) -> None:
        # Most callbacks do nothing in a step, and then a step does nothing for them.
        self.before_step = _overridden(self.callbacks, "on_backward")
        inside = [callback for callback in self.callbacks if callback.changes_model]
        outside = [callback for callback in self.callbacks if not callback.changes_model]
        self.end_of_step = _overridden(inside, "on_step")
        self.after_step = _overridden(outside, "on_step")
        # Parameters that are not trained get gradients too; nothing else would clear them.
        trained = {id(parameter) for parameter in self.run.optimizer.params}
        self.frozen = [p for p in self.run.model.parameters() if id(p) not in trained]
        self.captured: CapturedStep | None = None
        self.stopped = False  # by a callback, before an update
        stops = any(isinstance(callback, TerminateOnNaN) for callback in self.callbacks)
        self.watch = Watch(self.run, self.loss, stops)

    def capture(self) -> None:
        """Let the steps to come be captured."""
        if self.before_step or self.max_grad_norm is not None:
            wants = "a callback with on_backward" if self.before_step else "max_grad_norm"
            raise ValueError(
                f"[fit] {wants} needs the gradients before the update, which a captured step "
                "(cuda_graph=True) does not stop for"
            )
        # It refuses a loss that is not one of ours.
        loss: Any = self.loss
        self.captured = CapturedStep(self.run.model, loss, self.run.optimizer)

    def epoch(self, validation: Data | None, progress: bool) -> None:
        """Train for one epoch, validate, and add a record to the history."""
        run, history = self.run, self.run.history
        samples = len(self.batches.data) if isinstance(self.batches, Batches) else None
        label = f"epoch {run.epoch}/{run.epochs}"
        bar = ProgressBar(label, samples, progress)
        try:
            start = perf_counter()
            with one_pass(self.batches) as source:
                meter = self._steps(source, bar)
            seconds = perf_counter() - start
            if history.stop_reason is not None:
                return
            if meter.samples == 0:
                hint = " (a generator lasts for one epoch: give a list)" if run.epoch > 1 else ""
                raise ValueError(f"epoch {run.epoch} has no training data{hint}")
            measured = None
            if validation is not None:
                measured = measure(run.model, validation, loss=self.loss)
            record = EpochRecord(
                epoch=run.epoch,
                loss=meter.loss,
                accuracy=meter.accuracy,
                val_loss=None if measured is None else measured.loss,
                val_accuracy=None if measured is None else measured.accuracy,
                learning_rate=run.optimizer.lr,
                seconds=seconds,
                samples_per_second=meter.samples / seconds,
            )
            history.records.append(record)
            bar.finish(f"{label}: {record.describe(run.validation)}")
        finally:
            bar.close()
        self.watch.epoch(meter, measured)
        for callback in self.callbacks:
            callback.on_epoch_end(run, record)

    def _steps(self, source: Iterable[tuple[Any, Any]], bar: ProgressBar) -> Meter:
        """Train on every batch; returns their figures."""
        run, schedule = self.run, self.schedule
        meter = Meter(self.loss, run.model)
        step = Turn(run.model, alone=True)
        for run.batch_number, (x, y) in enumerate(source, start=1):
            if schedule is not None:
                rate = schedule(run.step, self.total_steps)
                run.optimizer.lr = at_least_zero("[fit] learning rate of the schedule", rate)
            # Who evaluates the model in another thread sees it before or after, not in between.
            with step.taken():
                learned = self._learn(x, y, meter, step, bar)
                if learned:
                    run.step += 1
                    for hook in self.end_of_step:
                        hook(run)
            if self.stopped:
                break
            if not learned:
                continue
            for hook in self.after_step:
                hook(run)
            bar.update(meter.samples, meter.loss, meter.accuracy)
        return meter

    def _look(self, x: Any, y: Any, output: Any, bar: ProgressBar, *, updated: bool) -> None:
        """Warn of a loss that shows a broken training."""
        if not abs(self.run.loss) <= self.watch.limit:  # nor is a NaN
            text = self.watch.step(x, y, output, updated=updated)
            if text is not None:
                bar.clear()
                warn(text)

    def _learn(self, x: Any, y: Any, meter: Meter, step: Turn, bar: ProgressBar) -> bool:
        """Take a step; returns whether the parameters were updated."""
        run, criterion = self.run, self.loss
        model, optimizer = run.model, run.optimizer
        if self.captured is not None and meter.batch_weight(y):
            run.loss = self.captured(x, y)
            meter.add(run.loss, self.captured.output, y)
            self._look(x, y, self.captured.output, bar, updated=True)
            return True
        with changes_kept() as changes:
            output = forward(model, x)
        run.loss = float(criterion(output, move(y, model.device)))
        if not meter.add(run.loss, output, y):
            _make(changes)
            return False  # all of its targets are ignored: there is nothing to learn from it
        optimizer.zero_grad()
        for parameter in self.frozen:
            parameter.grad = None
        model.backward_parameters(criterion.backward())
        self._look(x, y, output, bar, updated=False)
        if self.before_step:
            run.batch = x, y
            with step.paused():  # a hook may wait for a thread that evaluates
                for hook in self.before_step:
                    hook(run)
            self.stopped = run.history.stop_reason is not None
            if self.stopped:
                return False
        if self.max_grad_norm is not None:
            clip_grad_norm(optimizer.params, self.max_grad_norm)
        _make(changes)
        optimizer.step()
        return True


def _make(changes: Sequence[Change]) -> None:
    """Make what a forward pass has left to be changed."""
    for change in changes:
        change()
