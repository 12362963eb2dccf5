"""Recipes: data, training settings and inputs of each network, for the command line and scripts.

- `available`, `get`: the recipes by the names of the models; `SUMMARIES`: what they are
- `recipe`: `Recipe`, what one consists of
- one module for each network, imported when it is asked for
- `digit_picture`: pictures of digits as MNIST has them; `pictures`: folders of photographs
"""

from __future__ import annotations

import importlib

from pycnn._arguments import written
from pycnn.recipes.recipe import Recipe

__all__ = ["SUMMARIES", "Recipe", "available", "get"]

# What each network is, and its data.
SUMMARIES = {
    "alexnet": "AlexNet of 2012, pictures of your own",
    "alexnet_cifar": "a small AlexNet, CIFAR-10",
    "lenet5": "LeNet-5 of today, MNIST",
    "lenet5_1998": "LeNet-5 as published, MNIST",
    "neocognitron": "Fukushima's of 1980, MNIST",
    "textcnn": "Kim's text network, sentences of film reviews",
}


def available() -> tuple[str, ...]:
    """Names of the networks that have a recipe."""
    return tuple(sorted(SUMMARIES))


def get(name: str) -> Recipe:
    """Return the recipe of a network.

    Parameters
    ----------
    name : str
        One of `available`.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in SUMMARIES:
        raise ValueError(
            f"there is no recipe for {written(name)}; available: {', '.join(available())}"
        )
    recipe: Recipe = importlib.import_module(f"pycnn.recipes.{name}").RECIPE
    return recipe
