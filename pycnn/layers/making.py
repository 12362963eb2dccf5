"""How a layer says which arguments make it again, and how it is made from them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pycnn.autograd import Tensor
from pycnn.layers.tree import Tree

if TYPE_CHECKING:
    from pycnn.layers.module import Module

Self = TypeVar("Self", bound="Making")

# Arguments that set initial values, or where they lie: a checkpoint has the values themselves.
NOT_KEPT = frozenset(["rng", "device", "dtype"])

# The key of a table of 0 and 1 among the JSON values of arguments: a text for each row.
ROWS = "rows"


class Making(Tree):
    """What a layer of the library can do to be stored as its class and its arguments.

    By default the arguments are the attributes of the same names. An argument that says whether
    there is a parameter, such as ``bias``, is whether that attribute is None.
    """

    def _made_with(self) -> dict[str, Any]:
        """Return arguments that make a layer like this one, as JSON values.

        Raises
        ------
        ValueError
            If one cannot be written as a JSON value, or arguments alone do not make it.
        """
        if any(True for _ in self.named_children()):
            raise ValueError(f"a {type(self).__name__} has modules of its own below it")
        found = {}
        for name, given in _parameters_of(type(self)).items():  # type: ignore[arg-type]
            if name in NOT_KEPT:
                continue
            value = getattr(self, name, given.empty)
            if isinstance(given.default, bool) and not isinstance(value, bool):
                if value is given.empty:
                    continue  # taken for PyTorch's sake, and always the default
                value = value is not None
            if value is given.empty or isinstance(value, Tensor):
                continue
            found[name] = as_json(f"{type(self).__name__}: {name}", value)
        return found

    @classmethod
    def _made_from(
        cls: type[Self], arguments: dict[str, Any], children: Mapping[str, Module]
    ) -> Self:
        """Make a layer from what `_made_with` returned, and from the modules that it has."""
        if children:
            raise ValueError(f"{cls.__name__} has no modules below it")
        given = _parameters_of(cls)  # type: ignore[arg-type]
        unknown = [name for name in arguments if name not in given or name in NOT_KEPT]
        if unknown:
            raise ValueError(f"{cls.__name__} takes no argument {unknown[0]!r:.60}")
        several = [name for name, one in given.items() if one.kind is one.VAR_POSITIONAL]
        values = {name: from_json(value) for name, value in arguments.items()}
        positional = values.pop(several[0], ()) if several else ()
        if not isinstance(positional, tuple):
            raise ValueError(f"{cls.__name__} takes a list as {several[0]}")
        return cls(*positional, **values)


@lru_cache(maxsize=1024)
def _parameters_of(kind: type) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(kind).parameters


def as_json(where: str, value: Any) -> Any:
    """Return an argument as a JSON value: plain, a list, or the rows of a table of 0 and 1.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, (tuple, list)):
        return [as_json(where, item) for item in value]
    if isinstance(value, np.ndarray) and value.dtype == np.bool_ and value.ndim == 2:
        return {ROWS: ["".join("01"[int(one)] for one in row) for row in value]}
    raise ValueError(f"{where} is {type(value).__name__}, which is no plain value")


def from_json(value: Any) -> Any:
    """Return the argument that `as_json` was given, with tuples for lists.

    Raises
    ------
    ValueError
        If it is a mapping of another kind, or a table whose rows differ in length.
    """
    if isinstance(value, list):
        return tuple(map(from_json, value))
    if not isinstance(value, dict):
        return value
    rows = value.get(ROWS)
    if (
        len(value) != 1
        or not isinstance(rows, list)
        or not all(isinstance(row, str) and not set(row) - set("01") for row in rows)
        or len({len(row) for row in rows}) != 1
    ):
        raise ValueError("an argument is a mapping, but not the rows of a table of 0 and 1")
    return np.array([[one == "1" for one in row] for row in rows])


def numbers_in(value: Any) -> Iterator[int | float]:
    """Return the numbers in a JSON value."""
    if isinstance(value, list):
        for item in value:
            yield from numbers_in(item)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value
