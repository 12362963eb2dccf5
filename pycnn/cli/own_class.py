"""The class or function of ``--model module:name``, which makes a network of the user's own."""

from __future__ import annotations

import argparse
import inspect
from typing import Any

from pycnn.cli.own_model import MAKE_DATA, module_of, recipe_of
from pycnn.io import metadata_of
from pycnn.layers import Module

FLAG = "--model"


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``; read it with `own_network`."""
    parser.add_argument(
        FLAG,
        type=_name,
        metavar="MODULE:NAME",
        help="class or function that makes a network of your own, as for train: not needed for "
        "one made of pycnn's layers only, except for the data of its module",
    )


def _name(text: str) -> str:
    module, colon, name = text.partition(":")
    if colon and all(word.isidentifier() for word in (*module.split("."), *name.split("."))):
        return text
    raise argparse.ArgumentTypeError(f"must be module:name, got {text!r}")


def own_network(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `SavedRun` needs for ``--model``; nothing without it.

    A function may take ``classes`` and ``seed``, as for ``pycnn train``. The data are those of the
    module, if it has any.

    Raises
    ------
    ValueError
        If there is no such module, or nothing of this name in it.
    """
    if args.model is None:
        return {}
    path, _, attribute = args.model.partition(":")
    recipe = recipe_of(args.model)
    module = module_of(path)
    make: Any = module
    for word in attribute.split("."):
        make = getattr(make, word)

    def made() -> Module:
        classes = metadata_of(args.source).get("classes", ())
        offered = {"classes": len(classes), "seed": 0} if classes else {"seed": 0}
        wanted = inspect.signature(make).parameters
        try:
            model = make(**{name: value for name, value in offered.items() if name in wanted})
        except TypeError as error:  # most likely, it needs other arguments
            raise ValueError(f"{args.model} cannot be called: {error}") from None
        if not isinstance(model, Module):
            raise ValueError(f"{args.model} must make a pycnn.Module, made {type(model).__name__}")
        return model

    return {"make": made, "recipe": recipe if hasattr(module, MAKE_DATA) else None}
