"""NumPy's names of arguments, which PyTorch's functions take as well."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from types import FunctionType
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
K = TypeVar("K", bound=type)

_OURS = {"axis": "dim", "keepdims": "keepdim"}


def numpy_names(function: F) -> F:
    """Let a function take ``axis`` and ``keepdims`` for ``dim`` and ``keepdim``."""

    @wraps(function)
    def either(*inputs: Any, **options: Any) -> Any:
        if options:
            for theirs, ours in _OURS.items():
                if theirs not in options:
                    continue
                if ours in options:
                    raise TypeError(f"[{function.__name__}] got both {ours} and {theirs}")
                options[ours] = options.pop(theirs)
        return function(*inputs, **options)

    return either  # type: ignore[return-value]


def numpy_names_of_methods(kind: K) -> K:
    """Apply `numpy_names` to the methods of a class that have one of these arguments."""
    for name, method in list(vars(kind).items()):
        # size(dim) is called most of all, and has no such name in PyTorch
        if not isinstance(method, FunctionType) or name == "size":
            continue
        if not signature(method).parameters.keys().isdisjoint(_OURS.values()):
            setattr(kind, name, numpy_names(method))
    return kind
