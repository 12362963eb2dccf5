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


def may_hold(value: Any) -> bool:
    """Whether this is a list, a dictionary or the like that may hold more than plain values."""
    kind = type(value)
    if kind in PLAIN:
        return False
    if kind is tuple:  # sizes, for the most part
        return not PLAIN.issuperset(map(type, value))
    if isinstance(value, np.ndarray):
        return bool(value.dtype.hasobject)
    return _is_one_of(kind, _CONTAINERS)  # type: ignore[arg-type]


def contained(values: Iterable[Any], kinds: tuple[type, ...]) -> Iterator[Any]:
    """Give the objects of these kinds among some, in containers there, and in what those hold."""
    seen: set[int] = set()
    waiting = [values]
    while waiting:
        for one in _items(waiting.pop()):
            kind = type(one)
            if kind in PLAIN:
                continue
            if _is_one_of(kind, kinds):  # type: ignore[arg-type]
                yield one
            elif may_hold(one) and id(one) not in seen:
                seen.add(id(one))
                waiting.append(one)


@lru_cache(maxsize=1024)
def _is_one_of(kind: type, kinds: tuple[type, ...]) -> bool:
    """Whether a type is one of several; the question to an abstract class takes long."""
    return issubclass(kind, kinds)


def _items(container: Any) -> Iterable[Any]:
    """Give what a container holds now, though another thread may change it."""
    if type(container) is tuple:
        return container
    if isinstance(container, np.ndarray):
        items: list[Any] = container.ravel().tolist()
        return items
    if isinstance(container, dict | Mapping):  # the first of them is found out quickly
        return [*container.keys(), *container.values()]
    return list(container)
