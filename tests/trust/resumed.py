"""Trainings that can be killed at any moment, for the tests of exact resume.

``python resumed.py NETWORK FOLDER SEED KILLS`` trains a network again and again in children, each
of which resumes. They are killed, after a random time or in the middle of writing a checkpoint, and
what is on the disk is read each time. The last one may finish, with another number of threads. One
line of JSON tells how it went.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, os.fspath(Path(__file__).parents[1]))

from support.killed import count_down

import pycnn
from pycnn import _files, io, layers, optim
from pycnn.data import ArrayDataset, Dataset
from pycnn.training import BestCheckpoint, Callback, CSVLog, EarlyStopping, MaxNorm, Run

EPOCHS = 3


def images(n: int, size: int) -> ArrayDataset:
    rng = np.random.default_rng(n)
    x = rng.standard_normal((n, 1, size, size), dtype=np.float32)
    return ArrayDataset(x, rng.integers(0, 10, n), name="noise")


def sentences(n: int) -> ArrayDataset:
    rng = np.random.default_rng(n)
    return ArrayDataset(rng.integers(0, 400, (n, 20)), rng.integers(0, 2, n), name="noise")


def batch_norm_net() -> layers.Module:
    rng = np.random.default_rng(0)
    return layers.Sequential(
        layers.Conv2d(1, 8, 3, bias=False, rng=rng), layers.BatchNorm2d(8), layers.ReLU(),
        layers.Conv2d(8, 8, 3, bias=False, rng=rng), layers.BatchNorm2d(8), layers.ReLU(),
        layers.Flatten(), layers.Linear(8 * 8 * 8, 10, rng=rng),
    )  # fmt: skip


def dropout_net() -> layers.Module:
    rng = np.random.default_rng(0)
    return layers.Sequential(
        layers.Flatten(), layers.Linear(144, 64, rng=rng), layers.ReLU(), layers.Dropout(0.5),
        layers.Linear(64, 64, rng=rng), layers.ReLU(), layers.Dropout(0.3),
        layers.Linear(64, 10, rng=rng),
    )  # fmt: skip


def setting(network: str, folder: Path) -> dict[str, Any]:
    """Return a model and arguments of `fit`, made from scratch as a script would."""
    train: Dataset = images(700, 28 if network == "lenet5" else 12)
    validation: Dataset = images(60, 28 if network == "lenet5" else 12)
    callbacks: list[Callback] = []
    options: dict[str, Any] = {}
    model: layers.Module
    if network == "lenet5":
        model = pycnn.models.lenet5(rng=0)
        options["augment"] = pycnn.augment.RandomCrop(28, padding=1)
    elif network == "batch_norm":
        model = batch_norm_net()
        parameters = model.parameters()
        options["optimizer"] = optim.SGD(parameters, 0.05, momentum=0.9, weight_decay=1e-4)
        options["schedule"] = optim.Cosine(0.05, warmup=0.1)
        options["max_grad_norm"] = 1.0
    elif network == "dropout":
        model = dropout_net()
        options["optimizer"] = optim.RMSprop(model.parameters(), 1e-3, momentum=0.5, centered=True)
        callbacks = [EarlyStopping(patience=9, restore_best=True)]
    else:
        train, validation = sentences(600), sentences(60)
        words = ["<pad>", "<unk>", *(f"word{number}" for number in range(400))]
        model = pycnn.models.textcnn(words, dim=16, filters=8, rng=0)
        options["optimizer"] = optim.Adadelta(model.parameters(), 1.0, 0.95)
        callbacks = [MaxNorm(last_weight(model), 3.0)]
    callbacks += [BestCheckpoint(folder / "best.safetensors"), CSVLog(folder / "log.csv")]
    return {
        "model": model, "train": train, "validation": validation, "epochs": EPOCHS,
        "batch_size": 32, "callbacks": callbacks, "seed": 3, **options,
    }  # fmt: skip


def last_weight(model: layers.Module) -> layers.Parameter:
    return [p for p in model.parameters() if len(p.shape) == 2][-1]


class Slow(Callback):
    """Waits a little in each step, so that a kill may hit any of them."""

    def on_step(self, run: Run) -> None:
        time.sleep(0.002)


def outcome(network: str, folder: Path, **checkpoint: Any) -> bytes:
    """Train to the end: everything that the training leaves, but times."""
    found: dict[str, Any] = {}

    class Keep(Callback):
        def on_train_end(self, run: Run) -> None:
            found["run"] = run

    arguments = setting(network, folder)
    arguments["callbacks"] += [Slow(), Keep()]
    history = pycnn.fit(**arguments, **checkpoint)
    model, run = arguments["model"], found["run"]
    parts = [array.tobytes() for array in model.state_dict().values()]
    for state in run.optimizer.state_dict()["state"].values():
        parts += [np.asarray(value).tobytes() for value in state.values()]
    for record in history:
        figures = {**record._asdict(), "seconds": 0, "samples_per_second": 0}
        parts.append(repr(figures).encode())
    pycnn.load(folder / "best.safetensors", model)
    parts += [array.tobytes() for array in model.state_dict().values()]
    parts.append(repr((run.step, run.optimizer.lr, len(history))).encode())
    return b"|".join(parts)


# Kills --------------------------------------------------------------------------------------


def child(work: Any) -> int:
    """Start a process that works; return its number."""
    number = os.fork()
    if number == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return number


def killed(number: int) -> bool:
    """Wait for a child; whether it was killed."""
    _, status = os.waitpid(number, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    assert os.WIFEXITED(status), status
    assert os.WEXITSTATUS(status) == 0
    return False


def die_in_write(write: int) -> None:
    """Kill this process in the middle of a write to a file, the first of which has number 0."""
    left = [write]
    create = vars(_files)["create"]

    def opened(path: str) -> Any:
        file = create(path)
        if left[0] == 0:

            class Half:
                def write(self, content: bytes) -> None:
                    file.write(content[: len(content) // 2])
                    file.flush()
                    os.kill(os.getpid(), signal.SIGKILL)

                def __enter__(self) -> Half:
                    return self

                def __exit__(self, *_: object) -> None:
                    file.close()

            return Half()
        left[0] -= 1
        return file

    vars(_files)["create"] = opened


def train(network: str, folder: Path, rng: random.Random, how: str) -> None:
    """Resume the training, and get killed in some way other than by time."""
    pycnn.set_num_threads(rng.randint(1, 3))
    if how == "write":
        die_in_write(rng.randint(0, 30))
    elif how == "call":
        count_down(rng.randint(0, 300))
    result = outcome(
        network, folder, checkpoint=folder / "training", every=rng.randint(1, 5), resume=True
    )
    (folder / "outcome").write_bytes(result)


def main(network: str, place: str, seed: str, kills: str) -> None:
    """Kill trainings, and print how it went."""
    rng = random.Random(int(seed))
    reference = Path(place, "reference")
    reference.mkdir()
    start = time.perf_counter()
    done = child(lambda: (reference / "outcome").write_bytes(outcome(network, reference)) and None)
    assert not killed(done)
    seconds = time.perf_counter() - start
    wanted = (reference / "outcome").read_bytes()
    told = {"kills": 0, "in writes": 0, "finished": 0, "other bits": 0, "torn": 0, "went back": 0}
    while told["kills"] < int(kills) or not told["finished"]:
        folder = Path(place, f"run{told['finished']}")
        folder.mkdir(exist_ok=True)
        how = rng.choice(("time", "write", "call")) if told["kills"] < int(kills) else "not at all"
        before = step_of(folder / "training")
        turn = random.Random(rng.random())
        number = child(lambda folder=folder, turn=turn, how=how: train(network, folder, turn, how))
        if how == "time":
            time.sleep(rng.uniform(0, seconds))
            os.kill(number, signal.SIGKILL)
        if killed(number):
            told["kills"] += 1
            told["in writes"] += any(path.name.endswith(".tmp") for path in folder.iterdir())
        else:
            told["finished"] += 1
            told["other bits"] += (folder / "outcome").read_bytes() != wanted
        try:
            told["went back"] += step_of(folder / "training") < before
        except ValueError:
            told["torn"] += 1
    print(json.dumps(told))


def step_of(path: Path) -> int:
    """Return the number of updates in a checkpoint; ValueError if the file is incomplete."""
    if not path.exists():
        return -1
    step: int = io.read_parts(path)[2]["step"]
    return step


if __name__ == "__main__":
    main(*sys.argv[1:])
