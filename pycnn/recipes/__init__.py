"""Recipes: data, training settings and inputs of each network, for the command line and scripts.

- `available`, `get`: the recipes by the names of the models
- `recipe`: `Recipe`, what one consists of
- one module for each network, imported when it is asked for
- `digit_picture`: pictures of digits as MNIST has them; `pictures`: folders of photographs
"""

from __future__ import annotations

import importlib

from pycnn.recipes.recipe import Recipe

__all__ = ["Recipe", "available", "get"]

_NAMES = (
    "alexnet",
    "alexnet_cifar",
    "lenet5",
    "lenet5_1998",
    "neocognitron",
    "textcnn",
)


def available() -> tuple[str, ...]:
    """Names of the networks that have a recipe."""
    return tuple(sorted(_NAMES))


def get(name: str) -> Recipe:
    """Give the recipe of a network.

    Parameters
    ----------
    name : str
        One of `available`.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name not in _NAMES:
        raise ValueError(f"there is no recipe for {name!r}; available: {', '.join(available())}")
    recipe: Recipe = importlib.import_module(f"pycnn.recipes.{name}").RECIPE
    return recipe
