"""What a checkpoint says of its model, and the model made from that.

A model of `pycnn.models` is stored as its name and arguments, as long as nothing of it was
replaced. Any other is stored as an architecture (`pycnn.layers.architecture`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from pycnn import layers
from pycnn._arguments import written
from pycnn._budget import limited
from pycnn._printable import printable
from pycnn.layers.architecture import architecture, model_of
from pycnn.layers.module import Module

NAME, ARGUMENTS, ARCHITECTURE = "model", "arguments", "architecture"

# Arguments that set the initial parameters; a checkpoint has the trained ones instead.
INITIAL = ("rng", "embeddings")

# Exported, but not by themselves a layer.
_OTHERS = ("Module", "ParameterList")


@cache
def classes() -> dict[str, type[Module]]:
    """Return the layers and containers by name: the only classes that a file may ask for."""
    found = {name: getattr(layers, name) for name in layers.__all__ if name not in _OTHERS}
    return {
        name: kind
        for name, kind in found.items()
        if isinstance(kind, type) and issubclass(kind, Module)
    }


def as_text(model: Module) -> str:
    """Return the architecture of a model as text, to be compared."""
    return json.dumps(architecture(model, classes()))


def description(model: Module) -> dict[str, Any]:
    """Return what a checkpoint says of its model."""
    found = architecture(model, classes())
    spec, built = model.spec, vars(model).get("_as_built")
    if spec is not None and built in (None, json.dumps(found)):
        return {NAME: spec.name, ARGUMENTS: spec.arguments}
    return {ARCHITECTURE: found}


def made(
    header: dict[str, Any],
    create: Callable[..., Module],
    sizes: list[int],
) -> Module:
    """Make the model that a header describes, if it needs no more numbers than the file has.

    Parameters
    ----------
    header : dict
        Of the checkpoint.
    create : function of (name, **arguments)
        Makes a model of `pycnn.models`.
    sizes : list of int
        Numbers in each array of the file.

    Raises
    ------
    LookupError
        If it does not say which model it holds.
    TypeError, ValueError, OverflowError, MemoryError
        If that model cannot be made.
    """
    stored = header.get(ARCHITECTURE)
    name, arguments = header.get(NAME), header.get(ARGUMENTS)
    if stored is None and not (isinstance(name, str) and isinstance(arguments, dict)):
        raise LookupError(
            "does not say which model it holds: make the model and use pycnn.load(path, model), "
            "or pycnn.load_model(path, model)"
        )
    with limited(len(sizes), sum(sizes)):
        if stored is not None:
            if isinstance(stored, dict) and "own" in stored:
                raise LookupError(_wanted(stored))
            return model_of(stored, classes(), sum(sizes))
        assert isinstance(name, str)
        assert isinstance(arguments, dict)
        if given := [key for key in INITIAL if key in arguments]:
            raise ValueError(f"{given[0]!r} is not an argument that a checkpoint may have")
        return create(name, **arguments)


def _wanted(stored: dict[str, Any]) -> str:
    """Say which class a file needs that pycnn does not have."""
    own, place, why = stored["own"], stored.get("at"), stored.get("why")
    kind = printable(own) if isinstance(own, str) else written(own)
    where = f" at {printable(place)}" if isinstance(place, str) and place else ""
    reason = f" ({printable(why)})" if isinstance(why, str) else ""
    return (
        f"holds a model with the class {kind}{where}, of which a file has only the numbers"
        f"{reason}: pycnn.load_model(path, model) takes the class of the model, a function that "
        "makes it, or a model; on the command line, --model module:name"
    )


def made_by(maker: Any) -> Module:
    """Return a model of the user's: given, or made by a class or function without arguments.

    Raises
    ------
    TypeError
        If it is no model and makes none.
    """
    if isinstance(maker, Module):
        return maker
    if not callable(maker):
        raise TypeError(
            "[load_model] model must be a Module, or a class or function that makes one, got "
            f"{written(maker)}"
        )
    model = maker()
    if not isinstance(model, Module):
        raise TypeError(f"[load_model] {written(maker)} must make a Module, made {written(model)}")
    return model
