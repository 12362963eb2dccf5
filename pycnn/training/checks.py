"""What `fit` refuses before it begins, and what it warns of."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from math import inf

from pycnn._arguments import file_name, flag, integer, number, written
from pycnn._printable import printable
from pycnn._streams import warn
from pycnn.layers import Module, Sequential, Softmax
from pycnn.layers.module import check_model
from pycnn.losses import CrossEntropyLoss
from pycnn.optim import Optimizer, Schedule
from pycnn.training.callbacks import BestCheckpoint, Callback, CSVLog
from pycnn.training.checkpoint import ON_ERROR
from pycnn.training.evaluation import Loss
from pycnn.training.given import Data
from pycnn.training.more_callbacks import Checkpoint as PeriodicCheckpoint


def check_kinds(
    model: Module,
    optimizer: Optimizer | None,
    schedule: Schedule | None,
    callbacks: Sequence[Callback],
) -> None:
    """Refuse objects of the wrong kind before anything is done with them."""
    check_model("fit", model)
    if not isinstance(optimizer, Optimizer | None):
        raise TypeError(
            "[fit] optimizer must be an Optimizer such as pycnn.optim.Adam(model.parameters()), "
            f"got {written(optimizer)}"
        )
    own = {id(parameter) for parameter in model.parameters()}
    if optimizer is not None and own.isdisjoint(map(id, optimizer.params)):
        raise ValueError("[fit] the optimizer has no parameter of this model, only of another")
    if not (schedule is None or callable(schedule)):
        raise TypeError(
            f"[fit] schedule must be a function of (step, total_steps), got {written(schedule)}"
        )
    if not isinstance(callbacks, Sequence):
        raise TypeError(
            f"[fit] callbacks must be a list of Callback objects, got {written(callbacks)}"
        )
    for callback in callbacks:
        if not isinstance(callback, Callback):
            raise TypeError(f"[fit] callbacks must be Callback objects, got {written(callback)}")
    if len({id(callback) for callback in callbacks}) < len(callbacks):
        raise ValueError("[fit] callbacks holds one object twice, which would act twice")


def check_limit(name: str, limit: float | None) -> None:
    """Check a limit on gradients."""
    if limit is not None and not number("fit", name, limit) > 0:
        raise ValueError(f"[fit] {name} must be positive, got {limit}")


def check_accumulate(accumulate: int, processes: int) -> None:
    """Check the number of batches for one update, which several processes do not take."""
    if integer("fit", "accumulate", accumulate, 1) > 1 and processes > 1:
        raise ValueError(
            "[fit] accumulate: several processes train on parts of each batch already; give a "
            "smaller batch_size, or more processes"
        )


def check_checkpoint(
    checkpoint: str | os.PathLike[str] | None, every: int | None, resume: bool, on_error: str
) -> None:
    """Check the arguments about the checkpoint, alone and together."""
    if checkpoint is not None:
        file_name("fit", "checkpoint", checkpoint)
    if every is not None:
        integer("fit", "every", every, 1, inf)
    if on_error not in ON_ERROR:
        raise ValueError(
            f"[fit] on_checkpoint_error must be one of {ON_ERROR}, got {written(on_error)}"
        )
    if (flag("fit", "resume", resume) or every is not None) and checkpoint is None:
        name = "resume" if resume else "every"
        raise ValueError(f"[fit] {name} needs a checkpoint: the path of a file")


def check_files(checkpoint: str | os.PathLike[str] | None, callbacks: Sequence[Callback]) -> None:
    """Refuse a file that the checkpoint and a callback, or two callbacks, would both write."""
    files = [] if checkpoint is None else [("checkpoint", checkpoint)]
    for callback in callbacks:
        if isinstance(callback, (BestCheckpoint, CSVLog)):
            files.append((type(callback).__name__, callback.path))
        elif isinstance(callback, PeriodicCheckpoint):
            files.append((type(callback).__name__, callback.file_of(callback.every)))
    owners: dict[str, str] = {}
    for name, path in files:
        place = os.path.realpath(path)
        if place in owners:
            raise ValueError(
                f"[fit] {owners[place]} and {name} have the same file, "
                f"{printable(os.fspath(path))}: give each its own"
            )
        owners[place] = name


def check_lasting(validation: Data | None, epochs: int) -> None:
    """Refuse validation data that only last for the first of several epochs."""
    if isinstance(validation, Iterator) and epochs > 1:
        raise ValueError(
            f"[fit] validation is a {type(validation).__name__}, which lasts for one epoch, and "
            f"there are {epochs}: give a list of batches or a Dataset"
        )


def check_outputs(model: Module) -> None:
    """Refuse a model whose outputs the default loss would push the wrong way."""
    if not model.outputs_are_scores:
        raise ValueError(
            "[fit] the outputs of this model are not scores, of which the largest wins: "
            "give the loss that they are made for, such as pycnn.MAPLoss() for distances"
        )


def warn_of_frozen(optimizer: Optimizer) -> None:
    """Warn of an optimizer that has nothing to train."""
    if not any(parameter.requires_grad for parameter in optimizer.params):
        warn(
            "[fit] no parameter of the optimizer requires a gradient, so nothing is learned: "
            "model.unfreeze() lets all of them learn"
        )


def softmax_at_the_end(model: Module) -> str:
    """Return where the `Softmax` is that a `Sequential` ends in, or an empty text."""
    name, last = type(model).__name__, model
    while isinstance(last, Sequential) and len(last):
        name += f"[{len(last) - 1}]"
        last = last[-1]
    return name if isinstance(last, Softmax) else ""


def warn_of_softmax(model: Module, loss: Loss) -> None:
    """Warn of a model that ends in a softmax if the loss applies the softmax too."""
    if (name := softmax_at_the_end(model)) and isinstance(loss, CrossEntropyLoss):
        warn(
            f"[fit] the model ends in {name} Softmax, but CrossEntropyLoss applies the softmax "
            "itself: leave this layer out, and use pycnn.ops.softmax after predict"
        )
