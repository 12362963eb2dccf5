"""Hostile arguments of every op: arrays of all kinds and shapes, and geometry at its edges."""

from __future__ import annotations

import inspect
import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from trust.hostile import hostile_array, hostile_value, outcome

from pycnn import ops

Arguments = dict[str, Any]

# Shapes of images, of batches of vectors, of filters and of vectors; of these, good calls are made.
SHAPES = ((2, 4, 6, 6), (5, 4), (4, 4, 3, 3), (3, 4), (4,), (5,))
# Required arguments besides arrays, where 0.5 for a float and 1 for an int do not suit.
VALUES: Arguments = {
    **dict.fromkeys(("kernel_size", "window", "output_size", "scale_factor"), 2),
    **{"lr": 0.1},
    **{"input_shape": SHAPES[0], "weight_shape": SHAPES[2]},
}
# One of the kinds of an op that has several.
KINDS = {"activation": "silu", "pointwise_loss": "huber"}


def good_calls() -> dict[str, Arguments]:
    """Return arguments with which each op works, found by trying.

    An op that is new and needs others must be told of in VALUES.
    """
    found: dict[str, Arguments] = {}
    for name in sorted(ops.__all__, key=lambda name: "_backward" in name):
        arguments = next(filter(works(name), candidates(name, found)), None)
        assert arguments is not None, f"no arguments are known that suit {name}: see VALUES"
        found[name] = arguments
    return found


def works(name: str) -> Callable[[Arguments], bool]:
    def try_it(arguments: Arguments) -> bool:
        try:
            getattr(ops, name)(**copies(arguments))
        except (TypeError, ValueError):
            return False
        return True

    return try_it


def copies(arguments: Arguments) -> Arguments:
    return {
        key: value.copy() if isinstance(value, np.ndarray) else value
        for key, value in arguments.items()
    }


def candidates(name: str, found: dict[str, Arguments]) -> Iterator[Arguments]:
    """Yield arguments that may suit an op; for backward, what its forward took and returned."""
    forward = name.split("_backward")[0]
    known: Arguments = {}
    outputs: list[np.ndarray] = []
    if forward != name and forward in found:
        known = found[forward]
        results = getattr(ops, forward)(**copies(known))
        results = results if isinstance(results, tuple) else (results,)
        outputs = [result for result in results if isinstance(result, np.ndarray)]
    choices: dict[str, list[Any]] = {}
    for key, parameter in inspect.signature(getattr(ops, name)).parameters.items():
        if key == "input_shape" and "x" in known:
            choices[key] = [known["x"].shape]
        elif key == "weight_shape" and "w" in known:
            choices[key] = [known["w"].shape]
        elif key in known:
            choices[key] = [known[key]]
        elif key == "kind":
            choices[key] = [KINDS[forward]]
        elif key == "a" and forward == "pointwise_loss":
            choices[key] = [1.0]
        elif parameter.default is not parameter.empty:
            continue
        elif "Array" not in str(parameter.annotation):
            number = 0.5 if parameter.annotation == "float" else 1
            choices[key] = [VALUES.get(key, number)]
        elif outputs:
            choices[key] = outputs
        else:
            dtype = np.int64 if "Int" in str(parameter.annotation) else np.float32
            arrays = [np.ones(shape, dtype) for shape in SHAPES]
            # Filters of 3x3, not as large as the image.
            choices[key] = arrays[::-1] if key == "w" else arrays
    for chosen in itertools.product(*choices.values()):
        yield dict(zip(choices, chosen, strict=True))


GOOD = good_calls()
NAMES = sorted(GOOD)


def case(number: int) -> str | None:
    rng = random.Random(number)
    name = NAMES[number % len(NAMES)]
    arguments = copies(GOOD[name])
    for key, parameter in inspect.signature(getattr(ops, name)).parameters.items():
        if key not in arguments and rng.random() < 0.5:
            arguments[key] = parameter.default
    for key in rng.sample(sorted(arguments), min(len(arguments), rng.choice((1, 1, 1, 2, 3)))):
        value = arguments[key]
        if isinstance(value, np.ndarray) and rng.random() < 0.1:
            # Another argument, or a part of it: one array is read and written.
            other = rng.choice([a for a in arguments.values() if isinstance(a, np.ndarray)])
            arguments[key] = rng.choice(
                (other, np.atleast_1d(other)[:-1], np.atleast_1d(other)[1:])
            )
        elif isinstance(value, np.ndarray):
            arguments[key] = hostile_array(rng, value)
        else:
            arguments[key] = hostile_value(rng, value)
    problem = outcome(lambda: getattr(ops, name)(**arguments), [f"[{name}"])
    return problem and f"{name}({shown(arguments)}): {problem}"


def shown(arguments: Arguments) -> str:
    words = []
    for key, value in arguments.items():
        array = isinstance(value, np.ndarray)
        words.append(f"{key}=" + (f"{value.dtype}{value.shape}" if array else f"{value!r:.60}"))
    return ", ".join(words)
