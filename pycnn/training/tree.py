"""Nested states as one JSON value and named arrays, and back, exactly.

A state is made of dicts, lists, tuples, strings, numbers, bools, None, and NumPy's numbers and
arrays. What JSON lacks, such as NaN, tuples and keys that are not strings, is written as a dict
with one key that begins with a dollar sign. Subclasses come back as their base type: a named tuple
as a tuple.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pycnn._safetensors import storable
from pycnn.devices import is_array, on_cpu
from pycnn.layers.parameter import Array

# Keys of a dict that stands for something else. A state's dict with such a key becomes items.
MARK = "$"
ARRAY, FLOAT, NUMBER, TUPLE, ITEMS = "$array", "$float", "$number", "$tuple", "$items"

# Types written unchanged, and without making up the name of their place: lists may be long.
_PLAIN = (int, str, bool, type(None))


def flatten(state: Any, prefix: str) -> tuple[Any, dict[str, Array]]:
    """Return a state as a JSON value, and its arrays by name.

    Parameters
    ----------
    state : dict, list or leaf
        The state. Keys are strings, numbers, None, and tuples of these.
    prefix : str
        Start of the arrays' names, before their numbers; it ends in a colon.

    Raises
    ------
    TypeError
        If a part of it has another type; the text says where.
    """
    arrays: dict[str, Array] = {}
    return _encode(state, prefix, arrays), arrays


def _encode(value: Any, where: str, arrays: dict[str, Array]) -> Any:
    if isinstance(value, Mapping):
        if not all(type(key) is str and not key.startswith(MARK) for key in value):
            return {ITEMS: [_encode_item(item, where, arrays) for item in value.items()]}
        return {key: _encode(item, _below(where, key), arrays) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [
            item if type(item) in _PLAIN else _encode(item, _below(where, index), arrays)
            for index, item in enumerate(value)
        ]
        return items if isinstance(value, list) else {TUPLE: items}
    if is_array(value):
        array = storable("checkpoint", where, on_cpu(value))
        name = f"{where.partition(':')[0]}:{len(arrays)}"  # keys with dots may make two paths equal
        arrays[name] = array
        return {ARRAY: name}
    if isinstance(value, np.generic) and type(number := value.item()) in (bool, int, float):
        return {NUMBER: [value.dtype.name, _encode(number, where, arrays)]}
    if isinstance(value, float) and not math.isfinite(value):
        return {FLOAT: repr(float(value))}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise TypeError(
        f"the state {where} is {type(value).__name__}: a checkpoint holds dicts, lists, tuples, "
        "strings, numbers and arrays"
    )


def _encode_item(item: tuple[Any, Any], where: str, arrays: dict[str, Array]) -> Any:
    """Return a key and its value."""
    place = _below(where, item[0])
    return [_encode(item[0], f"{place} (the key)", arrays), _encode(item[1], place, arrays)]


def _below(where: str, key: Any) -> str:
    return f"{where}{'' if where.endswith(':') else '.'}{key}"


def rebuild(content: Any, arrays: Mapping[str, Array]) -> Any:
    """Return the state that `flatten` was called with.

    Raises
    ------
    ValueError
        If an array is missing, or something is not a number that should be one.
    """
    if isinstance(content, list):
        return [rebuild(item, arrays) for item in content]
    if not isinstance(content, dict):
        return content
    if content.keys() == {FLOAT}:
        return float(content[FLOAT])
    if content.keys() == {NUMBER}:
        return _rebuilt_number(*rebuild(content[NUMBER], arrays))
    if content.keys() == {TUPLE}:
        return tuple(rebuild(content[TUPLE], arrays))
    if content.keys() == {ITEMS}:
        return dict(rebuild(content[ITEMS], arrays))
    if content.keys() == {ARRAY}:
        if content[ARRAY] not in arrays:
            raise ValueError(f"the array {content[ARRAY]} is missing")
        return arrays[content[ARRAY]]
    return {key: rebuild(item, arrays) for key, item in content.items()}


def _rebuilt_number(name: str, value: float) -> Any:
    """Return a NumPy number of this dtype."""
    dtype = np.dtype(str(name))
    if dtype.kind not in "biuf":
        raise ValueError(f"{name} is no dtype of numbers")
    return dtype.type(value)
