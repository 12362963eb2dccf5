"""The class or function of ``--model module:name``, which makes a network of the user's own."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from pycnn.layers import Module

FLAG = "--model"


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``; read it with `maker`."""
    parser.add_argument(
        FLAG,
        type=_name,
        metavar="MODULE:NAME",
        help="class, or function without arguments, that makes a network of your own: not needed "
        "for one made of pycnn's layers only",
    )


def _name(text: str) -> str:
    module, colon, name = text.partition(":")
    if colon and all(word.isidentifier() for word in (*module.split("."), *name.split("."))):
        return text
    raise argparse.ArgumentTypeError(f"must be module:name, got {text!r}")


def maker(name: str | None) -> Callable[[], Module] | None:
    """Return what makes the network of ``--model``; None without it.

    Raises
    ------
    ValueError
        If there is no such module, or nothing of this name in it.
    """
    if name is None:
        return None
    path, _, attribute = name.partition(":")
    make: Any = _imported(path)
    for word in attribute.split("."):
        make = getattr(make, word, None)
    if not callable(make):
        raise ValueError(f"{path} has no class or function {attribute}")

    def made() -> Module:
        try:
            model = make()
        except TypeError as error:  # most likely, it needs arguments
            raise ValueError(f"{name} cannot be called without arguments: {error}") from None
        if not isinstance(model, Module):
            raise ValueError(f"{name} must make a pycnn.Module, made {type(model).__name__}")
        return model

    return made


def _imported(path: str) -> Any:
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
