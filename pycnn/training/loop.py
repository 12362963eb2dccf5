"""The training loop."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from math import inf
from typing import TYPE_CHECKING, Any

from pycnn._arguments import flag, integer
from pycnn._progress import Progress, progress_wish, show
from pycnn._streams import warn
from pycnn.data import Augment
from pycnn.devices import backend
from pycnn.layers.modes import own_modes
from pycnn.layers.module import Module
from pycnn.optim import Adam, OneCycle, Optimizer, Schedule
from pycnn.training.accumulation import updates_of
from pycnn.training.callbacks import Callback
from pycnn.training.checkpoint import Checkpoint, Found, check_place, understood
from pycnn.training.checks import (
    check_accumulate,
    check_checkpoint,
    check_files,
    check_kinds,
    check_lasting,
    check_limit,
    check_outputs,
    warn_of_frozen,
    warn_of_softmax,
)
from pycnn.training.evaluation import AnyLoss, mean_loss
from pycnn.training.given import length_of
from pycnn.training.given_to_fit import batches_for_fit, given_data, names_in
from pycnn.training.history import TAKEN, History
from pycnn.training.metrics import Metrics, metrics_of
from pycnn.training.other_names import naming_the_cure
from pycnn.training.processes import processes_of
from pycnn.training.run import TrainingRun
from pycnn.training.same import data_settings, describe, model_settings, other_settings
from pycnn.training.state import check_resumable, restore, training_state
from pycnn.training.trainer import Trainer
from pycnn.training.weights import WeightedLoss

if TYPE_CHECKING:
    from mpi4py import MPI

    from pycnn.distributed import Ranks

# Largest learning rate of the default optimizer: the best of 0.002, 0.003 and 0.005 for LeNet-5
# on MNIST in 3 epochs of batches of 64.
DEFAULT_PEAK = 3e-3


@naming_the_cure
def fit(
    model: Module,
    train: Any,
    y: Any = None,
    validation: Any = None,
    *,
    epochs: int = 1,
    batch_size: int = 64,
    optimizer: Optimizer | None = None,
    loss: AnyLoss | None = None,
    metrics: Metrics | None = None,
    schedule: Schedule | None = None,
    callbacks: Sequence[Callback] = (),
    seed: int = 0,
    progress: Progress = "auto",
    max_grad_norm: float | None = None,
    max_grad_value: float | None = None,
    accumulate: int = 1,
    drop_last: bool = False,
    augment: Augment | None = None,
    class_weight: Any = None,
    sample_weight: Any = None,
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
    train : array-like, tuple of them, Dataset, or iterable of (x, y)
        Training data. Samples x have their targets in `y`; a tuple of arrays is for a model of
        several inputs. They are taken as by `pycnn.ArrayDataset`, which says what becomes of each
        dtype; ints become float32 as they are for a model that takes no words. A Dataset is
        shuffled for each epoch; if its samples are not ready in memory, its batches come from a
        `pycnn.DataLoader`. What gives samples ``(x, y) = data[i]`` and a length, such as a data set
        of PyTorch, is used like a Dataset. An iterable of batches, such as a data loader of
        PyTorch, is used as it is, once an epoch (a generator lasts for one epoch only); its batches
        are arrays, tensors or lists, ``((a, b), y)`` for several inputs.
    y : array-like, optional
        Targets of samples `train`: the class of each sample as an int or a name, of each pixel as
        an int (N, H, W); or numbers to be learned, float (N,) or (N, K). The names of classes go,
        sorted, into ``model.metadata["classes"]``; where the metadata have them already, their
        order stays. If `train` has targets of its own, the argument in this place is `validation`.
    validation : (x, y), Dataset, iterable of (x, y), or float, optional
        Measured at the end of each epoch (a generator lasts for one epoch only). A float is the
        share of the training data that `pycnn.random_split` sets aside for it, with `seed`.
    epochs : int
        Passes over the training data.
    batch_size : int
        Samples in a step, for a Dataset or arrays; the last batch of an epoch holds the rest.
    optimizer : Optimizer, optional
        Adam by default; without a schedule, on the one-cycle schedule with its peak at 0.003.
    loss : Loss, optional
        ``CrossEntropyLoss()`` by default.
    metrics : dict of functions, optional
        Other figures, by name, such as ``{"f1": sklearn.metrics.f1_score}``: functions of
        ``(y_true, y_pred)`` over all samples of an epoch. `pycnn.training.Metric` says what they
        get: classes, unless they ask for scores or probabilities. Also a list of functions, and of
        ``"top5"`` and its like. They are in the records as ``f1`` and, of the validation data,
        ``val_f1``; callbacks can monitor them.
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
    max_grad_value : float, optional
        Limit for `pycnn.optim.clip_grad_value`, after that of the norm.
    accumulate : int
        Batches for one update: their gradients are added up as those of the mean over all samples
        in them, so that 4 batches of 16 train as one of 64 does, in the memory of one of 16, except
        for layers that look at a whole batch, such as `BatchNorm2d`. What is left at the end of an
        epoch is an update too. Steps, of schedules and of `every`, are updates.
    drop_last : bool
        Whether to leave out a last batch that is smaller than the others, for a Dataset; each epoch
        leaves out other samples.
    augment : function of (x, rng), optional
        Changes each training batch at random, as from `pycnn.augment`; for a Dataset or arrays.
    class_weight : mapping of class to weight, array-like (C,), or 'balanced', optional
        Weights of the classes in the loss of the training: by number or name, those that are
        missing weigh 1; or one for each class; or 'balanced', for each class c of the K that occur
        N / (K * samples of c).
    sample_weight : array-like (N,), optional
        Weights of the samples in the loss of the training; for a Dataset or arrays. The loss of a
        batch is ``sum_i w_i l_i / sum_i w_i``, where w_i is the product of the weights of sample i
        and of its class; a loss with class weights of its own has them as factors of both l_i and
        the w_i below. The loss of an epoch is the same over all its samples. The validation is not
        weighted.
    cuda_graph : bool
        Whether to capture the steps on a GPU (see `pycnn.training.CapturedStep`, also for what
        cannot be captured, such as an `Embedding`): less waiting for small networks, the same bits,
        more memory. Callbacks then see no gradients before the update. On the CPU, steps that need
        no Python are replayed by themselves, unless the environment has ``PYCNN_PLAN=0``.
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
        If there is no training data, samples and targets do not fit each other, a number is out of
        range, a schedule is given with an iterable of unknown length, the optimizer is for another
        model, the data does not fit the model, or its outputs are not scores for cross entropy and
        no loss is given; if the checkpoint is corrupt or of another training (the text names both
        values). With
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
        If nothing requires a gradient; if the model ends in a softmax and the loss is cross
        entropy, which applies the softmax itself; after Ctrl-C; if the checkpoint cannot be
        written, only once until a write succeeds again. Once each for: a loss that is NaN or
        infinite, with the batch and the value or layer at fault (unless `TerminateOnNaN` names it);
        NaN or infinity in parameters or buffers after an epoch; a mean loss ten times that of a
        model that knows nothing; an epoch in which no target counts; validation data whose loss is
        not finite.
    """
    processes = processes_of(distributed)
    with processes.guarded(), ExitStack() as stack:
        integer("fit", "epochs", epochs, 1)
        integer("fit", "initial_epoch", initial_epoch, 0, epochs)
        check_checkpoint(checkpoint, every, resume, on_checkpoint_error)
        integer("fit", "seed", seed, 0, inf)
        progress = progress_wish("fit", progress)
        check_kinds(model, optimizer, schedule, callbacks)
        check_files(checkpoint, callbacks)
        given = given_data(model, train, y, validation, seed)
        train, validation = given.train, given.validation
        if validation is not None:
            check_lasting(validation, epochs - initial_epoch)
        check_limit("max_grad_norm", max_grad_norm)
        check_limit("max_grad_value", max_grad_value)
        check_accumulate(accumulate, processes.size)
        if loss is None:
            check_outputs(model)
        criterion = mean_loss(loss)
        warn_of_softmax(model, criterion)
        progress = progress if processes.first else False
        whole = validation
        batches, validation = processes.share(
            batches_for_fit(train, batch_size, seed, augment, drop_last), whole
        )
        if class_weight is not None or sample_weight is not None:
            weights = given.sample_weights(sample_weight, batches)
            ignored = getattr(criterion, "ignore_index", None)
            by_class = given.class_weights(class_weight, ignored)
            criterion = WeightedLoss(criterion, by_class, weights)
        if optimizer is None:
            if initial_epoch:
                raise ValueError("[fit] initial_epoch needs the optimizer of the epochs before it")
            optimizer = Adam(model.parameters())
            if schedule is None and length_of(batches) is not None:
                schedule = OneCycle(DEFAULT_PEAK)
        total_steps = 0
        if schedule is not None:
            length = length_of(batches)
            if length is None:
                raise ValueError(
                    "[fit] a schedule needs training data with a length, in batches: give a "
                    "Dataset, a list, or an optimizer without a schedule"
                )
            laid_over = epochs if schedule_epochs is None else schedule_epochs
            total_steps = integer("fit", "schedule_epochs", laid_over, epochs)
            total_steps *= updates_of(length, accumulate)
        run = TrainingRun(model, optimizer, epochs)
        run.rank, run.ranks = processes.rank, processes.size
        run.scheduled = schedule is not None
        run.metrics = metrics_of("fit", metrics, TAKEN)
        history, gate = run.history, processes.gate()
        saver = None
        if checkpoint is not None or processes.size > 1:
            settings = {
                **model_settings(model, optimizer),
                **data_settings(batches, whole, seed),
                **other_settings(schedule, criterion, callbacks),
                "class_weight": describe(class_weight),
                "sample_weight": describe(sample_weight),
                "max_grad_norm": max_grad_norm,
                "seed": seed,
                "initial_epoch": initial_epoch,
            }
            others = {
                "metrics": list(run.metrics),
                "accumulate": None if accumulate == 1 else accumulate,
                "max_grad_value": max_grad_value,
            }
            settings |= {name: value for name, value in others.items() if value}  # as in old files
            processes.agree(
                {**settings, "epochs": epochs, "total steps": total_steps, "resume": resume}
                | {"checkpoint": checkpoint is not None, "every": every}
                | {"validation data": whole is not None, "device": model._placed()}
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
            given.classes,
            accumulate,
            max_grad_value,
        )
        if flag("fit", "cuda_graph", cuda_graph):
            if isinstance(criterion, WeightedLoss):
                raise ValueError("[fit] cuda_graph: a captured step has no weights of its batch")
            if processes.size > 1:
                raise ValueError("[fit] cuda_graph: a captured step does not wait for other ranks")
            trainer.capture()
        if initial_epoch:
            trainer.skip(initial_epoch)
        stack.enter_context(names_in(model, given, run))
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
        warn_of_frozen(optimizer)
        with own_modes(model), gate.watch():
            try:
                # A checkpoint within an epoch is resumed even if training is to stop after it.
                while run.epoch < epochs and (history.stop_reason is None or trainer.resumed):
                    with gate:
                        trainer.begin(seed)
                    with backend(model._placed()).stream_of(model):
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
        for callback in sorted(callbacks, key=lambda callback: not callback.ends_first):
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
