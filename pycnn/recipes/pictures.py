"""What the recipes of networks for photographs share: folders of pictures."""

from __future__ import annotations

import os
from typing import Any

from pycnn.augment import Normalise
from pycnn.datasets import ImageFolder
from pycnn.layers import Module
from pycnn.splits import split

# Of the pictures of a folder that has no test data of its own: the share that is kept for it, and
# the seed of the choice, always the same, so that no checkpoint is tested on what it has seen.
TEST_SHARE = 0.2
SPLIT_SEED = 0


def picture_sets(
    folder: str, size: int, crop: int, skip_broken: bool = False
) -> tuple[ImageFolder, ImageFolder]:
    """Give the training and test pictures of a folder.

    Parameters
    ----------
    folder : str
        With the folders ``train`` and ``test`` (or ``val``), each with a sub-folder for each class;
        or with those of the classes themselves, a fifth of which is kept for testing.
    size, crop : int
        As for `ImageFolder`; training pictures are not cropped.
    skip_broken : bool
        Whether broken files are left out, with a warning. What is kept for testing is chosen
        before, so that it does not depend on them.

    Raises
    ------
    OSError, ValueError
        As `ImageFolder`.
    """
    if (parts := _parts(folder)) is not None:
        train = ImageFolder(parts[0], size)
        test = ImageFolder(parts[1], size, crop, classes=train.classes)
    else:
        train, test = split(ImageFolder(folder, size), TEST_SHARE, SPLIT_SEED)
        test = test.prepared(crop=crop)
    return (train.without_broken(), test.without_broken()) if skip_broken else (train, test)


def test_pictures(
    model: Module,
    folder: str,
    size: int,
    crop: int,
    normalise: Normalise,
    skip_broken: bool,
) -> ImageFolder:
    """Give the test pictures of a folder, with the classes numbered as the model knows them."""
    classes = note(model, "classes")
    parts = _parts(folder)
    place = folder if parts is None else parts[1]
    data = ImageFolder(place, size, crop, classes=classes).prepared(normalise=normalise)
    if parts is None:
        data = split(data, TEST_SHARE, SPLIT_SEED)[1]
    return data.without_broken() if skip_broken else data


def note(model: Module, name: str) -> list[Any]:
    """Give what the training noted in the metadata of a model.

    Raises
    ------
    ValueError
        If it is not there: the model was saved by another program.
    """
    value = model.metadata.get(name)
    if not isinstance(value, list) or (name == "classes" and not _all_names(value)):
        raise ValueError(f"the checkpoint has no list {name!r} in its metadata, as train leaves it")
    return value


def _all_names(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _parts(folder: str) -> tuple[str, str] | None:
    """Folders of the training and of the test data, where there are both."""
    train = os.path.join(folder, "train")
    for name in ("test", "val"):
        test = os.path.join(folder, name)
        if os.path.isdir(train) and os.path.isdir(test):
            return train, test
    return None
