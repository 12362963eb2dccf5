"""What containers of Python hold, however deep: where a module finds nothing to train or save."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, MappingView, Set
from typing import Any

import numpy as np

# What attributes are, for the most part: no container, and quickly found out.
_PLAIN = (str, int, float, bytes, type(None))
_CONTAINERS = (list, tuple, dict, set, frozenset, deque, Mapping, Set, MappingView)


def is_container(value: Any) -> bool:
    """Whether this is a list, a dictionary or the like, which may hold anything."""
    if isinstance(value, _PLAIN):
        return False
    if isinstance(value, np.ndarray):
        return bool(value.dtype.hasobject)
    return isinstance(value, _CONTAINERS)


def contained(value: Any, kinds: tuple[type, ...]) -> Iterator[Any]:
    """Give the objects of these kinds in a container, and in those that it holds."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, kinds):
            yield one
        elif is_container(one) and id(one) not in seen:
            seen.add(id(one))
            waiting += _items(one)


def _items(container: Any) -> Iterable[Any]:
    if isinstance(container, np.ndarray):
        items: list[Any] = container.ravel().tolist()
        return items
    if isinstance(container, Mapping):
        return [*container.keys(), *container.values()]
    return list(container)
