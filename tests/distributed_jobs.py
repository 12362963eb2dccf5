"""What ranks do in tests of distributed training: a script for mpiexec, a job for each name.

    python distributed_jobs.py NAME [OPTIONS AS JSON]

Rank 0 prints results as one line of JSON, the last one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

import pycnn
from pycnn import distributed, recipes
from pycnn.layers.parameter import Array
from pycnn.recipes.neocognitron import train_neocognitron
from pycnn.training import Callback, Run, TerminateOnNaN

STEPS = 20


def digits(samples: int) -> pycnn.ArrayDataset:
    """Give random pictures of one class each, the same in every process."""
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
        pycnn.MaxPool2d(2),
        pycnn.Conv2d(8, 16, 3, rng=1),
        pycnn.BatchNorm2d(16),
        pycnn.ReLU(),
        pycnn.GlobalAvgPool2d(),
        pycnn.Linear(16, 10, rng=2),
    )


def text_net() -> tuple[pycnn.Module, Any]:
    """Give Kim's network with word vectors that are trained, and sentences; dropout is on."""
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
    """Train each network for one epoch; give the records, and the parameters in a file."""
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


def job_follow(options: dict[str, Any]) -> dict[str, Any]:
    ranks = distributed.Ranks(
        deterministic=options.get("deterministic", False),
        overlap=options.get("overlap", False),
        sync_batch_norm=True,
    )
    return follow(options, ranks)


def job_same_bits(options: dict[str, Any]) -> dict[str, Any]:
    """Train with every way of summing; the tree has the same bits each time, overlapping or not."""
    found = {}
    for name, arguments in {
        "tree": {"deterministic": True},
        "again": {"deterministic": True},
        "overlapping": {"deterministic": True, "overlap": True},
        "by MPI": {"overlap": True},
    }.items():
        found[name] = zlib.crc32(wide(distributed.Ranks(**arguments)).tobytes())
    return found


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


def job_hosts(options: dict[str, Any]) -> dict[str, Any]:
    """Train on two hosts; give how long a message takes there and back at least."""
    ranks = distributed.Ranks(overlap=True)
    times = []
    for _ in range(10):
        start = time.perf_counter()
        for sender in (0, 1):
            if ranks.rank == sender:
                ranks.channel.comm.Send(np.zeros(1), 1 - sender)
            else:
                ranks.channel.comm.Recv(np.zeros(1), 1 - ranks.rank)
        times.append(time.perf_counter() - start)
    state = wide(ranks)
    return {
        "machines": ranks.threads,
        "round trip": min(times),
        "state": state[:: len(state) // 1000].tolist(),
    }


def job_uneven(options: dict[str, Any]) -> dict[str, Any]:
    """Train on numbers of samples that ranks cannot share evenly."""
    ranks = distributed.Ranks()
    return {
        str(samples): state_of(train_small(ranks, samples=samples, epochs=2)).tolist()
        for samples in options["samples"]
    }


def job_device(options: dict[str, Any]) -> dict[str, Any]:
    ranks = distributed.Ranks(deterministic=options["deterministic"], sync_batch_norm=True)
    return on_device("cuda_host", ranks)


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


def job_shared(options: dict[str, Any]) -> dict[str, Any]:
    ranks = distributed.Ranks()
    loads = [0]

    def load() -> tuple[pycnn.ArrayDataset, pycnn.ArrayDataset]:
        loads[0] += 1
        data = digits(1000)
        return data, data[:10]

    train, test = ranks.shared(load)
    own = digits(1000)
    same = bool((train.x == own.x).all() and (train.y == own.y).all() and len(test) == 10)
    smaps = open("/proc/self/smaps").read()  # noqa: SIM115
    numbers = ranks.channel.gathered(np.array([loads[0], same, train.x.flags.writeable]))
    model = small_net()
    pycnn.fit(model, train, test, batch_size=100, progress=False, distributed=ranks)
    return {
        "loads": numbers[:, 0].tolist(),
        "same": numbers[:, 1].tolist(),
        "writeable": numbers[:, 2].tolist(),
        "mapped": "shared_window" in smaps or "/dev/shm" in smaps,
        "classes": train.classes,
    }


def job_counted(options: dict[str, Any]) -> dict[str, Any]:
    """Give the figures of a training, and whether callbacks of all ranks see the same losses."""
    ranks = distributed.Ranks()
    seen = []

    class Seen(Callback):
        def on_step(self, run: Run) -> None:
            seen.append(run.loss)

    model = small_net()
    history = pycnn.fit(
        model, digits(330), digits(101), batch_size=32, epochs=2, progress=False,
        distributed=ranks, callbacks=[Seen()],
    )  # fmt: skip
    losses = ranks.channel.gathered(np.array(seen))
    return {
        "records": [list(record[:6]) for record in history.records],
        "alike": bool((losses == losses[0]).all()),
        "steps": len(seen),
    }


def job_own_batches(options: dict[str, Any]) -> dict[str, Any]:
    """Train on batches that each rank makes itself: of a global batch, every n-th sample."""
    ranks = distributed.Ranks()
    data = digits(320)
    rank, size = ranks.rank, ranks.size

    class Batches:
        def __iter__(self) -> Iterator[tuple[Array, Array]]:
            for start in range(0, 320, 32):
                part = slice(start + 32 * rank // size, start + 32 * (rank + 1) // size)
                if options.get("short") and rank == 1 and start > 200:
                    return
                yield data.x[part], data.y[part]

    model = small_net()
    optimizer = pycnn.optim.SGD(model.parameters(), 0.05)
    pycnn.fit(model, Batches(), optimizer=optimizer, progress=False, distributed=ranks)
    return {"state": state_of(model).tolist()}


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


def job_neocognitron(options: dict[str, Any]) -> dict[str, Any]:
    return neocognitron(distributed.Ranks())


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
        return self.last(self.seldom(y) if self.rank == 1 else y)

    def backward(self, dy: Array) -> Array:
        dy = self.last.backward(dy)
        dy = self.seldom.backward(dy) if self.rank == 1 else dy
        return self.flatten.backward(self.common.backward(dy))


class StopsOne(TerminateOnNaN):
    """Stops the training of one rank for a reason of its own."""

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
    """What is unusual, on one set of ranks after the other; gives what the test looks at."""
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
            core = sys.modules["pycnn._core"]
            core.version = "0.0.1"
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


def job_resume(options: dict[str, Any]) -> dict[str, Any]:
    return resume(options, distributed.Ranks(deterministic=True))


def resume(options: dict[str, Any], ranks: distributed.Ranks | None = None) -> dict[str, Any]:
    """Train, or go on with a training, which a signal may end in the middle.

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


def main() -> None:
    name = sys.argv[1]
    options = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    result = globals()[f"job_{name}"](options)
    if int(os.environ.get("OMPI_COMM_WORLD_RANK", "0")) == 0:
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
