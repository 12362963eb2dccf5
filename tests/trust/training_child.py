"""A small training and a digest of all its bits, which these tests compare across processes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from support.small_training import blobs, small_net, snapshot

import pycnn

# Large enough that the ops use several threads, and short.
SAMPLES, BATCH, EPOCHS = 192, 64, 2


class Pictures:
    """A data set whose samples are made when they are asked for, by the threads of a loader."""

    def __init__(self, data: pycnn.ArrayDataset) -> None:
        self.data, self.y, self.classes, self.name = data, data.y, data.classes, "pictures"

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> Pictures:
        return Pictures(self.data[index])

    def gather(self, index: np.ndarray) -> np.ndarray:
        # 32 x 32: each pixel becomes a square of four.
        return np.repeat(np.repeat(self.data.gather(index), 4, axis=2), 4, axis=3)


def network(seed: int = 0) -> pycnn.Sequential:
    rng = np.random.default_rng(seed)
    return pycnn.Sequential(
        pycnn.Conv2d(1, 16, 3, padding=1, rng=rng),
        pycnn.BatchNorm2d(16),
        pycnn.ReLU(),
        pycnn.MaxPool2d(2),
        pycnn.Conv2d(16, 32, 3, padding=1, rng=rng),
        pycnn.ReLU(),
        pycnn.MaxPool2d(2),
        pycnn.Flatten(),
        pycnn.Dropout(0.3),
        pycnn.Linear(32 * 8 * 8, 4, rng=rng),
    )


def loader(workers: int = 2, ahead: int = 4, seed: int = 7) -> pycnn.DataLoader:
    augment = pycnn.augment.RandomAffine(10)
    return pycnn.DataLoader(Pictures(blobs(SAMPLES)), BATCH, seed, augment, workers, ahead)


def train(workers: int = 2, ahead: int = 4, progress: bool = False, seed: int = 0) -> str:
    """Train with a momentum, and return a digest of every parameter and figure."""
    model = network(seed)
    optimizer = pycnn.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    data = loader(workers, ahead)
    history = pycnn.fit(
        model, data, blobs_as_pictures(), epochs=EPOCHS, optimizer=optimizer, seed=seed,
        progress=progress,
    )  # fmt: skip
    figures = [(r.loss, r.accuracy, r.val_loss, r.val_accuracy) for r in history.records]
    return digest(model, figures)


def blobs_as_pictures() -> Pictures:
    return Pictures(blobs(100, seed=1))


def digest(model: pycnn.Module, figures: object = None) -> str:
    total = hashlib.sha256(repr(figures).encode())
    for name, array in sorted(snapshot(model).items()):
        total.update(name.encode() + array.tobytes())
    return total.hexdigest()[:16]


def toy_digest(seed: int = 0) -> str:
    """Run the shortest possible training, on one batch after the other."""
    model = small_net(seed)
    pycnn.fit(model, blobs(200), epochs=1, batch_size=50, seed=seed, progress=False)
    return digest(model)


class ForksOnTheWay:
    """Batches of a loader; at the third the process may fork, and both go on with the training."""

    def __init__(self, forks: bool) -> None:
        self.batches = loader()
        self.child: int | None = None if forks else 1  # 0 in the child

    def __iter__(self) -> Iterator[Any]:
        for number, batch in enumerate(self.batches):
            if number == 2 and self.child is None:
                self.child = os.fork()
            yield batch


def train_and_fork_on_the_way(forks: bool, seed: int = 0) -> tuple[str, str]:
    """Return the digests that the parent and the child come to."""
    reading, writing = os.pipe()
    data = ForksOnTheWay(forks)
    model = network(seed)
    pycnn.fit(model, data, epochs=EPOCHS, seed=seed, progress=False)
    if data.child == 0:
        os.write(writing, digest(model).encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        told = pipe.read()
    if forks:
        os.waitpid(data.child or 0, 0)
    return digest(model), told


def in_a_process(seed: int) -> str:
    """Train where a pool of processes, or joblib, calls it."""
    return train(seed=seed)
