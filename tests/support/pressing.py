"""Ctrl-C in the places of a training."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from pycnn.optim import Adam
from pycnn.training import Callback, History, Run, fit
from support.annotations import Options
from support.small_training import blobs, small_net, snapshot


@contextmanager
def warned() -> Iterator[None]:
    with pytest.warns(RuntimeWarning, match=r"\[fit\] interrupted (in|after) epoch"):
        yield


def press() -> None:
    """Press Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


class Press(Callback):
    """Ctrl-C in one of the places of a training."""

    def __init__(self, where: str, step: int = 3, times: int = 1) -> None:
        self.where, self.step, self.times = where, step, times
        self.after = 0

    def _come(self, where: str, run: Run) -> None:
        if where == self.where and run.step == self.step:
            for _ in range(self.times):
                press()
        self.after = run.step

    def on_backward(self, run: Run) -> None:
        self._come("backward", run)

    def on_step(self, run: Run) -> None:
        self._come("step", run)

    def on_epoch_end(self, run: Run, record: object) -> None:
        self._come("epoch", run)


def trained(callback: Callback, **options: Any) -> tuple[dict[str, np.ndarray], History]:
    model = small_net(dropout=0.5)
    data = options.pop("train", blobs(128))
    usual: Options = {"epochs": 3, "batch_size": 32, "optimizer": Adam(model.parameters())}
    history = fit(model, data, blobs(30), callbacks=[callback], **usual | options)
    return snapshot(model), history
