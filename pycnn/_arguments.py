"""Checks of arguments, so that a wrong one fails where it is given.

Each takes the owner of the argument, a function or class, then its name and its value: errors begin
with ``[owner] name``.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

from pycnn._printable import printable

# The C++ side takes geometry up to here.
LARGEST = 2**31 - 1

# From here on a number is infinite as a float32: half a unit beyond the largest one.
_BEYOND_FLOAT32 = 2.0**128 - 2.0**103


def integer(owner: str, name: str, value: Any, minimum: int, maximum: float = LARGEST) -> int:
    """Return `value` as an int from `minimum` to `maximum`; a bool is no number here."""
    try:
        result = operator.index(value)
    except TypeError:
        result = None
    if result is None or isinstance(value, bool):
        raise TypeError(f"[{owner}] {name} must be an int, got {type(value).__name__}")
    if result < minimum:
        raise ValueError(f"[{owner}] {name} must be at least {minimum}, got {written(result)}")
    if result > maximum:
        raise ValueError(f"[{owner}] {name} must be at most {maximum}, got {written(result)}")
    return result


def pair(owner: str, name: str, value: Any, minimum: int) -> tuple[int, int]:
    """Return an int, alone or in a tuple, or a pair of ints as (height, width)."""
    values = value if isinstance(value, (tuple, list)) else (value, value)
    if len(values) == 1:
        values = (*values, *values)
    if len(values) != 2:
        raise ValueError(
            f"[{owner}] {name} must be an int or (height, width), got {written(value)}"
        )
    height, width = (integer(owner, name, item, minimum) for item in values)
    return height, width


def single(owner: str, name: str, value: Any, minimum: int) -> tuple[int]:
    """Return an int, alone or in a tuple, as (length,)."""
    values = value if isinstance(value, (tuple, list)) else (value,)
    if len(values) != 1:
        raise ValueError(f"[{owner}] {name} must be an int or (length,), got {written(value)}")
    return (integer(owner, name, values[0], minimum),)


def placement(owner: str, device: Any, dtype: Any) -> None:
    """Refuse PyTorch's arguments for where and how parameters lie, but for what they are here."""
    if device is not None and written(getattr(device, "type", device)) != "'cpu'":
        raise ValueError(
            f"[{owner}] device must be None or 'cpu', got {written(device)}: a new layer is on the "
            "CPU, and .to(device) moves the whole model"
        )
    if dtype is None or (isinstance(dtype, str) and dtype == "float32"):
        return
    if not isinstance(dtype, (type, np.dtype)) or dtype != np.float32:
        raise ValueError(f"[{owner}] dtype must be None or float32, got {written(dtype)}")


def flag(owner: str, name: str, value: Any) -> bool:
    """Return `value` as a bool; nothing else says yes or no clearly enough."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"[{owner}] {name} must be True or False, got {written(value)}")
    return bool(value)


def choice(owner: str, name: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value` as one of some words."""
    allowed = tuple(choices)
    if not isinstance(value, str):
        kind = type(value).__name__
        raise TypeError(f"[{owner}] {name} must be a str, one of {', '.join(allowed)}, got {kind}")
    if value not in allowed:
        raise ValueError(
            f"[{owner}] {name} must be one of {', '.join(allowed)}, got {written(value)}"
        )
    return value


def words(owner: str, name: str, value: Any) -> tuple[str, ...]:
    """Return a list or tuple of str as a tuple."""
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"[{owner}] {name} must be a list of str, got {type(value).__name__}")
    for item in value:
        if not isinstance(item, str):
            raise TypeError(f"[{owner}] {name} must be a list of str, one is {type(item).__name__}")
    return tuple(value)


def sizes(owner: str, name: str, value: Any) -> tuple[int, ...]:
    """Return a shape as a tuple of ints above 0."""
    if not isinstance(value, (tuple, list)):
        raise TypeError(f"[{owner}] {name} must be a tuple of ints, got {type(value).__name__}")
    return tuple(integer(owner, name, size, 1) for size in value)


