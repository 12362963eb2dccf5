"""Hostile arguments, inputs and gradients of every layer."""

from __future__ import annotations

import inspect
import random
from typing import Any

import numpy as np
from trust.hostile import hostile_array, hostile_value, outcome

from pycnn import layers

INPUTS = (
    *(np.ones((2, 4, 6, 6), np.float32), np.ones((5, 4), np.float32)),
    *(np.ones((5, 4), np.int64), np.ones((2, 4, 6), np.float32)),
    np.ones((2, 4, 9), np.float32),
)
# Arguments that layers require besides ints, and pairs that replace each other.
VALUES: dict[str, Any] = {
    **{"r": 1.0, "q": 1.0, "kernel_size": 3, "scale_factor": 2, "output_size": 2, "axis": 1},
    **{"size": 3, "padding": 1, "in_features": 4, "out_features": 3, "num_groups": 2},
    **{"upscale_factor": 2, "downscale_factor": 2, "groups": 2, "dim": 1, "value": 1.0},
    **{"unflattened_size": (2, 2), "normalized_shape": 4},
}
OPTIONAL = ("in_features", "out_features", "scale_factor")
OF_ONE: dict[str, dict[str, Any]] = {"Fold": {"output_size": 4, "kernel_size": 2}}
# They take another input besides, or the sizes of the input itself.
LEFT_OUT = ("Bilinear", "CosineSimilarity", "MaxUnpool2d", "PairwiseDistance", "Reshape")


def good_layers() -> dict[str, tuple[dict[str, Any], np.ndarray]]:
    """Return arguments and an input with which each layer works; containers only hold layers."""
    found: dict[str, tuple[dict[str, Any], np.ndarray]] = {}
    for name in layers.__all__:
        kind = getattr(layers, name)
        if not (inspect.isclass(kind) and issubclass(kind, layers.Module)):
            continue
        parameters = inspect.signature(kind).parameters
        holds_layers = any("Module" in str(p.annotation) for p in parameters.values())
        runs = kind.forward is not layers.Module.forward and name not in LEFT_OUT
        if inspect.isabstract(kind) or holds_layers or not runs:
            continue
        arguments = {
            key: {**VALUES, **OF_ONE.get(name, {})}.get(key, 4)
            for key, parameter in parameters.items()
            if parameter.default is parameter.empty or key in OPTIONAL
        }
        works = [x for x in INPUTS if _runs(kind, arguments, x)]
        assert works, f"no input is known that suits {name}({arguments})"
        found[name] = (arguments, works[0])
    return found


def _runs(kind: type[layers.Module], arguments: dict[str, Any], x: np.ndarray) -> bool:
    try:
        kind(**arguments)(x.copy())
    except (TypeError, ValueError):
        return False
    return True


GOOD = good_layers()
NAMES = sorted(GOOD)


def case(number: int) -> str | None:
    rng = random.Random(number)
    name = NAMES[number % len(NAMES)]
    good, x = GOOD[name]
    arguments, what = dict(good), rng.choice(("arguments", "input", "gradient", "parameter"))
    kind = getattr(layers, name)
    defaults = {
        key: parameter.default
        for key, parameter in inspect.signature(kind).parameters.items()
        if parameter.default is not parameter.empty and key not in arguments
    }
    if what == "arguments":
        arguments |= dict(rng.sample(sorted(defaults.items()), min(len(defaults), 2)))
        for key in rng.sample(sorted(arguments), min(len(arguments), rng.choice((1, 1, 2)))):
            arguments[key] = hostile_value(rng, arguments[key])

    def attempt() -> None:
        layer = kind(**arguments)
        if what == "parameter":
            for parameter in layer.parameters():
                data = hostile_array(rng, parameter.data)
                if isinstance(data, np.ndarray):
                    parameter.data = data
        y = layer(hostile_array(rng, x) if what == "input" else x.copy())
        dy = np.ones_like(y)
        layer.backward(hostile_array(rng, dy) if what == "gradient" else dy)

    problem = outcome(attempt, ["[", name, "expects", "gradient", "backward"])
    return problem and f"{name}({arguments}), hostile {what}: {problem}"
