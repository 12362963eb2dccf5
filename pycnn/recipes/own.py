"""Networks of one's own, made of the library's layers or by a class of the user: data and inputs.

What they take is seen by trying: 28x28 grey images, as MNIST has, or pictures in colour. The
metadata of a model may say more: ``classes``, and for pictures ``image_size`` (32), and the
``mean`` and ``std`` of the colours by which inputs of 0..1 were normalised (0 and 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pycnn import init
from pycnn._arguments import integer
from pycnn.augment import Normalise
from pycnn.data import Dataset
from pycnn.datasets import ImageFolder
from pycnn.datasets.mnist import MEAN, STD, Unsaid, find_idx, mnist_test
from pycnn.datasets.normalise import normalise
from pycnn.datasets.picture import read_squares
from pycnn.layers import Module
from pycnn.layers.parameter import Array
from pycnn.recipes.digit_picture import read_digits
from pycnn.recipes.pictures import test_pictures
from pycnn.recipes.recipe import Recipe
from pycnn.training import predict

_DIGIT, _SIZE = (1, 1, 28, 28), 32


def _classes_of_digits(model: Module) -> tuple[str, ...] | None:
    """Return the names of the classes of a model for 28x28 grey images; None for another model."""
    try:
        outputs = predict(model, np.zeros(_DIGIT, np.float32))
    except (TypeError, ValueError):
        return None
    if getattr(outputs, "ndim", 0) != 2:
        return None
    named = model.metadata.get("classes") or range(outputs.shape[1])
    return tuple(map(str, named))


def _size(model: Module) -> int:
    return integer("image_size", "of the metadata", model.metadata.get("image_size", _SIZE), 1)


def _colours(model: Module) -> Normalise:
    """Return how pixels of 0..255 become what the model takes."""
    try:
        mean, std = (
            255 * np.asarray(model.metadata.get(name, default), np.float64)
            for name, default in (("mean", 0.0), ("std", 1.0))
        )
        return Normalise(mean.tolist(), std.tolist())
    except (TypeError, ValueError) as error:
        raise ValueError(f"mean and std in the metadata of the model: {error}") from None


def _test(
    model: Module, folder: str | None, skip_broken: bool = False, transposed: bool | None = None
) -> Dataset:
    digits = _classes_of_digits(model)
    if folder is None:
        if digits is None:
            raise ValueError(
                "a network of your own needs to be told its data: --data DIR, a folder with one "
                "sub-folder of pictures for each class, or with IDX files in MNIST's format"
            )
        return mnist_test(classes=digits, transposed=transposed)
    if _has_idx(folder):
        classes = Unsaid.UNSAID if digits is None else digits
        return mnist_test(folder, classes=classes, transposed=transposed)
    size, colours = _size(model), _colours(model)
    if model.metadata.get("classes"):
        return test_pictures(model, folder, size, size, colours, skip_broken)
    whole = ImageFolder(folder, size, size).prepared(normalise=colours)
    return whole.without_broken() if skip_broken else whole


def _has_idx(folder: str) -> bool:
    try:
        find_idx(Path(folder), "test", "images")
    except (OSError, ValueError):
        return False
    return True


def _read(model: Module, paths: Sequence[str]) -> Array:
    if _classes_of_digits(model) is not None:
        return normalise(read_digits(model, paths), (MEAN,), (STD,))
    size = _size(model)
    return _colours(model)(read_squares(paths, size, size))


def _not_trained(*_: Any, **__: Any) -> Any:
    raise ValueError("a network of your own is trained by pycnn.fit")


def _built(_: Dataset, __: init.Rng) -> Module:
    model: Module = _not_trained()
    return model


RECIPE = Recipe(
    sets=_not_trained,
    pictures=True,
    idx=True,
    build=_built,
    read=_read,
    test=_test,
    epochs=1,
    rates={},
)
