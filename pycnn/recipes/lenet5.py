"""LeNet-5 on the digits of MNIST, or on images in its format."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pycnn import datasets, init
from pycnn.data import Dataset
from pycnn.datasets.mnist import MEAN, STD
from pycnn.datasets.normalise import normalise
from pycnn.layers import Module
from pycnn.layers.parameter import Array
from pycnn.models.lenet5 import lenet5
from pycnn.recipes.digit_picture import read_digit
from pycnn.recipes.recipe import Recipe


def _sets(folder: str | None) -> tuple[Dataset, Dataset]:
    return datasets.mnist(folder, classes=None)


def _build(train: Dataset, rng: init.Rng) -> Module:
    return lenet5(len(train.classes), rng=rng)


def _read(_: Module, paths: Sequence[str]) -> Array:
    pixels = np.stack([read_digit(path) for path in paths])[:, np.newaxis]
    return normalise(pixels, (MEAN,), (STD,))


def _test(model: Module, folder: str | None) -> Dataset:
    assert model.spec is not None  # a checkpoint without it is refused
    classes = tuple(map(str, range(model.spec.arguments["classes"])))
    return datasets.mnist(folder, classes=classes)[1]


# Adam and the defaults below reach 99.13 % on the test images (median of seeds 0-14, lowest
# 99.06 %); 2 epochs reach 99.06 %, 4 reach 99.17 %.
RECIPE = Recipe(
    sets=_sets,
    build=_build,
    read=_read,
    test=_test,
    epochs=3,
    rates={"adam": 3e-3, "adamw": 3e-3, "sgd": 5e-2},
)
