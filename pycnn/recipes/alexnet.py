"""AlexNet as published, on a folder of photographs."""

from __future__ import annotations

from collections.abc import Sequence

from pycnn import init
from pycnn.augment import ColourPCA, Compose, Normalise, RandomCrop, RandomHorizontalFlip
from pycnn.data import Dataset
from pycnn.datasets import ImageFolder
from pycnn.datasets.picture import read_squares
from pycnn.layers import Module
from pycnn.layers.parameter import Array
from pycnn.models.alexnet import SIZE, alexnet
from pycnn.recipes.pictures import note, picture_sets, split_note, test_pictures
from pycnn.recipes.recipe import Recipe

# Shorter side of the scaled pictures, from which training cuts squares of SIZE.
SCALED = 256


def _folder(folder: str | None) -> str:
    if folder is None:
        raise ValueError(
            "alexnet needs pictures of your own: --data DIR, a folder with one sub-folder of "
            "pictures for each class, or with such folders train and test"
        )
    return folder


def _sets(folder: str | None, skip_broken: bool = False) -> tuple[Dataset, Dataset]:
    train, test = picture_sets(_folder(folder), SCALED, SIZE, skip_broken)
    mean = Normalise(train.mean_colour())
    return train.prepared(normalise=mean), test.prepared(normalise=mean)


def _build(train: Dataset, rng: init.Rng) -> Module:
    assert isinstance(train, ImageFolder)
    model = alexnet(len(train.classes), rng=rng)
    model.metadata = {"mean": train.normalise.mean.tolist(), **split_note(train)}
    return model


def _mean(model: Module) -> Normalise:
    return Normalise(note(model, "mean", float))


def _read(model: Module, paths: Sequence[str]) -> Array:
    return _mean(model)(read_squares(paths, SCALED, SIZE))


def _test(model: Module, folder: str | None, skip_broken: bool = False) -> Dataset:
    return test_pictures(model, _folder(folder), SCALED, SIZE, _mean(model), skip_broken)


# The paper trains with --optimizer sgd --batch-size 128 --epochs 90: momentum 0.9, weight decay
# 5e-4 and a rate of 0.01, which the authors lowered by hand three times; here the rate climbs to
# 0.01 and falls again on the one-cycle schedule. It is a rate for a thousand classes: with biases
# of 1 all 4096 units of fc7 start around 1, so the loss of C classes that are equally likely has a
# curvature of 4096 / C or more along what they share, 4 for 1000 classes, 1024 for 4; momentum 0.9
# needs rate * curvature < 2 (1 + 0.9), and with few classes it diverges. Adam's steps do not grow
# with the gradient: 1e-4 learns with any number of classes.
RECIPE = Recipe(
    sets=_sets,
    pictures=True,
    build=_build,
    read=_read,
    test=_test,
    epochs=20,
    batch_size=32,
    optimizer="adam",
    rates={"adam": 1e-4, "adamw": 1e-4, "sgd": 1e-2},
    weight_decay=5e-4,
    augment=Compose(RandomCrop(SIZE), RandomHorizontalFlip(), ColourPCA(0.1)),
    always_augment=True,  # it cuts the training pictures to the size that the network takes
)
