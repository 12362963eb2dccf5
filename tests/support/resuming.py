"""Trainings that die and are resumed, for tests that compare them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pycnn import io
from pycnn.layers import Module
from pycnn.optim import Adam, OneCycle
from pycnn.training import Callback, History, Run, fit
from support.small_training import blobs, same_bits, small_net, snapshot

FIGURES = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")


class DiedError(Exception):
    """The process is gone."""


class Die(Callback):
    """Ends the training at once, after an update or at the end of an epoch."""

    def __init__(self, step: int = -1, epoch: int = -1) -> None:
        self.step, self.epoch = step, epoch

    def on_step(self, run: Run) -> None:
        if run.step == self.step:
            raise DiedError

    def on_epoch_end(self, run: Run, record: object) -> None:
        if run.epoch == self.epoch:
            raise DiedError


def figures(history: History) -> list[list[Any]]:
    return [history[name] for name in FIGURES]


class Outcome:
    """Return the results of a training without times."""

    def __init__(self, model: Module, optimizer: Any, history: History) -> None:
        self.model, self.history, self.optimizer = model, history, optimizer

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Outcome)
        mine, theirs = (o.optimizer.state_dict() for o in (self, other))
        assert mine["param_groups"] == theirs["param_groups"]
        assert mine["state"].keys() == theirs["state"].keys()
        for key, state in mine["state"].items():
            arrays = {name: np.asarray(value) for name, value in state.items()}
            others = {name: np.asarray(value) for name, value in theirs["state"][key].items()}
            assert same_bits(arrays, others)
        assert str(figures(self.history)) == str(figures(other.history))  # a NaN equals itself
        assert self.history.stop_reason == other.history.stop_reason
        return same_bits(snapshot(self.model), snapshot(other.model))

    __hash__ = None  # type: ignore[assignment]


def trained(**options: Any) -> Outcome:
    """Train a net with dropout, made from scratch."""
    model = options.pop("model", None) or small_net(dropout=0.5)
    optimizer = options.pop("optimizer", Adam)(model.parameters())
    arguments: dict[str, Any] = {
        "train": blobs(200), "validation": blobs(40), "epochs": 3, "batch_size": 32,
        "schedule": OneCycle(0.01), "callbacks": [Die()],
    }  # fmt: skip
    history = fit(model, optimizer=optimizer, **(arguments | options))
    return Outcome(model, optimizer, history)


def died(die: Die, **options: Any) -> None:
    with pytest.raises(DiedError):
        trained(**({"callbacks": [die]} | options))


def rewrite(path: Path, **training: Any) -> None:
    """Change the content of a checkpoint, and correct its checksums."""
    from safetensors.numpy import save_file

    model, arrays, state = io.read_parts(path)
    arrays[io.STATE] = np.frombuffer(json.dumps(state | training).encode(), np.uint8)
    header = {
        "format": 1,
        io.CHECKSUM: io._checksum(model),
        io.TRAINING_CHECKSUM: io._checksum(arrays),
    }
    save_file(model | arrays, path, {io.METADATA_KEY: json.dumps(header)})


def resumed_with(path: Path, **options: Any) -> str:
    model = options.get("model")
    before = None if model is None else snapshot(model)
    with pytest.raises(ValueError, match=r"^\[fit\] .*training\.safetensors:? ") as info:
        trained(checkpoint=path, resume=True, **options)
    if model is not None and before is not None:
        assert same_bits(before, snapshot(model))
    return str(info.value)