def number(owner: str, name: str, value: Any) -> float:
    """Return `value` as a float; infinity and NaN are allowed."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"[{owner}] {name} must be a number, got {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"[{owner}] {name} is out of range: {written(value)}") from None


def real(owner: str, name: str, value: Any) -> float:
    """Return `value` as a finite float."""
    result = number(owner, name, value)
    if not math.isfinite(result):
        raise ValueError(f"[{owner}] {name} must be finite, got {written(value)}")
    return result


def float32(owner: str, name: str, value: Any) -> float:
    """Return `value` as a float that is finite as a float32 too."""
    result = real(owner, name, value)
    if abs(result) >= _BEYOND_FLOAT32:
        raise ValueError(f"[{owner}] {name} must be a finite float32, got {written(value)}")
    return result


def at_least_zero(owner: str, name: str, value: Any) -> float:
    """Return `value` as a finite float that is not negative."""
    result = real(owner, name, value)
    if result < 0:
        raise ValueError(f"[{owner}] {name} must be at least 0, got {written(value)}")
    return result


def factor(owner: str, name: str, value: Any) -> float:
    """Return `value` as a float that is not negative, and finite as a float32 too."""
    at_least_zero(owner, name, value)
    return float32(owner, name, value)


def positive(owner: str, name: str, value: Any) -> float:
    """Return `value` as a finite float above 0."""
    result = real(owner, name, value)
    if result <= 0:
        raise ValueError(f"[{owner}] {name} must be above 0, got {written(value)}")
    return result


def fraction(owner: str, name: str, value: Any) -> float:
    """Return `value` as a float in [0, 1)."""
    result = real(owner, name, value)
    if not 0.0 <= result < 1.0:
        raise ValueError(f"[{owner}] {name} must be in [0, 1), got {written(value)}")
    return result


def written(value: Any) -> str:
    """Write any value in a few words: `repr` refuses ints of thousands of digits."""
    try:
        text = printable(repr(value))
    except Exception:  # of whatever it is that somebody gave
        return f"a large {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:80]}..."


def file_name(owner: str, name: str, value: Any) -> str:
    """Return a path, a str or a pathlib.Path, as a str."""
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str):
        raise TypeError(
            f"[{owner}] {name} must be a path, a str or a pathlib.Path, got {written(value)}"
        )
    if "\0" in text:
        raise ValueError(f"[{owner}] {name} must not hold a null character, got {written(text)}")
    return text


def seeds(owner: str, value: Any) -> list[int]:
    """Return a seed, an int or a list of ints that are at least 0, as a list."""
    parts = value if isinstance(value, (tuple, list)) else [value]
    try:
        return [integer(owner, "seed", part, 0, math.inf) for part in parts]
    except TypeError:
        raise TypeError(
            f"[{owner}] seed must be an int or a list of ints, got {written(value)}"
        ) from None


def check_generator(owner: str, rng: Any) -> None:
    """Refuse what is no generator."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"[{owner}] rng must be a Generator, such as numpy.random.default_rng(0), "
            f"got {type(rng).__name__}"
        )


def array_of(*dtypes: object) -> str:
    """Name an array of one of these dtypes in words, such as "an int64 array"."""
    names = " or ".join(map(str, dtypes))
    return f"{'an' if names.startswith('i') else 'a'} {names} array"


def apart(owner: str, changed: dict[str, Any], read: dict[str, Any]) -> None:
    """Refuse an array that is written into and shares memory with another one; None is no array."""
    arrays = {name: a for name, a in (changed | read).items() if a is not None}
    for name in changed.keys() & arrays.keys():
        for other in arrays.keys() - {name}:
            if np.shares_memory(arrays[name], arrays[other]):
                raise ValueError(
                    f"[{owner}] {name} is changed in place and shares memory with {other}: each "
                    f"needs an array of its own ({name}: {arrays[name].shape}, {other}: "
                    f"{arrays[other].shape})"
                )
