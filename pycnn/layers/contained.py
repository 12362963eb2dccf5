"""What an object has as attributes, and what those hold, however deep.

A module finds modules and parameters among its attributes, and nothing in containers.
"""

from __future__ import annotations

import gc
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Iterable, Iterator, Mapping, MappingView, Set
from dataclasses import fields, is_dataclass
from functools import lru_cache, partial
from types import (
    CellType,
    FunctionType,
    GeneratorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    SimpleNamespace,
)
from typing import Any

import numpy as np

# What attributes are, for the most part: no container, and quickly found out.
PLAIN = frozenset([str, int, float, bool, bytes, type(None)])
# Other mappings may make what they hold at each look, as an open file of arrays does.
_CONTAINERS = (
    *(list, tuple, dict, MappingProxyType, set, frozenset, deque, Set, MappingView),
    *(UserList, UserDict, ChainMap, SimpleNamespace),
    *(partial, MethodType, FunctionType, GeneratorType, CellType),
)


def attributes_of(one: object) -> dict[str, Any]:
    """Return the attributes of an object: its own, those in slots, and those of users' classes.

    Methods do not count.
    """
    found = vars(one).copy()  # another thread may add one
    if not _users(type(one)):  # type: ignore[arg-type]  # for the most part
        return found
    for name, value in _of_classes(one):
        if name not in found:
            found[name] = (
                getattr(one, name, None) if isinstance(value, MemberDescriptorType) else value
            )
    return found


def attributes_of_class(one: object) -> dict[str, Any]:
    """Return the attributes that belong to the class of an object and not to the object."""
    hidden = vars(one)
    found: dict[str, Any] = {}
    for name, value in _of_classes(one):
        if name not in hidden and not isinstance(value, MemberDescriptorType):
            found.setdefault(name, value)
    return found


def _of_classes(one: object) -> Iterator[tuple[str, Any]]:
    """Return the attributes of users' classes, nearest first; of slots, Python's descriptors."""
    for kind in _users(type(one)):  # type: ignore[arg-type]
        for name, value in list(vars(kind).items()):
            if not (isinstance(value, FunctionType) or name.startswith("__")):
                yield name, value


@lru_cache(maxsize=1024)
def _users(kind: type) -> tuple[type, ...]:
    """Return the base classes that are neither pycnn's, which hold nothing, nor Python's."""
    others = ("pycnn", "builtins", "abc", "typing")
    return tuple(one for one in kind.__mro__ if one.__module__.partition(".")[0] not in others)


def may_hold(value: Any) -> bool:
    """Whether this is a list, a dictionary or the like that may hold more than plain values."""
    kind = type(value)
    if kind in PLAIN:
        return False
    if kind is tuple:  # sizes, for the most part
        return not PLAIN.issuperset(map(type, value))
    if isinstance(value, np.ndarray):
        return bool(value.dtype.hasobject)
    return _is_container(kind)  # type: ignore[arg-type]


def contained(values: Iterable[Any], kinds: tuple[type, ...]) -> Iterator[Any]:
    """Return the objects of these kinds among `values` and in containers there, however deep."""
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
    """Whether a type is one of several; cached, since asking an abstract class takes long."""
    return issubclass(kind, kinds)


@lru_cache(maxsize=1024)
def _is_container(kind: type) -> bool:
    return issubclass(kind, _CONTAINERS) or is_dataclass(kind) or _is_iterator(kind)


def _is_iterator(kind: type) -> bool:
    """Whether objects of this type are iterators like those of `iter`, `zip` and `map`."""
    return kind.__module__ in ("builtins", "itertools") and issubclass(kind, Iterator)


def _items(container: Any) -> Iterable[Any]:
    """Return what a container holds now, even if another thread changes it."""
    kind: type = type(container)
    if kind is tuple:
        items: Iterable[Any] = container
        return items
    if kind is dict or isinstance(container, Mapping):  # the first is found out quickly
        return [*container.keys(), *container.values()]
    if isinstance(container, np.ndarray):
        items = container.ravel().tolist()
        return items
    if isinstance(container, FunctionType):
        return [*(container.__closure__ or ()), *(container.__defaults__ or ())]
    if isinstance(container, MethodType):
        return [container.__self__, container.__func__]
    if isinstance(container, partial):
        return [container.func, *container.args, *container.keywords.values()]
    if isinstance(container, SimpleNamespace):
        return list(vars(container).values())
    if is_dataclass(container):
        return [getattr(container, field.name, None) for field in fields(container)]
    if isinstance(container, GeneratorType):
        return [] if container.gi_frame is None else list(container.gi_frame.f_locals.values())
    if isinstance(container, CellType) or _is_iterator(kind):  # not to be gone through: they end
        return gc.get_referents(container)
    return list(container)
