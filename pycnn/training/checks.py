"""What `fit` refuses before it begins, and what it warns of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import inf

from pycnn._arguments import flag, integer, written
from pycnn._streams import warn
from pycnn.layers import Module, Sequential, Softmax
from pycnn.layers.module import check_model
from pycnn.losses import CrossEntropyLoss
from pycnn.optim import Optimizer, Schedule
from pycnn.training.callbacks import BestCheckpoint, Callback, CSVLog
from pycnn.training.checkpoint import ON_ERROR
from pycnn.training.evaluation import Loss


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
            "[fit] optimizer must be an Optimizer such as Adam(model.parameters()), "
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


def check_checkpoint(
    checkpoint: str | os.PathLike[str] | None, every: int | None, resume: bool, on_error: str
) -> None:
    """Refuse arguments of a checkpoint that say nothing."""
    if every is not None:
        integer("fit", "every", every, 1, inf)
    if on_error not in ON_ERROR:
        raise ValueError(
            f"[fit] on_checkpoint_error must be one of {ON_ERROR}, got {written(on_error)}"
        )
    if (flag("[fit] resume", resume) or every is not None) and checkpoint is None:
        name = "resume" if resume else "every"
        raise ValueError(f"[fit] {name} needs a checkpoint: the path of a file")


def check_files(checkpoint: str | os.PathLike[str] | None, callbacks: Sequence[Callback]) -> None:
    """Refuse a callback that would replace the checkpoint of the training by a file of its own."""
    for callback in callbacks:
        if (
            checkpoint is not None
            and isinstance(callback, (BestCheckpoint, CSVLog))
            and os.path.realpath(callback.path) == os.path.realpath(checkpoint)
        ):
            raise ValueError(
                f"[fit] checkpoint and {type(callback).__name__} have the same file, "
                f"{os.fspath(checkpoint)}: give each its own"
            )


def check_outputs(model: Module) -> None:
    """Refuse a model whose outputs the default loss would push the wrong way."""
    if not model.outputs_are_scores:
        raise ValueError(
            "[fit] the outputs of this model are not scores, of which the largest wins: "
            "give the loss that they are made for, such as MAPLoss() for distances"
        )


def warn_of_softmax(model: Module, loss: Loss) -> None:
    """Warn of a model whose last layer does what the loss does again."""
    name, last = type(model).__name__, model
    while isinstance(last, Sequential) and len(last):
        name += f"[{len(last) - 1}]"
        last = last[-1]
    if isinstance(last, Softmax) and isinstance(loss, CrossEntropyLoss):
        warn(
            f"[fit] the model ends in {name} Softmax, but CrossEntropyLoss applies the softmax "
            "itself: leave this layer out, and use pycnn.ops.softmax after predict"
        )
