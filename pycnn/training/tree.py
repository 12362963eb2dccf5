"""Nested states as one JSON value and named arrays, and back, exactly.

A state is made of dicts, lists and tuples (which come back as lists), strings, numbers, bools, None
and NumPy arrays. Every float comes back as it was, NaN and infinity too, which JSON lacks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pycnn._safetensors import storable
from pycnn.devices import is_array, on_cpu
from pycnn.layers.parameter import Array

# Keys of a dict that stands for a leaf.
ARRAY, FLOAT = "$array", "$float"

# What stays as it is, and need not say where it is: lists may be long.
_PLAIN = (int, str, bool, type(None))


def flatten(state: Any, prefix: str) -> tuple[Any, dict[str, Array]]:
    """Give a state as a JSON value, and its arrays by name.

    Parameters
    ----------
    state : dict, list or leaf
        The state. Keys are strings or ints, which come back as strings.
    prefix : str
        What the names of the arrays begin with, before their numbers; its last character is a
        colon.

    Raises
    ------
    TypeError
        If a part of it is of another kind; the text says where.
    """
    arrays: dict[str, Array] = {}
    return _encode(state, prefix, arrays), arrays


def _encode(value: Any, where: str, arrays: dict[str, Array]) -> Any:
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, (str, int)) or key in (ARRAY, FLOAT):
                raise TypeError(f"the state {where} has the key {key!r}: keys must be strings")
        if len(set(map(str, value))) < len(value):
            raise TypeError(f"the state {where} has a key as a string and as a number")
        return {str(key): _encode(item, _below(where, key), arrays) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [
            item if type(item) in _PLAIN else _encode(item, _below(where, index), arrays)
            for index, item in enumerate(value)
        ]
    if is_array(value):
        array = storable("checkpoint", where, on_cpu(value))
        name = f"{where.partition(':')[0]}:{len(arrays)}"  # keys may have dots, and make two alike
        arrays[name] = array
        return {ARRAY: name}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {FLOAT: repr(float(value))}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise TypeError(
        f"the state {where} is {type(value).__name__}: a checkpoint holds dicts, lists, strings, "
        "numbers and arrays"
    )


def _below(where: str, key: str | int) -> str:
    return f"{where}{'' if where.endswith(':') else '.'}{key}"


def rebuild(content: Any, arrays: Mapping[str, Array]) -> Any:
    """Give back what `flatten` was given.

    Raises
    ------
    ValueError
        If an array is missing, or a float is none.
    """
    if isinstance(content, list):
        return [rebuild(item, arrays) for item in content]
    if not isinstance(content, dict):
        return content
    if content.keys() == {FLOAT}:
        return float(content[FLOAT])
    if content.keys() == {ARRAY}:
        if content[ARRAY] not in arrays:
            raise ValueError(f"the array {content[ARRAY]} is missing")
        return arrays[content[ARRAY]]
    return {key: rebuild(item, arrays) for key, item in content.items()}
