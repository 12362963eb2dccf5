"""What containers of Python hold, however deep: where a module finds nothing to train or save."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, MappingView, Set
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np

# What attributes are, for the most part: no container, and quickly found out.
PLAIN = frozenset([str, int, float, bool, bytes, type(None)])
# Other mappings may make what they hold at each look, as an open file of arrays does.
_CONTAINERS = (list, tuple, dict, MappingProxyType, set, frozenset, deque, Set, MappingView)


def is_container(value: Any) -> bool:
    """Whether this is a list, a dictionary or the like, which may hold anything."""
    if isinstance(value, np.ndarray):
        return bool(value.dtype.hasobject)
    return _of_containers(type(value))  # type: ignore[arg-type]


@lru_cache(maxsize=1024)
def _of_containers(kind: type) -> bool:
    """Whether objects of a type are containers; the question to an abstract class takes long."""
    return issubclass(kind, _CONTAINERS)


def contained(value: Any, kinds: tuple[type, ...]) -> Iterator[Any]:
    """Give the objects of these kinds in a container, and in those that it holds."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if _is_one_of(type(one), kinds):  # type: ignore[arg-type]
            yield one
        elif is_container(one) and id(one) not in seen:
            seen.add(id(one))
            waiting += [item for item in _items(one) if type(item) not in PLAIN]


@lru_cache(maxsize=1024)
def _is_one_of(kind: type, kinds: tuple[type, ...]) -> bool:
    return issubclass(kind, kinds)


def _items(container: Any) -> Iterable[Any]:
    if isinstance(container, np.ndarray):
        items: list[Any] = container.ravel().tolist()
        return items
    if isinstance(container, Mapping):
        return [*container.keys(), *container.values()]
    return list(container)
