"""Networks, data and trainings for tests that compare several ranks with one process."""

from __future__ import annotations

import os
import signal
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

import pycnn
from pycnn import distributed, recipes
from pycnn.layers.parameter import Array
from pycnn.recipes.neocognitron import train_neocognitron
from pycnn.training import Callback, Run

STEPS = 20


def digits(samples: int) -> pycnn.ArrayDataset:
    """Return random pictures of one class each, the same in every process."""
    rng = np.random.default_rng(0)
    y = rng.integers(10, size=samples)
    x = rng.standard_normal((samples, 1, 28, 28), np.float32)
    x[np.arange(samples), 0, y] += 1
    return pycnn.ArrayDataset(x, y, tuple("0123456789"))


def small_net() -> pycnn.Module:
    return pycnn.Sequential(
        pycnn.Conv2d(1, 6, 5, rng=0),
        pycnn.ReLU(),
        pycnn.MaxPool2d(4),
        pycnn.Flatten(),
        pycnn.Dropout(0.3, rng=0),
        pycnn.Linear(216, 10, rng=1),
    )


def batch_norm_net() -> pycnn.Module:
    return pycnn.Sequential(
        pycnn.Conv2d(1, 8, 3, rng=0),
        pycnn.BatchNorm2d(8),
        pycnn.ReLU(),
        pycnn.AvgPool2d(2),  # a maximum that is another one by rounding would move parameters
        pycnn.Conv2d(8, 16, 3, rng=1),
        pycnn.BatchNorm2d(16),
        pycnn.ReLU(),
        pycnn.GlobalAvgPool2d(),
        pycnn.Linear(16, 10, rng=2),
    )


def text_net() -> tuple[pycnn.Module, Any]:
    """Return Kim's network with word vectors that are trained, and sentences; dropout is on."""
    train, _ = recipes.get("textcnn").data(None)
    return recipes.get("textcnn").build(train, 0), train[: STEPS * 64 - 10]


def nets() -> Iterator[tuple[str, pycnn.Module, Any]]:
    # Real digits: of noise, a maximum that is another one by rounding moves a parameter by 1e-4.
    data = pycnn.datasets.mnist()[0][: STEPS * 64 - 10]
    yield "lenet5", pycnn.models.lenet5(rng=0), data
    yield "text", *text_net()
    yield "batch norm", batch_norm_net(), data


def state_of(model: pycnn.Module) -> Array:
    return np.concatenate([array.ravel() for array in model.state_dict().values()])


def checksum(model: pycnn.Module) -> int:
    return zlib.crc32(state_of(model).tobytes())


def follow(options: dict[str, Any], ranks: distributed.Ranks | None = None) -> dict[str, Any]:
    """Train each network for one epoch; return the records, and save the parameters to a file."""
    results: dict[str, Any] = {}
    for name, model, data in nets():
        history = pycnn.fit(
            model,
            data,
            data[:101],
            batch_size=64,
            optimizer=pycnn.optim.SGD(model.parameters(), 0.05, momentum=0.9),
            max_grad_norm=5.0,
            progress=False,
            distributed=ranks or False,
        )
        record = history.records[0]
        results[name] = [record.loss, record.accuracy, record.val_loss, record.val_accuracy]
        if ranks is None or ranks.first:
            np.save(f"{options['out']}-{name}.npy", state_of(model))
    return results


def train_small(ranks: Any, **options: Any) -> pycnn.Module:
    model = small_net()
    options = {"batch_size": 32, "progress": False, **options}
    samples = options.pop("samples", 330)
    pycnn.fit(model, digits(samples), distributed=ranks, **options)
    return model


def wide(ranks: distributed.Ranks | None = None) -> Array:
    """Train a network whose gradient fills more than one bucket."""
    model = pycnn.Sequential(
        pycnn.Flatten(),
        pycnn.Linear(784, 600, rng=0),
        pycnn.ReLU(),
        pycnn.Linear(600, 500, rng=1),
        pycnn.ReLU(),
        pycnn.Linear(500, 10, rng=2),
    )
    optimizer = pycnn.optim.SGD(model.parameters(), 0.05)
    pycnn.fit(
        model, digits(256), batch_size=32, optimizer=optimizer, progress=False,
        distributed=ranks or False,
    )  # fmt: skip
    return state_of(model)


def on_device(device: str, ranks: distributed.Ranks | None = None) -> dict[str, Any]:
    """Train small networks on a device."""
    found = {}
    for name, model in (("small", small_net()), ("batch norm", batch_norm_net())):
        model.to(device)
        # Adam would make steps of the gradients of biases before batch norm, which are rounding.
        optimizer = pycnn.optim.SGD(model.parameters(), 0.05)
        pycnn.fit(
            model, digits(96), batch_size=32, optimizer=optimizer, progress=False,
            distributed=ranks or False,
        )  # fmt: skip
        found[name] = state_of(model.to("cpu")).tolist()
    return found


def neocognitron(ranks: distributed.Ranks | None = None) -> dict[str, Any]:
    """Let the S-layers learn in each process, and the readout in all of them together."""
    data = digits(64)
    data.x[...] = np.clip(data.x, 0, 1)
    model = pycnn.models.neocognitron(10, rng=0)
    history = train_neocognitron(
        model, data, data[:20], epochs=2, batch_size=16, presentations=4, progress=False,
        distributed=ranks or False,
    )  # fmt: skip
    return {"losses": history["loss"]}


def resume(options: dict[str, Any], ranks: distributed.Ranks | None = None) -> dict[str, Any]:
    """Train, or continue a training; a signal may end it in the middle.

    Gives the order of the samples, as a sum over each batch of numbers of its own.
    """
    order: list[int] = []

    class Order(Callback):
        def on_backward(self, run: Run) -> None:
            assert run.batch is not None
            own = np.array([run.batch[0][:, 0, 0, 0].astype(np.float64).sum()])
            whole = own if ranks is None else ranks.channel.total(own)
            order.append(round(float(whole[0]) * 1e9))

    class Kill(Callback):
        def on_step(self, run: Run) -> None:
            if run.rank == run.step % run.ranks and run.step == options.get("kill"):
                os.kill(os.getpid(), signal.SIGKILL)

    model = small_net()
    history = pycnn.fit(
        model, digits(330), digits(50), batch_size=32, epochs=3, progress=False,
        distributed=ranks or False, checkpoint=options["checkpoint"], every=4, resume=True,
        callbacks=[Order(), Kill()],
    )  # fmt: skip
    return {
        "model": checksum(model),
        "records": [list(record[:6]) for record in history.records],
        "order": order,
    }
