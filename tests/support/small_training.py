"""A small classification task and a small network, for tests that need not see real data."""

from __future__ import annotations

import numpy as np

from pycnn.data import ArrayDataset
from pycnn.layers import Conv2d, Dropout, Flatten, Linear, MaxPool2d, Module, ReLU, Sequential

CLASSES = 4


def blobs(n: int, seed: int = 0) -> ArrayDataset:
    """Return noisy (n, 1, 8, 8) images with one bright quarter, which is the class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, CLASSES, n)
    x = rng.normal(0, 0.5, (n, 1, 8, 8)).astype(np.float32)
    for image, label in zip(x, y, strict=True):
        row, column = divmod(int(label), 2)
        image[0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 1
    return ArrayDataset(x, y.astype(np.int64), tuple("abcd"), "blobs")


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def digits(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noise in LeNet-5's input size, and a class for each image."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 1, 28, 28)).astype(np.float32)
    return x, rng.integers(0, 10, n)


def small_net(seed: int = 0, dropout: float | None = None) -> Sequential:
    """Return conv, pool, linear: solves `blobs`. Only the dropout does not follow the seed."""
    rng = np.random.default_rng(seed)
    extra: list[Module] = [] if dropout is None else [Dropout(dropout)]
    return Sequential(
        Conv2d(1, 4, 3, padding=1, rng=rng),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        *extra,
        Linear(64, CLASSES, rng=rng),
    )


def snapshot(model: Module) -> dict[str, np.ndarray]:
    """Copy of all parameters."""
    return {name: array.copy() for name, array in model.state_dict().items()}


def same_bits(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    """Return whether two states hold the same numbers, bit for bit."""
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


def pairs(n: int = 128, size: int = 32) -> list[tuple[np.ndarray, np.ndarray]]:
    data = blobs(n)
    return [(data.x[i : i + size], data.y[i : i + size]) for i in range(0, n, size)]


def empty() -> ArrayDataset:
    return ArrayDataset(np.zeros((0, 1, 8, 8), np.float32), np.zeros(0, np.int64))
