"""Nested tuples, lists and dicts of tensors and arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from pycnn.autograd.graph import recording
from pycnn.autograd.value import Value, new
from pycnn.devices import is_array

F = TypeVar("F", bound=Callable[..., Any])


def holds(kind: type | None, *values: Any) -> bool:
    """Whether an object of a class, or for None an array, is among values, however deep."""
    for value in values:
        if isinstance(value, kind) if kind is not None else is_array(value):
            return True
        if isinstance(value, (tuple, list)):
            if holds(kind, *value):
                return True
        elif isinstance(value, dict) and value and holds(kind, *value.values()):
            return True
    return False


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """Apply a function to every leaf of nested tuples, lists and dicts."""
    if not isinstance(value, (tuple, list, dict)):
        return function(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[mapped(function, one) for one in value])
    if isinstance(value, (tuple, list)):
        return type(value)([mapped(function, one) for one in value])
    if isinstance(value, dict):
        return {name: mapped(function, one) for name, one in value.items()}
    return function(value)


def leaves(value: Any) -> list[Any]:
    """Return the leaves of nested tuples, lists and dicts, in order."""
    if not isinstance(value, (tuple, list, dict)):
        return [value]
    found: list[Any] = []
    mapped(found.append, value)
    return found


# Arguments that are certainly no arrays, and hold none.
_PLAIN = frozenset([int, float, bool, str, type(None)])


def on_arrays_too(function: F) -> F:
    """Let a function of tensors take arrays as well, and then return arrays."""

    @wraps(function)
    def either(*inputs: Any, **options: Any) -> Any:
        if len(inputs) == 1 and isinstance(inputs[0], Value) and not options:
            return function(inputs[0])
        if "input" in options:  # PyTorch's name of the first argument
            inputs = (options.pop("input"), *inputs)
        if inputs and isinstance(inputs[0], Value):
            rest = (*inputs[1:], *options.values())
            if not rest or all([type(one) in _PLAIN for one in rest]):
                return function(*inputs, **options)
        if not holds(Value, inputs, options):
            if not holds(None, inputs, options):
                try:
                    return function(*inputs, **options)
                except AttributeError:
                    found = ", ".join(type(one).__name__ for one in inputs)
                    raise TypeError(
                        f"[{function.__name__}] needs a tensor or an array, got {found}"
                    ) from None
            with recording(False):
                inputs, options = mapped(_tensor, (inputs, options))
                return mapped(_array, function(*inputs, **options))
        inputs, options = mapped(_tensor, (inputs, options))
        return function(*inputs, **options)

    return either  # type: ignore[return-value]


def _tensor(value: Any) -> Any:
    return new(value) if is_array(value) else value


def _array(value: Any) -> Any:
    return value.array if isinstance(value, Value) else value
