"""Models by name, so that the command line and checkpoints can create them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from pycnn._arguments import written
from pycnn.layers.module import ModelSpec, Module
from pycnn.models.stored import INITIAL, as_text

P = ParamSpec("P")
M = TypeVar("M", bound=Module)

_builders: dict[str, Callable[..., Module]] = {}


def register(builder: Callable[P, M]) -> Callable[P, M]:
    """Register a function that builds a model by its name; its models record the arguments.

    Parameters
    ----------
    builder : function
        Takes JSON values (besides ``rng`` and ``embeddings``) and returns a new model.

    Returns
    -------
    function
        The same function, which also sets ``model.spec`` on the model that it returns.
    """
    signature = inspect.signature(builder)
    name = builder.__name__

    @functools.wraps(builder)
    def build(*args: P.args, **kwargs: P.kwargs) -> M:
        model = builder(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments = {key: bound.arguments[key] for key in bound.arguments if key not in INITIAL}
        model.spec = ModelSpec(name, arguments)
        vars(model)["_as_built"] = as_text(model)  # to see whether it is still this model
        return model

    _builders[name] = build
    return build


def available() -> tuple[str, ...]:
    """Names of all models."""
    return tuple(sorted(_builders))


def create(name: str, **arguments: Any) -> Module:
    """Make a new model.

    Parameters
    ----------
    name : str
        One of `available`.
    **arguments
        Arguments of the function of that name in `pycnn.models`.

    Returns
    -------
    Module
        The model, with fresh parameters.

    Raises
    ------
    ValueError
        If there is no such model.
    TypeError
        If its function does not take these arguments.
    """
    if not isinstance(name, str):
        raise TypeError(f"[create] name must be a str, got {type(name).__name__}")
    if name not in _builders:
        names = ", ".join(available())
        raise ValueError(f"[create] name: unknown model {written(name)}; available: {names}")
    return _builders[name](**arguments)
