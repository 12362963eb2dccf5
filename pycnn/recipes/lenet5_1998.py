"""LeNet-5 of 1998 on MNIST."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pycnn import datasets, init
from pycnn.augment import RandomAffine
from pycnn.data import Dataset
from pycnn.datasets.mnist_1998 import BACKGROUND, from_pixels
from pycnn.layers import Module
from pycnn.layers.parameter import Array
from pycnn.losses import MAPLoss
from pycnn.models.lenet5_1998 import lenet5_1998
from pycnn.recipes.digit_picture import read_digit
from pycnn.recipes.recipe import Recipe


def _sets(folder: str | None) -> tuple[Dataset, Dataset]:
    return datasets.mnist_1998(folder)


def _build(_: Dataset, rng: init.Rng) -> Module:
    return lenet5_1998(rng=rng)


def _read(_: Module, paths: Sequence[str]) -> Array:
    return from_pixels(np.stack([read_digit(path) for path in paths])[:, np.newaxis])


# Shift, scale, squeeze and slant, as the paper distorts its digits.
DISTORTION = RandomAffine(scale=0.1, shear=10.0, translate=2.0, squeeze=1.1, fill=BACKGROUND)

RECIPE = Recipe(
    sets=_sets,
    build=_build,
    read=_read,
    epochs=20,  # as the paper
    optimizer="sgd",
    rates={"sgd": 5e-3, "adam": 5e-3, "adamw": 5e-3},
    loss=MAPLoss,
    augment=DISTORTION,
)
