"""AlexNet in small, on CIFAR-10 or a folder of pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pycnn import datasets, init
from pycnn.augment import Compose, Normalise, RandomCrop, RandomHorizontalFlip
from pycnn.data import Dataset
from pycnn.datasets import ImageFolder
from pycnn.datasets.cifar10 import FILE, MEAN, STD
from pycnn.datasets.picture import read_squares
from pycnn.layers import Module
from pycnn.layers.parameter import Array
from pycnn.models.alexnet_cifar import alexnet_cifar
from pycnn.recipes.pictures import picture_sets, split_note, test_pictures
from pycnn.recipes.recipe import Recipe

SIZE = 32
# For pixels of 0..255; all pictures are normalised as CIFAR-10's are.
NORMALISE = Normalise([255 * value for value in MEAN], [255 * value for value in STD])


def _is_cifar(folder: str | None) -> bool:
    return folder is None or os.path.exists(os.path.join(folder, FILE.name))


def _sets(folder: str | None, skip_broken: bool = False) -> tuple[Dataset, Dataset]:
    if folder is None or _is_cifar(folder):
        return datasets.cifar10(folder)
    train, test = picture_sets(folder, SIZE, SIZE, skip_broken)
    return train.prepared(normalise=NORMALISE), test.prepared(normalise=NORMALISE)


def _build(train: Dataset, rng: init.Rng) -> Module:
    model = alexnet_cifar(len(train.classes), rng=rng)
    if isinstance(train, ImageFolder):
        model.metadata = split_note(train)
    return model


def _read(_: Module, paths: Sequence[str]) -> Array:
    return NORMALISE(read_squares(paths, SIZE, SIZE))


def _test(model: Module, folder: str | None, skip_broken: bool = False) -> Dataset:
    if folder is None or _is_cifar(folder):
        return datasets.cifar10(folder)[1]
    return test_pictures(model, folder, SIZE, SIZE, NORMALISE, skip_broken)


RECIPE = Recipe(
    sets=_sets,
    pictures=True,
    build=_build,
    read=_read,
    test=_test,
    epochs=20,
    batch_size=64,
    rates={"adam": 1e-3, "adamw": 1e-3, "sgd": 2e-2},
    weight_decay=5e-4,
    augment=Compose(RandomCrop(SIZE, padding=4), RandomHorizontalFlip()),
)
