"""A repr that reads like the call that made an object."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pycnn._arguments import written

KEYWORDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def made_of(value: Any) -> dict[str, Any]:
    """Return those arguments of an object's constructor that it keeps, by name.

    It keeps them as attributes of the same names, or as its `_made_of` says.
    """
    kept = dict(getattr(value, "__dict__", {}))
    if isinstance(value, Described):
        kept |= value._made_of()
    return {name: kept[name] for name in inspect.signature(type(value)).parameters if name in kept}


def describes_itself(value: Any) -> bool:
    """Return whether an object has a repr of its own, which neither Python nor `Described` gave."""
    given: tuple[Any, ...] = (object.__repr__, Described.__repr__)
    return type(value).__repr__ not in given


class Described:
    """Base class of objects whose repr shows the arguments that differ from the defaults."""

    def _made_of(self) -> Mapping[str, Any]:
        """Return arguments that are kept elsewhere than in attributes of the same names."""
        return {}

    def __repr__(self) -> str:
        parameters = inspect.signature(type(self)).parameters
        arguments = [
            f"{name}={_short(value)}"
            for name, value in made_of(self).items()
            if parameters[name].kind in KEYWORDS and not _same(value, parameters[name].default)
        ]
        return f"{type(self).__name__}({', '.join(arguments)})"


def _same(value: Any, default: Any) -> bool:
    """Return whether an argument is its default; arrays are none."""
    try:
        return value is default or (type(value) is type(default) and bool(value == default))
    except Exception:  # of an object that cannot be compared
        return False


def _short(value: Any) -> str:
    """Write a value in one line; of arrays and parameters the shape says enough."""
    if (shape := getattr(value, "shape", None)) is not None:
        return f"<{type(value).__name__} {shape}>"
    if isinstance(value, (list, tuple)):
        shown = ", ".join(map(_short, value[:3])) + (", ..." if len(value) > 3 else "")
        return f"[{shown}]" if isinstance(value, list) else f"({shown})"
    if callable(value) and hasattr(value, "__name__"):
        return str(value.__name__)
    return written(value)
