"""The steps and epochs of the training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from pycnn._arguments import at_least_zero
from pycnn._progress import Progress, ProgressBar
from pycnn._streams import warn
from pycnn.data import Batches, Dataset
from pycnn.layers.later import Change, changes_kept, make
from pycnn.layers.turns import Turn
from pycnn.loader import one_pass
from pycnn.optim import Schedule, clip_grad_norm, clip_grad_value
from pycnn.training.accumulation import Part, Totals, scaled, updates_of, windows
from pycnn.training.callbacks import Callback, TerminateOnNaN
from pycnn.training.captured_step import CapturedStep
from pycnn.training.checkpoint import Checkpoint
from pycnn.training.evaluation import Loss, forward, loss_value, measure, moved
from pycnn.training.given import Data, length_of, preparing_for
from pycnn.training.history import EpochRecord
from pycnn.training.interrupt import Gate
from pycnn.training.meter import Meter, samples_in
from pycnn.training.planner import Planner, planner_of_fit
from pycnn.training.processes import Alone
from pycnn.training.run import TrainingRun
from pycnn.training.state import Inside, begin, training_state
from pycnn.training.watch import Watch
from pycnn.training.weights import WeightedLoss


def _has(callback: Callback, name: str) -> bool:
    """Return whether a callback overrides a method."""
    method = getattr(callback, name)  # a function of the object's own, if it has one
    return getattr(method, "__func__", None) is not getattr(Callback, name)


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
    classes: Sequence[str] = ()  # their names, where targets are names
    accumulate: int = 1
    max_grad_value: float | None = None

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
        self.measuring = [
            callback
            for callback in self.callbacks
            if _has(callback, "on_measure") or _has(callback, "on_measured")
        ]
        self.is_measured = False  # whether their on_measure has run, and on_measured has not
        self.captured: CapturedStep | None = None
        self.planner: Planner | None = None
        if self.processes.size == 1:
            forget, scales = self._forget_gradients, self.accumulate > 1
            self.planner = planner_of_fit(self.run, self.loss, forget, scales=scales)
        self.stopped = False  # by a callback, before an update
        self.initial_lr = self.run.optimizer.lr
        self.inside: Inside | None = None  # the current epoch
        self.resumed: Inside | None = None  # the epoch that a checkpoint was made in
        stops = any(isinstance(callback, TerminateOnNaN) for callback in self.callbacks)
        # What is measured, and compared with guessing, is not weighted.
        self.plain = self.loss.plain if isinstance(self.loss, WeightedLoss) else self.loss
        self.watch = Watch(self.run, self.plain, stops)

    def _forget_gradients(self) -> None:
        self.run.optimizer.zero_grad()
        for parameter in self.frozen:
            parameter.gradient = None

    def new_meter(self) -> Meter:
        """Return a meter that has counted nothing."""
        return Meter(self.loss, self.run.model, self.run.metrics)

    def capture(self) -> None:
        """Capture the steps from here on."""
        limits = {"max_grad_norm": self.max_grad_norm, "max_grad_value": self.max_grad_value}
        wants = [name for name, limit in limits.items() if limit is not None]
        wants += ["a callback with on_backward"] if self.before_step else []
        if self.accumulate > 1:
            raise ValueError("[fit] cuda_graph: a captured step updates after each batch")
        if wants:
            raise ValueError(
                f"[fit] {wants[-1]} needs the gradients before the update, which a captured step "
                "(cuda_graph=True) does not stop for"
            )
        # CapturedStep refuses a loss that is not one of pycnn.losses.
        loss: Any = self.loss
        if self.run.model._placed() == "cpu":
            raise ValueError(
                "[fit] cuda_graph: the model is on the CPU, which has no CUDA graphs: "
                'model.to("cuda") moves it'
            )
        self.captured = CapturedStep(self.run.model, loss, self.run.optimizer)

    def skip(self, epochs: int) -> None:
        """Begin after the epochs of earlier calls."""
        self.run.epoch = epochs
        self.run.step = epochs * updates_of(length_of(self.batches) or 0, self.accumulate)
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
        samples = self.batches.samples if isinstance(self.batches, Batches) else None
        label = f"epoch {run.epoch}/{run.epochs}"
        bar = ProgressBar(label, samples, progress)
        try:
            inside.start = perf_counter()
            prepare = preparing_for("fit", run.model, self.classes)
            with one_pass(self.batches, inside.batches, prepare) as source:
                self._steps(self.processes.steps(source, inside.batches), inside, bar)
            inside.seconds, inside.start = inside.elapsed(), None
            history.stop_reason = self.processes.text(history.stop_reason)
            if history.stop_reason is not None:
                return
            meter = self.processes.total(inside.meter)
            if meter.samples == 0:
                hint = " (a generator lasts for one epoch: give a list)" if run.epoch > 1 else ""
                raise ValueError(f"[fit] epoch {run.epoch} has no training data{hint}")
            self.processes.end_of_pass(run.model)  # again in `save`: callbacks may change the model
            with self.gate:
                self._set_measured(True)
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
                metrics=_figures(meter, measured),
            )
            self.processes.ask_for_signals()
            bar.finish(f"{label}: {record.describe(run.validation)}")
            with self.gate:
                history.records.append(record)
                self.watch.epoch(meter, measured)
                for callback in self.callbacks:
                    callback.on_epoch_end(run, record)
                history.stop_reason = self.processes.text(history.stop_reason)
                self._set_measured(False, record)
                self.inside = None
                self.save()
        finally:
            self._set_measured(False)
            bar.close()

    def _set_measured(self, value: bool, record: EpochRecord | None = None) -> None:
        """Call on_measure of the callbacks, or on_measured if that is still to be done."""
        if value == self.is_measured or not self.measuring:
            return
        # A thread that evaluates the model sees it before or after, not in between.
        with Turn(self.run.model, alone=True).taken():
            self.is_measured = value
            if value:
                for callback in self.measuring:
                    callback.on_measure(self.run)
                return
            for callback in reversed(self.measuring):  # what was changed last is undone first
                callback.on_measured(self.run, record)

    def _measure(self, validation: Data) -> Meter:
        """Measure the model on the validation data; each process measures its part."""
        if isinstance(validation, Dataset) and not len(validation) and self.processes.size > 1:
            own = Meter(self.plain, self.run.model, self.run.metrics)
        else:
            own = measure(
                self.run.model,
                validation,
                loss=self.plain,
                classes=self.classes,
                metrics=self.run.metrics,
            )
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
        for parts in windows(source, self.accumulate):
            run.batch_number = inside.batches + len(parts)
            with self.gate:
                updated = self._step(parts, inside, turn, bar)
            if self.stopped:
                break
            if updated:
                bar.update(meter.samples * self.processes.size, meter.loss, meter.accuracy)

    def _step(self, parts: list[Part], inside: Inside, turn: Turn, bar: ProgressBar) -> bool:
        """Take a step, with what surrounds it; return whether it updated the parameters."""
        run, schedule = self.run, self.schedule
        if schedule is not None:
            rate = schedule(run.step, self.total_steps)
            run.optimizer.lr = at_least_zero("fit", "learning rate of the schedule", rate)
        self._choose(inside.batches)
        # A thread that evaluates the model sees it before or after the step, not in between.
        with turn.taken():
            updated = self._learn(parts, inside.meter, turn, bar)
            if updated:
                run.step += 1
                for hook in self.end_of_step:
                    hook(run)
        inside.batches += len(parts)
        if updated:
            for hook in self.after_step:
                hook(run)
            if self.checkpoint is not None and self.checkpoint.due(run.step):
                self.save()
        return updated

    def _choose(self, batch: int) -> None:
        """Choose the weights of the samples of a batch, where they have some."""
        if isinstance(self.loss, WeightedLoss) and self.inside is not None:
            self.loss.choose(self.inside.number, batch)

    def _look(self, x: Any, y: Any, output: Any, bar: ProgressBar, *, updated: bool) -> None:
        """Warn of a loss that shows a broken training."""
        if not abs(self.run.loss) <= self.watch.limit:  # true for NaN, too
            text = self.watch.step(x, y, output, updated=updated)
            if not math.isfinite(self.run.loss):  # the same in all processes
                text = self.processes.text(text)
            if text is not None:
                bar.clear()
                warn(text)

    def _learn(self, parts: list[Part], meter: Meter, turn: Turn, bar: ProgressBar) -> bool:
        """Take a step; return whether the parameters were updated."""
        run, optimizer = self.run, self.run.optimizer
        x, y = parts[-1]
        if self.captured is not None and meter.batch_weight(y):
            run.loss = self.captured(x, y)
            meter.add(run.loss, self.captured.output, y)
            self._look(x, y, self.captured.output, bar, updated=True)
            return True
        if len(parts) == 1:
            output, changes, weight = self._gradients(x, y, meter)
            run.loss, weight = self.processes.sum_gradients(run.loss, weight)
        else:
            (x, y), output, changes, weight = self._accumulated(parts, meter)
        if not weight:
            make(changes)
            return False  # all targets are ignored: there is nothing to learn
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
        if self.max_grad_value is not None:
            clip_grad_value(optimizer.params, self.max_grad_value)
        make(changes)
        if self.planner is None:
            optimizer.step()
        else:
            self.planner.take_update()
        return True

    def _gradients(
        self, x: Any, y: Any, meter: Meter, share: float | None = None, *, first: bool = True
    ) -> tuple[Any, list[Change], float]:
        """Compute the gradients of a batch, as one of several with the given share if there is one.

        Return the outputs, the changes that are still to be made, and the weight of the batch. The
        `first` of several batches forgets the gradients of the step before.
        """
        run, model, criterion = self.run, self.run.model, self.loss
        if self.planner is not None:
            self.planner.share = 1.0 if share is None else share
            with changes_kept(copying=self.accumulate > 1) as changes:
                found = self.planner.step(x, y)
            if found is not None:
                run.loss, output = found
                return output, changes, meter.add(run.loss, output, y)
        with self.processes.part(samples_in(y)):
            with changes_kept() as changes:
                output = forward(model, x)
            run.loss = loss_value("fit", criterion(output, moved(y, model._placed())))
            weight = meter.add(run.loss, output, y) if self.processes.counts else 0.0
            if weight or self.processes.size > 1:
                if first:
                    self._forget_gradients()
                gradient = criterion.backward()
                gradient = gradient if share is None else scaled(gradient, share)
                model.backward_parameters(self.processes.weighted(gradient, weight))
        return output, changes, weight

    def _accumulated(
        self, parts: list[Part], meter: Meter
    ) -> tuple[Part, Any, list[Change], float]:
        """Add up the gradients of several batches, as those of the mean over all their samples.

        Return a batch, the last or the first whose loss is not finite; the rest as `_gradients`.
        """
        first = self.run.batch_number - len(parts)  # in the epoch, from 0
        weights = []
        for number, (_, y) in enumerate(parts, first):
            self._choose(number)
            weights.append(float(meter.batch_weight(y)))
        total = math.fsum(weights)
        made: list[Change] = []
        # Gradients of several processes have a home of their own, where they are added up.
        alone = self.processes.size == 1
        totals = Totals([*self.run.optimizer.params, *self.frozen])
        loss, begun, shown = 0.0, False, (parts[-1], None)
        for number, (x, y) in enumerate(parts, first):
            self._choose(number)
            share = weights[number - first] / total if total else 0.0
            output, changes, weight = self._gradients(x, y, meter, share, first=alone or not begun)
            made += changes
            if weight:
                begun = True
                if alone:
                    totals.add(copied=self.planner is not None)
                if math.isfinite(loss):
                    shown = (x, y), output
                loss += share * self.run.loss
        self.run.loss = loss
        if alone:
            totals.give()
        return *shown, made, total


def _figures(trained: Meter, measured: Meter | None) -> dict[str, float]:
    """Return the figures of the metrics, those of the validation data by names of their own."""
    found = trained.figures("fit")
    if measured is not None:
        found |= {f"val_{name}": value for name, value in measured.figures("fit").items()}
    return found
