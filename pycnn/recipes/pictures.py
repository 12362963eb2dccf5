"""Folders of pictures, for all recipes of networks that classify photographs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn._arguments import written
from pycnn._printable import printable
from pycnn.augment import Normalise
from pycnn.datasets import ImageFolder
from pycnn.layers import Module
from pycnn.splits import divide

# Share of the pictures that become test data where a folder has none of its own.
TEST_SHARE = 0.2

# Names of the folder of test data.
TEST_FOLDERS = ("test", "val")

# In the metadata of a checkpoint: for each class the lowest draw of its training pictures.
BOUNDS = "test_below"

Draws = npt.NDArray[np.float64]


def picture_sets(
    folder: str, size: int, crop: int, skip_broken: bool = False
) -> tuple[ImageFolder, ImageFolder]:
    """Return the training and test pictures of a folder.

    Parameters
    ----------
    folder : str
        With the folders ``train`` and ``test`` (or ``val``), each with a sub-folder for each class;
        or with those of the classes themselves: a fifth of each class, at least one picture, is
        kept for testing, chosen by the paths in the folder.
    size, crop : int
        As for `ImageFolder`; training pictures are not cropped.
    skip_broken : bool
        Whether broken files are left out, with a warning. What is kept for testing is chosen
        before, so that it does not depend on them.

    Raises
    ------
    OSError, ValueError
        As `ImageFolder`; a class of a folder without test data needs two pictures, and each a whole
        one for training.
    """
    if (parts := _parts(folder)) is not None:
        train = ImageFolder(parts[0], size)
        test = ImageFolder(parts[1], size, crop, classes=train.classes)
    else:
        whole = ImageFolder(folder, size)
        train, test = _split(whole, _bounds(whole))
        test = test.prepared(crop=crop)
    if not skip_broken:
        return train, test
    train, test = train.without_broken(), test.without_broken()
    for label, name in enumerate(train.classes):
        if label not in train.y:
            raise ValueError(
                f"{printable(folder)}: every training picture of the class "
                f"{written(name)} is broken"
            )
    return train, test


def test_pictures(
    model: Module,
    folder: str,
    size: int,
    crop: int,
    normalise: Normalise,
    skip_broken: bool,
) -> ImageFolder:
    """Return the test pictures of a folder, with the classes numbered as the model knows them.

    Of a folder without test data of its own, these are the pictures with lower draws than the
    training has seen: whatever was added or removed since, it has seen none of them. There need be
    no training pictures beside a folder ``test`` (or ``val``).
    """
    classes = note(model, "classes", str)
    place = _test_folder(folder, classes)
    data = ImageFolder(place or folder, size, crop, classes=classes).prepared(normalise=normalise)
    if place is None:
        bounds = _noted_bounds(model) if BOUNDS in model.metadata else _bounds(data)
        kept = _split(data, bounds)[1]
        kept.part = f"those of {len(data):,} pictures that training keeps for testing"
        data = kept
        if len(data) == 0:
            raise ValueError(
                f"{printable(folder)} holds no picture that the training has kept for testing"
            )
    return data.without_broken() if skip_broken else data


def split_note(train: ImageFolder) -> dict[str, list[float]]:
    """Return metadata of a model that record which pictures it is trained on."""
    parts = _parts(os.path.dirname(train.root))
    if parts is not None and parts[0] == train.root:
        return {}  # nothing was chosen
    draws = _draws(train)
    return {BOUNDS: [float(draws[train.y == label].min()) for label in range(len(train.classes))]}


def note(model: Module, name: str, kind: type) -> list[Any]:
    """Return the list of str or float that the training noted in the metadata of a model.

    Raises
    ------
    ValueError
        If it is not there: the model was saved by another program.
    """
    value = model.metadata.get(name)
    if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
        raise ValueError(
            f"the checkpoint has no list {written(name)} in its metadata, as train leaves it"
        )
    return value


def _noted_bounds(model: Module) -> Draws:
    bounds = note(model, BOUNDS, float)
    if len(bounds) != (classes := len(note(model, "classes", str))):
        raise ValueError(
            f"the checkpoint has {classes} classes, but its list {BOUNDS!r} has {len(bounds)} items"
        )
    return np.array(bounds)


def _bounds(data: ImageFolder) -> Draws:
    """Return the bound of each class below which the draws of its test pictures lie."""
    draws, bounds = _draws(data), np.zeros(len(data.classes))
    for label in np.unique(data.y):
        own = np.sort(draws[data.y == label])
        if len(own) < 2:
            raise ValueError(
                f"{data.root} has one picture only of the class {data.classes[label]!r}: "
                "training and test need one each"
            )
        bounds[label] = own[max(1, round(TEST_SHARE * len(own)))]
    return bounds


def _split(data: ImageFolder, bounds: Draws) -> tuple[ImageFolder, ImageFolder]:
    return divide(data, _draws(data) < bounds[data.y])


def _draws(data: ImageFolder) -> Draws:
    """Return for each picture a number in [0, 1) that depends only on its path in the folder."""
    names = (os.path.relpath(path, data.root).replace(os.sep, "/") for path in data.paths)
    digests = (sha256(os.fsencode(name)).digest() for name in names)
    return np.array([int.from_bytes(digest[:6], "big") / 2**48 for digest in digests])


def _parts(folder: str) -> tuple[str, str] | None:
    """Return the folders of the training and of the test data, or None if one is missing."""
    train = os.path.join(folder, "train")
    for name in TEST_FOLDERS:
        test = os.path.join(folder, name)
        if os.path.isdir(train) and os.path.isdir(test):
            return train, test
    return None


def _test_folder(folder: str, classes: Sequence[str]) -> str | None:
    """Return the folder of a trained model's test data, or None; training data may be missing."""
    if (parts := _parts(folder)) is not None:
        return parts[1]
    if any(os.path.isdir(os.path.join(folder, name)) for name in classes):
        return None
    found = (os.path.join(folder, name) for name in TEST_FOLDERS)
    return next(filter(os.path.isdir, found), None)
