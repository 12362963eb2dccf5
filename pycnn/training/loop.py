"""The training loop."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence, Sized
from math import inf
from typing import TYPE_CHECKING, Any

from pycnn._arguments import flag, integer, number
from pycnn._progress import Progress, progress_wish, show
from pycnn._streams import warn
from pycnn.data import Augment, Dataset
from pycnn.devices import backend
from pycnn.layers.modes import own_modes
from pycnn.layers.module import Module
from pycnn.loader import batches_of
from pycnn.optim import Adam, OneCycle, Optimizer, Schedule
from pycnn.training.callbacks import Callback
from pycnn.training.checkpoint import Checkpoint, Found, check_place, understood
from pycnn.training.checks import (
    check_checkpoint,
    check_files,
    check_kinds,
    check_lasting,
    check_outputs,
    warn_of_softmax,
)
from pycnn.training.evaluation import Data, Loss, check_data, mean_loss
from pycnn.training.history import History
from pycnn.training.processes import processes_of
from pycnn.training.run import TrainingRun
from pycnn.training.same import data_settings, model_settings, other_settings
from pycnn.training.state import check_resumable, restore, training_state
from pycnn.training.trainer import Trainer

if TYPE_CHECKING:
    from mpi4py import MPI

    from pycnn.distributed import Ranks

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
    progress: Progress = "auto",
    max_grad_norm: float | None = None,
    augment: Augment | None = None,
    cuda_graph: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int | None = None,
    resume: bool = False,
    on_checkpoint_error: str = "warn",
    initial_epoch: int = 0,
    schedule_epochs: int | None = None,
    distributed: bool | Ranks | MPI.Intracomm = False,
) -> History:
    """Train a model.

    Parameters
    ----------
    model : Module
        Trained in place. A model in evaluation mode is put in training mode. In a model in training
        mode, single layers in evaluation mode stay there, such as a frozen `BatchNorm2d`. A mode
        that another thread sets meanwhile holds for that thread only, until the training ends.
    train : Dataset or iterable of (x, y)
        Training data. A Dataset is shuffled for each epoch; if its samples are not ready in memory,
        its batches come from a `pycnn.DataLoader`. An iterable of batches is used as it is, once an
        epoch (a generator lasts for one epoch only).
    validation : Dataset or iterable of (x, y), optional
        Measured at the end of each epoch (a generator lasts for one epoch only).
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
    progress : bool or 'auto'
        Whether to show how the training goes, and where a resumed one goes on: with 'auto' a bar in
        a terminal or a Jupyter notebook, and elsewhere a line for each epoch, at level INFO of
        ``logging.getLogger("pycnn")``. True draws the bar on any stderr, also in a file.
    max_grad_norm : float, optional
        Limit for `pycnn.optim.clip_grad_norm`.
    augment : function of (x, rng), optional
        Changes each training batch at random, as from `pycnn.augment`; for a Dataset.
    cuda_graph : bool
        Whether to capture the steps on a GPU (see `pycnn.training.CapturedStep`, also for what
        cannot be captured, such as an `Embedding`): less waiting for small networks, the same bits,
        more memory. Callbacks then see no gradients before the update.
    checkpoint : path, optional
        File for all that is needed to resume the training: model, optimizer, position, random
        states, figures, history, states of the callbacks. It is replaced as a whole at the end of
        each epoch and after Ctrl-C. `pycnn.load` reads the model in it.
    every : int, optional
        Updates after which the checkpoint is also replaced within an epoch.
    resume : bool
        Whether to go on from the checkpoint, to the same bits as a training that was never stopped.
        If there is no such file, the training begins; if the training had finished, its history is
        returned at once. `epochs` may differ if the schedule gives the steps already taken the same
        rates; everything else must be the same. An iterable has to make the batches already used
        again, to be skipped; a Dataset does not. An iterable whose own random numbers go on from
        pass to pass gives other batches in a new process, and so other bits: derive them from the
        number of the pass.
    on_checkpoint_error : {'warn', 'raise'}
        What happens when the checkpoint cannot be written, as on a full disk: a RuntimeWarning, or
        the OSError ends the training. The last good checkpoint stays. (A checkpoint that cannot be
        written at the beginning is always an error.)
    initial_epoch : int
        Epochs already done by earlier calls with the same optimizer. `epochs` counts them, the
        order of the data and the schedule continue after them, and steps are counted as if each
        batch had been one. ``fit(..., epochs=2)`` and then ``fit(..., epochs=4, initial_epoch=2)``
        equal one ``fit(..., epochs=4)``, with the same bits, if the callbacks keep no state.
    schedule_epochs : int, optional
        Epochs that the schedule spans, `epochs` by default: 4 in the first of those two calls.
    distributed : bool, mpi4py.MPI.Intracomm or pycnn.distributed.Ranks
        Whether the processes that a launcher such as mpiexec has started train one model together,
        each calling this function with the same arguments: all of them (True), those of a
        communicator, or those of a `pycnn.distributed.Ranks`. `batch_size` counts the samples of
        all ranks: a Dataset gives the same batches for any number of ranks, and each rank takes a
        part of each. Batches of an iterable are the part of the rank that makes them. Every rank
        gets the same history except for the times; only rank 0 shows progress and writes files.

    Returns
    -------
    History
        A record for each finished epoch. After Ctrl-C the history so far, with ``interrupted``
        set, and a RuntimeWarning; the model keeps what it has learned, also in the unfinished
        epoch, which has no record. Ctrl-C ends the training between two steps (a second one at
        once) in the main thread, unless the program has its own handler for SIGINT.

    Raises
    ------
    TypeError
        If an argument has a wrong type.
    ValueError
        If there is no training data, a number is out of range, a schedule is given with an
        iterable of unknown length, the optimizer is for another model, the data does not fit the
        model, or its outputs are not scores for cross entropy and no loss is given; if the
        checkpoint is corrupt or of another training (the text names both values). With
        `cuda_graph`, if the model is on the CPU, or something needs gradients before the update:
        `max_grad_norm`, or a callback that has ``on_backward``.
    OSError
        If the checkpoint cannot be written at the beginning, or later with
        ``on_checkpoint_error="raise"``, or read.
    RuntimeError
        With `cuda_graph`, if the model needs the CPU in the middle of a step. With `distributed`,
        if the ranks come to train different models.
    DistributedError
        A ValueError: with `distributed`, if there is no MPI or only one rank, if the ranks were
        asked for different trainings, or if there are fewer samples than ranks. An error of a
        single rank ends all processes, with its text.

    Warns
    -----
    RuntimeWarning
        If the model ends in a Softmax layer and the loss is cross entropy, which applies the
        softmax itself; after Ctrl-C; if the checkpoint cannot be written, only once until a write
        succeeds again. Once each for: a loss that is NaN or infinite, with the batch and the value
        or layer at fault (unless `TerminateOnNaN` names it); NaN or infinity in parameters or
        buffers after an epoch; a mean loss ten times that of a model that knows nothing; an epoch
        in which no target counts; validation data whose loss is not finite.
    """
    processes = processes_of(distributed)
    with processes.guarded():
        integer("fit", "epochs", epochs, 1)
        integer("fit", "initial_epoch", initial_epoch, 0, epochs)
        check_checkpoint(checkpoint, every, resume, on_checkpoint_error)
        integer("fit", "seed", seed, 0, inf)
        progress = progress_wish("fit", progress)
        check_kinds(model, optimizer, schedule, callbacks)
        check_files(checkpoint, callbacks)
        check_data("fit", "train", train)
        if validation is not None:
            check_data("fit", "validation", validation)
            check_lasting(validation, epochs - initial_epoch)
        if max_grad_norm is not None and not number("fit", "max_grad_norm", max_grad_norm) > 0:
            raise ValueError(f"[fit] max_grad_norm must be positive, got {max_grad_norm}")
        if loss is None:
            check_outputs(model)
        criterion = mean_loss(loss)
        warn_of_softmax(model, criterion)
        progress = progress if processes.first else False
        whole = validation
        batches, validation = processes.share(_batches(train, batch_size, seed, augment), whole)
        if optimizer is None:
            if initial_epoch:
                raise ValueError("[fit] initial_epoch needs the optimizer of the epochs before it")
            optimizer = Adam(model.parameters())
            if schedule is None and isinstance(batches, Sized):
                schedule = OneCycle(DEFAULT_PEAK)
        total_steps = 0
        if schedule is not None:
            if not isinstance(batches, Sized):
                raise ValueError("a schedule needs training data with a length, in batches")
            laid_over = epochs if schedule_epochs is None else schedule_epochs
            total_steps = integer("fit", "schedule_epochs", laid_over, epochs) * len(batches)
        run = TrainingRun(model, optimizer, epochs)
        run.rank, run.ranks = processes.rank, processes.size
        history, gate = run.history, processes.gate()
        saver = None
        if checkpoint is not None or processes.size > 1:
            settings = {
                **model_settings(model, optimizer),
                **data_settings(batches, whole, seed),
                **other_settings(schedule, criterion, callbacks),
                "max_grad_norm": max_grad_norm,
                "seed": seed,
                "initial_epoch": initial_epoch,
            }
            processes.agree(
                {**settings, "epochs": epochs, "total steps": total_steps, "resume": resume}
                | {"checkpoint": checkpoint is not None, "every": every}
                | {"validation data": whole is not None, "device": model.device}
            )
        if checkpoint is not None:
            processes.by_first(lambda: check_place(checkpoint))
            saver = Checkpoint(checkpoint, every, on_checkpoint_error, settings)
        trainer = Trainer(
            run,
            batches,
            criterion,
            schedule,
            total_steps,
            callbacks,
            max_grad_norm,
            saver,
            gate,
            processes,
        )
        if flag("fit", "cuda_graph", cuda_graph):
            if processes.size > 1:
                raise ValueError("[fit] cuda_graph: a captured step does not wait for other ranks")
            trainer.capture()
        if initial_epoch:
            trainer.skip(initial_epoch)
        processes.announce(progress)
        processes.begin(model, optimizer)
        found = processes.by_first(saver.read) if saver is not None and resume else None
        if found is not None:
            found = Found(*found)
            with understood(found.name):
                check_resumable(trainer, found)

        processes.together(lambda: _begin(callbacks, run, whole is not None))
        if found is not None:
            with understood(found.name):
                restore(trainer, found)
            show(run.resumption(), progress)
        if saver is not None:
            saver.stored(training_state(trainer))  # refuse it now, before any step is taken
        with own_modes(model), gate.watch():
            try:
                # A checkpoint within an epoch is resumed even if training is to stop after it.
                while run.epoch < epochs and (history.stop_reason is None or trainer.resumed):
                    with gate:
                        trainer.begin(seed)
                    with backend(model.device).stream_of(model):
                        trainer.epoch(validation, progress)
            except KeyboardInterrupt as interruption:
                if not processes.have_agreed(interruption):
                    raise
                history.interrupted = True
                # Not inside a step, and not before the checkpoint that was read has been resumed.
                if not gate.broken and trainer.resumed is None:
                    try:
                        with gate:
                            trainer.save()
                    except KeyboardInterrupt as another:
                        if not processes.have_agreed(another):
                            raise
            finally:
                model.forget()  # an unfinished step holds every layer's input
        for callback in callbacks:
            callback.on_train_end(run)
        if history.interrupted:
            # A script may go on as if the training had finished: at least warn of it.
            where = (
                f"after epoch {run.epoch} of {epochs}; the model keeps what it has learned"
                if trainer.inside is None
                else f"in epoch {run.epoch} of {epochs}; the model keeps what it has learned, also "
                "in this epoch, which has no record"
            )
            warn(f"[fit] interrupted {where}")
        return history


def _begin(callbacks: Sequence[Callback], run: TrainingRun, validated: bool) -> None:
    """Call the first method of the callbacks."""
    for callback in callbacks:
        callback.on_train_begin(run, validated)


def _batches(
    train: Data, batch_size: int, seed: int, augment: Augment | None
) -> Iterable[tuple[Any, Any]]:
    """Return the batches of an epoch."""
    if isinstance(train, Dataset):
        return batches_of(train, batch_size, seed, augment)
    if augment is not None:
        raise ValueError("[fit] augment needs a Dataset: batches of your own come as they are")
    return train
