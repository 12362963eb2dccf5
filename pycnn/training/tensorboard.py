"""Figures for TensorBoard."""

from __future__ import annotations

import os
from importlib import import_module
from math import inf
from typing import Any

from pycnn._arguments import file_name, integer
from pycnn.training.callbacks import Callback
from pycnn.training.history import FIELDS, EpochRecord
from pycnn.training.run import TrainingRun


class TensorBoard(Callback):
    """Write the figures of each epoch, and losses of steps, for TensorBoard.

    The figures have the names of the records, with a slash after ``val``: ``loss`` and ``val/loss``
    over the epochs; and ``step/loss`` and ``step/learning_rate`` over the steps.

    Parameters
    ----------
    folder : path
        Where to write; made if need be. Begin each training in a folder of its own.
    every : int, optional
        Steps from one loss to the next; by default only epochs are written.

    Raises
    ------
    ImportError
        When the training begins, if tensorboardX is not installed (``pip install
        pycnn[tensorboard]``).
    """

    def __init__(self, folder: str | os.PathLike[str], every: int | None = None) -> None:
        self.folder = file_name("TensorBoard", "folder", folder)
        self.every = None if every is None else integer("TensorBoard", "every", every, 1, inf)
        self._writer: Any = None
        if every is not None:
            self.on_step = self._write_step  # type: ignore[method-assign]

    def on_train_begin(self, run: TrainingRun, validated: bool) -> None:
        """Open a file in the folder."""
        if run.rank != 0:
            return
        try:
            module = import_module("tensorboardX")
        except ImportError as error:
            raise ImportError(
                "[TensorBoard] needs tensorboardX: pip install 'pycnn[tensorboard]'"
            ) from error
        self._writer = module.SummaryWriter(self.folder)

    def _write_step(self, run: TrainingRun) -> None:
        """Write the loss of a step."""
        if self._writer is not None and self.every and run.step % self.every == 0:
            self._writer.add_scalar("step/loss", run.loss, run.step)
            self._writer.add_scalar("step/learning_rate", run.optimizer.lr, run.step)

    def on_epoch_end(self, run: TrainingRun, record: EpochRecord) -> None:
        """Write the record."""
        if self._writer is None:
            return
        for name, value in record.figures().items():
            if value is not None and name != FIELDS[0]:
                label = f"val/{name[4:]}" if name.startswith("val_") else name
                self._writer.add_scalar(label, value, record.epoch)
        self._writer.flush()

    def on_train_end(self, run: TrainingRun) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
