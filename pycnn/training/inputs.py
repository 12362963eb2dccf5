"""How many inputs a model takes."""

from __future__ import annotations

import inspect
from math import inf
from typing import Any

from pycnn.layers.module import Module


def inputs_of(model: Module) -> tuple[int, float]:
    """Return the least and the largest number of inputs that a model's ``forward`` takes."""
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):  # nothing says
        return 0, inf
    by_place = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    least = sum(p.default is p.empty for p in by_place)
    any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return least, inf if any_number else len(by_place)


def check_inputs(model: Module, x: Any) -> None:
    """Refuse samples of another number of inputs than the model takes.

    Raises
    ------
    TypeError
        With both numbers.
    """
    given, (least, most) = len(x) if isinstance(x, tuple) else 1, inputs_of(model)
    if least <= given <= most:
        return
    wanted = str(least) if least == most else f"{least} or more"
    raise TypeError(
        f"{type(model).__name__}.forward takes {wanted} input{'s' if wanted != '1' else ''}, the "
        f"samples hold {given}: several are a tuple of arrays, in the order of its arguments"
    )
