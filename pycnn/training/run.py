"""The state of a training run, as callbacks see it."""

from __future__ import annotations

from typing import Any

from pycnn.layers.module import Module
from pycnn.optim import Optimizer
from pycnn.training.history import History
from pycnn.training.metrics import Metric


class TrainingRun:
    """State of a training in `fit`.

    Attributes
    ----------
    model : Module
        The model in training.
    optimizer : Optimizer
        Its optimizer.
    history : History
        Records of the epochs so far.
    epoch, epochs : int
        Number of the epoch, from 1, and the number of epochs in all.
    step : int
        Updates of the parameters so far.
    loss : float
        Loss of the last batch.
    batch_number : int
        Number of the last batch in its epoch, from 1.
    validation : str
        Name of the data measured after each epoch, in lines for people.
    batch : (x, y)
        The last batch, for callbacks that look into steps; valid during the step only.
    scheduled : bool
        Whether a schedule sets the learning rate of each step.
    metrics : dict of str to Metric
        Figures besides loss and accuracy, by name.
    rank, ranks : int
        Number of this process among those that train the model together (see `pycnn.distributed`),
        and their count. Only rank 0 writes files.
    """

    __slots__ = (
        "batch",
        "batch_number",
        "epoch",
        "epochs",
        "history",
        "loss",
        "metrics",
        "model",
        "optimizer",
        "rank",
        "ranks",
        "scheduled",
        "step",
        "validation",
    )

    def __init__(self, model: Module, optimizer: Optimizer, epochs: int) -> None:
        self.model = model
        self.optimizer = optimizer
        self.history = History()
        self.epochs = epochs
        self.epoch = 0
        self.step = 0
        self.batch_number = 0
        self.validation = "validation"
        self.loss = 0.0
        self.batch: tuple[Any, Any] | None = None
        self.rank, self.ranks = 0, 1
        self.scheduled = False
        self.metrics: dict[str, Metric] = {}

    def stop(self, reason: str) -> None:
        """End the training: before the update (from ``on_backward``), else after this epoch."""
        self.history.stop_reason = reason

    def resumption(self) -> str:
        """Say where the training goes on, before the first step of a process that resumes it."""
        if self.epoch >= self.epochs:
            return "resumed: all epochs had finished already"
        return f"resumed: goes on at epoch {self.epoch + 1}, step {self.step + 1}"
