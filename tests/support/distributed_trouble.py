"""Trainings on ranks in which something goes wrong, or something unusual happens."""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from typing import Any

import numpy as np

import pycnn
from pycnn import distributed
from pycnn.layers.parameter import Array
from pycnn.training import Callback, Run, TerminateOnNaN
from support.distributed_nets import batch_norm_net, checksum, digits, small_net, train_small


class OneSided(pycnn.Module):
    """Has a branch that rank 1 alone takes."""

    def __init__(self, rank: int) -> None:
        self.rank = rank
        self.common = pycnn.Linear(784, 600, rng=0)
        self.seldom = pycnn.Linear(600, 600, rng=1)
        self.last = pycnn.Linear(600, 10, rng=2)
        self.flatten = pycnn.Flatten()

    def forward(self, x: Array) -> Array:
        y = self.common(self.flatten(x))
        return self.last(self.seldom(y) if self.rank == 1 else y)  # type: ignore[no-any-return]

    def backward(self, dy: Array) -> Array:
        dy = self.last.backward(dy)
        dy = self.seldom.backward(dy) if self.rank == 1 else dy
        return self.flatten.backward(self.common.backward(dy))


class StopsOne(TerminateOnNaN):
    """Stops the training of one rank for its own reason."""

    def on_backward(self, run: Run) -> None:
        if run.rank == 1 and run.step == 3:
            run.stop("enough")


class Inner(Callback):
    """Trains another model, and the same one, within a training."""

    def __init__(self, ranks: distributed.Ranks) -> None:
        self.ranks = ranks

    def on_step(self, run: Run) -> None:
        if run.step == 2:
            for model in (small_net(), run.model):
                optimizer = pycnn.optim.SGD(model.parameters(), 0.01)
                pycnn.fit(
                    model, digits(64), batch_size=32, optimizer=optimizer, progress=False,
                    distributed=self.ranks,
                )  # fmt: skip


class AfterTheLastStep(Callback):
    def on_epoch_end(self, run: Run, record: Any) -> None:
        if run.rank == 1 and run.epoch == 1:
            os.kill(os.getpid(), signal.SIGINT)


def job_odd(options: dict[str, Any]) -> dict[str, Any]:
    """Try unusual things on one set of ranks after the other; return what the test checks."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.simplefilter("ignore")
    found: dict[str, Any] = {}
    states = []
    for overlap in (False, True):
        ranks = distributed.Ranks(deterministic=True, overlap=overlap)
        model: Any = OneSided(ranks.rank)
        optimizer = pycnn.optim.SGD(model.parameters(), 0.01)
        data = digits(192)
        pycnn.fit(
            model, data, batch_size=32, optimizer=optimizer, progress=False, distributed=ranks
        )
        states.append(checksum(model))
    found["a branch of one rank"] = states[0] == states[1]
    found["homes"] = sum(p.home is not None for p in model.parameters())
    inner = train_small(ranks, callbacks=[Inner(ranks)], epochs=1)
    found["inner"] = len(set(ranks.channel.gathered(np.array([checksum(inner)])).ravel()))
    history = pycnn.fit(
        small_net(), digits(330), batch_size=32, progress=False, distributed=ranks,
        callbacks=[StopsOne()],
    )  # fmt: skip
    found["stopped"] = history.stop_reason
    history = pycnn.fit(
        small_net(), digits(64), batch_size=32, epochs=2, progress=False, distributed=ranks,
        callbacks=[AfterTheLastStep()],
    )  # fmt: skip
    found["signal"] = [len(history), history.interrupted]
    for _ in range(2):
        train_small(True, epochs=1, samples=64)
    try:
        train_small(ranks, callbacks=[pycnn.training.CSVLog("/nowhere/log.csv")])
    except OSError as error:
        found["file"] = str(error)
    try:
        pycnn.fit(
            small_net(), digits(64), progress=False,
            distributed=distributed.Ranks(sync_batch_norm=ranks.rank == 0),
        )  # fmt: skip
    except distributed.DistributedError as error:
        found["options"] = str(error)
    return found


class Trouble(Callback):
    """Lets rank 1 get into trouble after a number of steps."""

    def __init__(self, ranks: distributed.Ranks, kind: str, step: int) -> None:
        self.ranks, self.kind, self.step = ranks, kind, step

    def on_step(self, run: Run) -> None:
        if self.ranks.rank != 1 or run.step != self.step:
            return
        if self.kind == "raise":
            raise KeyError("boom")
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == "exit":
            sys.exit(0)
        if self.kind == "interrupt":
            warnings.simplefilter("ignore")
            os.kill(os.getpid(), signal.SIGINT)
        if self.kind == "keyboard":
            raise KeyboardInterrupt
        if self.kind == "interrupt twice":
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        if self.kind == "change":
            run.model.state_dict()["0.weight"][...] += 1
        if self.kind == "stop":
            run.stop("enough")


def job_trouble(options: dict[str, Any]) -> dict[str, Any]:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    ranks = distributed.Ranks(timeout=30)
    kind = options["kind"]
    if ranks.rank == 0 and kind == "ended":
        print("begun", time.time(), flush=True)
    if ranks.rank == 1 and kind == "ended":
        sys.exit(0)
    data = digits(330)
    if kind == "nan":
        order = np.random.default_rng([0, 0]).permutation(330)
        data.x[order[5 * 32 + 31]] = np.nan  # of the last rank
    model, seed, epochs = small_net(), 0, options.get("epochs", 2)
    if ranks.rank == 1:
        data = data[:300] if kind == "lengths" else data
        model = batch_norm_net() if kind == "models" else model
        seed = 1 if kind == "seeds" else seed
        epochs = 3 if kind == "epochs" else epochs
        if kind == "versions":
            vars(sys.modules["pycnn._core"])["version"] = "0.0.1"
    callbacks: list[Callback] = [Trouble(ranks, kind, options.get("step", 5)), TerminateOnNaN()]
    if ranks.rank == 0:
        print("begun", time.time(), flush=True)
    try:
        history = pycnn.fit(
            model, data, batch_size=32, epochs=epochs, seed=seed, progress=False,
            callbacks=callbacks, distributed=ranks,
        )  # fmt: skip
    except (ValueError, RuntimeError) as error:
        return {"error": type(error).__name__, "text": str(error)}
    return {
        "epochs": len(history),
        "reason": history.stop_reason,
        "interrupted": ranks.channel.gathered(np.array([history.interrupted])).ravel().tolist(),
    }
