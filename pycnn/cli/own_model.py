"""Networks from modules of the user, for ``pycnn train mymodule:make_model``."""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from pycnn import init, recipes
from pycnn._arguments import integer, written
from pycnn.augment import Normalise
from pycnn.data import Dataset
from pycnn.datasets import ImageFolder
from pycnn.layers import Module
from pycnn.losses import CrossEntropyLoss
from pycnn.recipes import Recipe
from pycnn.recipes.own import RECIPE as OWN
from pycnn.recipes.pictures import picture_sets, split_note
from pycnn.splits import random_split

# What a module may define besides its networks.
MAKE_DATA, MAKE_LOSS, IMAGE_SIZE = "make_data", "make_loss", "image_size"

# Share of the samples that become test data where there are none.
TEST_SHARE = 0.2

# Peaks of the schedule; for other rates there is --lr.
_RATES = {"adadelta": 1.0, "adam": 1e-3, "adamw": 1e-3, "sgd": 5e-2}


def model_name(text: str) -> str:
    """Parse the name of a network: one with a recipe, or ``module:function``."""
    module, colon, name = text.partition(":")
    words = [*module.split("."), *name.split(".")]
    if text in recipes.available() or (colon and all(word.isidentifier() for word in words)):
        return text
    raise argparse.ArgumentTypeError(
        f"invalid choice: {text!r} (choose from {', '.join(recipes.available())}, or "
        "module:function for a network of your own)"
    )


def recipe_of(name: str) -> Recipe:
    """Return the recipe of a network, made from a module if the name says so.

    Raises
    ------
    ValueError
        If there is no such module, or nothing of that name in it.
    """
    if ":" not in name:
        return recipes.get(name)
    path, _, attribute = name.partition(":")
    module = module_of(path)
    make: Any = module
    for word in attribute.split("."):
        make = getattr(make, word, None)
    if not callable(make):
        raise ValueError(f"{path} has no function or class {attribute}")
    loss = getattr(module, MAKE_LOSS, CrossEntropyLoss)
    pictures = not hasattr(module, MAKE_DATA)
    return Recipe(
        sets=lambda folder, **options: _sets(module, folder, **options),
        pictures=pictures,
        build=lambda train, seed: _noted(_built(name, make, train, seed), module),
        read=OWN.read,
        epochs=10,
        rates=_RATES,
        loss=loss,
    )


def module_of(path: str) -> ModuleType:
    """Import a module from the folder of the command, or from where Python finds others."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{path}.".startswith(f"{error.name}."):
            raise ValueError(f"{path} needs a module that is not there: {error}") from None
        raise ValueError(f"there is no module {path} in {here} or where Python looks") from None


def _sets(
    module: ModuleType, folder: str | None, skip_broken: bool = False
) -> tuple[Dataset, Dataset]:
    """Return training and test data: those of the module, or the pictures of a folder."""
    make = getattr(module, MAKE_DATA, None)
    if make is None:
        if folder is None:
            raise ValueError(
                f"{module.__name__} needs data: a function {MAKE_DATA}() that returns training and "
                "test data, or --data DIR, a folder with one sub-folder of pictures for each class"
            )
        size = _image_size(module)
        to_one = Normalise(0.0, 255.0)
        train, test = picture_sets(folder, size, size, skip_broken)
        return train.prepared(normalise=to_one), test.prepared(normalise=to_one)
    takes_folder = bool(inspect.signature(make).parameters)
    if folder is not None and not takes_folder:
        raise ValueError(f"{MAKE_DATA} of {module.__name__} takes no folder: leave out --data")
    found = make(folder) if takes_folder else make()
    if isinstance(found, Dataset):
        found = random_split(found, TEST_SHARE)
    if not isinstance(found, Sequence) or len(found) != 2:
        raise ValueError(
            f"{MAKE_DATA} of {module.__name__} must return training and test data, such as two "
            f"ArrayDatasets, got {written(found)}"
        )
    for data in found:
        if not isinstance(data, Dataset):
            raise ValueError(f"{MAKE_DATA} of {module.__name__} must return Datasets, not {data}")
    return found[0], found[1]


def _noted(model: Module, module: ModuleType) -> Module:
    """Note the size of the pictures in the metadata of a model, for `pycnn.recipes.own`."""
    if not hasattr(module, MAKE_DATA):
        model.metadata = {**model.metadata, "image_size": _image_size(module)}
    return model


def _image_size(module: ModuleType) -> int:
    return integer(module.__name__, IMAGE_SIZE, getattr(module, IMAGE_SIZE, 32), 1)


def _built(name: str, make: Callable[..., Any], train: Dataset, seed: init.Rng) -> Module:
    """Make the model, with ``classes`` and ``seed`` if the function has such arguments."""
    offered = {"classes": len(train.classes), "seed": seed}
    wanted = inspect.signature(make).parameters
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    for key, one in wanted.items():
        given = (key in offered and one.kind in by_name) or one.default is not one.empty
        if not given and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            raise ValueError(
                f"{name} needs an argument {key}, and gets {' and '.join(offered)} alone: give it "
                "a default"
            )
    model = make(**{key: value for key, value in offered.items() if key in wanted})
    if not isinstance(model, Module):
        raise ValueError(f"{name} must return a pycnn.Module, got {written(model)}")
    if isinstance(train, ImageFolder):  # for evaluate and others, see pycnn.recipes.own
        model.metadata = {**model.metadata, IMAGE_SIZE: train.size, **split_note(train)}
    return model
