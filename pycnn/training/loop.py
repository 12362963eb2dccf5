"""The training loop."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import dataclass
from math import inf
from time import perf_counter
from typing import Any

from pycnn._arguments import at_least_zero, flag, integer, number
from pycnn.data import Augment, Batches, Dataset
from pycnn.devices import move
from pycnn.layers.module import Module
from pycnn.loader import batches_of, one_pass
from pycnn.optim import Adam, OneCycle, Optimizer, Schedule, clip_grad_norm
from pycnn.training.callbacks import Callback
from pycnn.training.checks import check_kinds, check_outputs, warn_of_softmax
from pycnn.training.evaluation import Data, Loss, Meter, check_data, evaluate, mean_loss
from pycnn.training.history import EpochRecord, History
from pycnn.training.progress import ProgressBar
from pycnn.training.run import Run

# Largest learning rate of the default optimizer: the best of 0.002, 0.003 and 0.005 for LeNet-5
# on MNIST in 3 epochs of batches of 64.
DEFAULT_PEAK = 3e-3


def fit(
    model: Module,
    train: Data,
    validation: Data | None = None,
    *,
    epochs: int = 1,
    batch_size: int = 64,
    optimizer: Optimizer | None = None,
    loss: Loss | None = None,
    schedule: Schedule | None = None,
    callbacks: Sequence[Callback] = (),
    seed: int = 0,
    progress: bool = True,
    max_grad_norm: float | None = None,
    augment: Augment | None = None,
) -> History:
    """Train a model.

    Parameters
    ----------
    model : Module
        Trained in place. A model in evaluation mode is put in training mode; in one in training
        mode, layers that alone are in evaluation mode stay in it, such as a frozen `BatchNorm2d`.
    train : Dataset or iterable of (x, y)
        Training data. A data set is shuffled for each epoch, and its batches come from a
        `pycnn.DataLoader` where they are not in memory as they are; an iterable of batches is gone
        through once an epoch, as it is (a generator lasts for one epoch only).
    validation : Dataset or iterable of (x, y), optional
        Measured at the end of each epoch.
    epochs : int
        Passes over the training data.
    batch_size : int
        Samples in a step, for a Dataset; the last batch of an epoch holds the rest.
    optimizer : Optimizer, optional
        Adam by default; without a schedule, on the one-cycle schedule with its peak at 0.003.
    loss : Loss, optional
        ``CrossEntropyLoss()`` by default.
    schedule : function of (step, total_steps), optional
        Learning rate of each step, as from `pycnn.optim`; the optimizer's own by default.
    callbacks : sequence of Callback
        See `pycnn.training.callbacks`.
    seed : int
        Seed of shuffling and dropout. The same seed gives the same bits.
    progress : bool
        Whether to show a bar, if stderr is a terminal.
    max_grad_norm : float, optional
        Limit for `pycnn.optim.clip_grad_norm`.
    augment : function of (x, rng), optional
        Changes each training batch at random, as from `pycnn.augment`; for a Dataset.

    Returns
    -------
    History
        A record for each finished epoch. After Ctrl-C the history so far, with ``interrupted``
        set, and a RuntimeWarning; the model keeps what it has learned, in the unfinished epoch
        too, of which there is no record.

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If there is no training data, a number is out of range, a schedule is given with an
        iterable of unknown length, the optimizer is for another model, the data does not fit the
        model, or its outputs are no scores for cross entropy and no loss is given.

    Warns
    -----
    RuntimeWarning
        If the model ends in a Softmax layer and the loss is cross entropy, which applies the
        softmax itself; after Ctrl-C.
    """
    integer("fit", "epochs", epochs, 1)
    integer("fit", "seed", seed, 0, inf)
    flag("[fit] progress", progress)
    check_kinds(model, optimizer, schedule, callbacks)
    check_data("fit", "train", train)
    if validation is not None:
        check_data("fit", "validation", validation)
    if max_grad_norm is not None and not number("max_grad_norm", max_grad_norm) > 0:
        raise ValueError(f"[fit] max_grad_norm must be positive, got {max_grad_norm}")
    if loss is None:
        check_outputs(model)
    criterion = mean_loss(loss)
    warn_of_softmax(model, criterion)
    batches = _batches(train, batch_size, seed, augment)
    if optimizer is None:
        optimizer = Adam(model.parameters())
        if schedule is None and isinstance(batches, Sized):
            schedule = OneCycle(DEFAULT_PEAK)
    total_steps = 0
    if schedule is not None:
        if not isinstance(batches, Sized):
            raise ValueError("a schedule needs training data with a length, in batches")
        total_steps = epochs * len(batches)
    run = Run(model, optimizer, epochs)
    history = run.history
    trainer = _Trainer(run, batches, criterion, schedule, total_steps, callbacks, max_grad_norm)

    for callback in callbacks:
        callback.on_train_begin(run, validation is not None)
    try:
        while run.epoch < epochs and history.stop_reason is None:
            run.epoch += 1
            if not model.training:
                model.train()
            model.reseed([seed, run.epoch, 1])
            trainer.epoch(validation, progress)
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        model.forget()  # a step that was not finished holds every layer's input
    for callback in callbacks:
        callback.on_train_end(run)
    if history.interrupted:
        # A script that goes on as if it had finished should at least be heard.
        warnings.warn(
            f"[fit] interrupted in epoch {run.epoch} of {epochs}; "
            "the model keeps what it has learned, in this epoch too, of which there is no record",
            RuntimeWarning,
            stacklevel=2,
        )
    return history


def _batches(
    train: Data, batch_size: int, seed: int, augment: Augment | None
) -> Iterable[tuple[Any, Any]]:
    """Give what an epoch goes through."""
    if isinstance(train, Dataset):
        return batches_of(train, batch_size, seed, augment)
    if augment is not None:
        raise ValueError("[fit] augment needs a Dataset: batches of your own come as they are")
    return train


def _overridden(callbacks: Sequence[Callback], name: str) -> list[Callable[[Run], None]]:
    """Give this method of the callbacks that have one of their own."""
    own = [c for c in callbacks if getattr(type(c), name) is not getattr(Callback, name)]
    return [getattr(callback, name) for callback in own]


@dataclass
class _Trainer:
    """What every step needs and no step changes."""

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
        self.after_step = _overridden(self.callbacks, "on_step")
        # Parameters that are not trained get gradients too; nothing else would clear them.
        trained = {id(parameter) for parameter in self.run.optimizer.params}
        self.frozen = [p for p in self.run.model.parameters() if id(p) not in trained]

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
                measured = evaluate(run.model, validation, loss=self.loss)
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
            bar.finish(f"{label}: {record}")
        finally:
            bar.close()
        for callback in self.callbacks:
            callback.on_epoch_end(run, record)

    def _steps(self, source: Iterable[tuple[Any, Any]], bar: ProgressBar) -> Meter:
        """Train on every batch; returns their figures."""
        run, criterion, schedule = self.run, self.loss, self.schedule
        model, optimizer, history = run.model, run.optimizer, run.history
        meter, device = Meter(criterion, model), model.device
        for x, y in source:
            if schedule is not None:
                rate = schedule(run.step, self.total_steps)
                optimizer.lr = at_least_zero("[fit] learning rate of the schedule", rate)
            output = model.forward(move(x, device))
            run.loss = float(criterion(output, move(y, device)))
            if not meter.add(run.loss, output, y):
                continue  # all of its targets are ignored: there is nothing to learn from it
            optimizer.zero_grad()
            for parameter in self.frozen:
                parameter.grad = None
            model.backward_parameters(criterion.backward())
            if self.before_step:
                run.batch = x, y
                for hook in self.before_step:
                    hook(run)
                if history.stop_reason is not None:
                    break
            if self.max_grad_norm is not None:
                clip_grad_norm(optimizer.params, self.max_grad_norm)
            optimizer.step()
            run.step += 1
            for hook in self.after_step:
                hook(run)
            bar.update(meter.samples, meter.loss, meter.accuracy)
        return meter
