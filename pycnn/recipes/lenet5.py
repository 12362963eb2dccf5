"""LeNet-5 on the digits of MNIST, or on images in its format."""

from __future__ import annotations

from collections.abc import Sequence

from pycnn import datasets, init
from pycnn.augment import RandomCrop
from pycnn.data import Dataset
from pycnn.datasets.mnist import MEAN, STD, mnist_test
from pycnn.datasets.normalise import normalise
from pycnn.layers import Module
from pycnn.layers.parameter import Array
from pycnn.models.lenet5 import lenet5
from pycnn.recipes.digit_picture import box_of, read_digits
from pycnn.recipes.recipe import Recipe


def _sets(folder: str | None, transposed: bool | None = None) -> tuple[Dataset, Dataset]:
    return datasets.mnist(folder, classes=None, transposed=transposed)


def _build(train: Dataset, rng: init.Rng) -> Module:
    model = lenet5(len(train.classes), rng=rng)
    model.metadata = box_of(train)
    return model


def _read(model: Module, paths: Sequence[str]) -> Array:
    return normalise(read_digits(model, paths), (MEAN,), (STD,))


def _test(model: Module, folder: str | None, transposed: bool | None = None) -> Dataset:
    assert model.spec is not None  # a checkpoint without it is refused
    classes = tuple(map(str, range(model.spec.arguments["classes"])))
    return mnist_test(folder, classes=classes, transposed=transposed)


# Chosen on 10,000 of the training images, by the mean accuracy of seeds 0-4 trained on the other
# 50,000: these settings 99.14 %, a rate of 0.005 or a fifth epoch 99.17 %; without the shifts
# 98.94 % in 3 epochs and 99.09 % in 5, and there weight decay (AdamW, 0.05 and 0.2) or batches of
# 128 are no better. On the test images: 99.31 % (median of seeds 0-4, lowest 99.28 %; AVX2).
RECIPE = Recipe(
    sets=_sets,
    idx=True,
    build=_build,
    read=_read,
    test=_test,
    epochs=4,
    rates={"adam": 3e-3, "adamw": 3e-3, "sgd": 5e-2},
    augment=RandomCrop(28, padding=1),  # shifts by up to a pixel
    always_augment=True,
)
