"""Arguments of wrong kinds and sizes: every call works or says whose argument is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.hostile_arguments import CALLS, OBJECTS, Call

from pycnn import init, ops

HOSTILE: dict[str, Any] = {
    "numpy int": np.int64(2),
    "numpy float": np.float32(0.5),
    "bool": True,
    "numpy bool": np.bool_(True),
    "float": 2.5,
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": -float("inf"),
    "beyond float32": 1e300,
    "0": 0,
    "-1": -1,
    "2**31": 2**31,
    "2**64": 2**64,
    "-2**63": -(2**63),
    "10**5000": 10**5000,
    "complex": 1j,
    "str": "2",
    "bytes": b"2",
    "None": None,
    "[]": [],
    "[2]": [2],
    "[2, 2]": [2, 2],
    "(2, 2, 2)": (2, 2, 2),
    "(1.5, 2)": (1.5, 2),
    "[None, None]": [None, None],
    "nested": [[2], [3]],
    "array": np.array([2, 2]),
    "array of one": np.array(2),
    "range": range(10**9),
    "dict": {},
    "object": object(),
    "function": len,
    "type": int,
}


def _arguments() -> list[Any]:
    return [
        pytest.param(call, argument, id=f"{call[0].__name__}-{argument}")
        for call in CALLS
        for argument in call[1]
        if argument not in OBJECTS and f"{argument}@{call[0].__name__}" not in OBJECTS
    ]


# Whose name stands in the text where it is not the callable's own, and arguments that go on under
# another name.
OWNERS = {
    "evaluate": ("evaluate", "Batches"),
    "predict": ("predict", "Batches"),
    "fit": ("fit", "Batches"),
    "lr_find": ("lr_find", "Batches", "fit"),
    "alexnet_cifar": ("alexnet_cifar", "LocalResponseNorm"),
    **{f: ("init",) for f in dir(init) if not f.startswith("_")},
}
ALIASES = {"window": "kernel_size", "lrn": "form"}

# Values of the right kind: such a value may also be refused for the shapes that it leads to.
FITTING = {"numpy int", "0", "[2, 2]", "array of one", "[2]", "(2, 2, 2)", "-1"}


def _is_named(text: str, owner: str, argument: str, kind: str) -> bool:
    owned = any(text.startswith(f"[{name}] ") for name in OWNERS.get(owner, (owner,)))
    named = argument in text or ALIASES.get(argument, argument) in text
    return owned and (named or kind in FITTING)


@pytest.mark.parametrize(("call", "argument"), _arguments())
def test_an_argument_works_or_is_named(call: Call, argument: str) -> None:
    function, arguments = call
    owner = function.__name__
    for kind, value in HOSTILE.items():
        try:
            result = function(**{**arguments, argument: value})
            if hasattr(result, "__next__"):
                next(result)
        except (TypeError, ValueError, MemoryError) as error:
            text = f"{type(error).__name__}: {error}"
            if not _is_named(str(error), owner, argument, kind):
                pytest.fail(f"{argument} = {kind} says {text}")


@pytest.mark.parametrize("character", ["é", "€", "😀"])
def test_a_long_text_in_a_message_is_cut_between_characters(character: str) -> None:
    x, w = np.ones((1, 1, 4, 4), np.float32), np.ones((1, 1, 3, 3), np.float32)
    for lead in range(5):
        stride: Any = ("a" * lead + character * 60, 1, 2)
        with pytest.raises(ValueError, match=rf"^\[conv2d\] stride .*{character}\.\.\.$"):
            ops.conv2d(x, w, stride=stride)


def test_half_a_character_as_an_argument_is_refused_by_name() -> None:
    x, w = np.ones((1, 1, 4, 4), np.float32), np.ones((1, 1, 3, 3), np.float32)
    padding: Any = "\ud800"
    with pytest.raises(ValueError, match=r"^\[conv2d\] padding must be"):
        ops.conv2d(x, w, padding=padding)
