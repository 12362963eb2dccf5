"""Initial values of weights: as new arrays, or written into a parameter (names that end in _).

The names that PyTorch once had without _ write into a parameter, too, if they are given one:
``init.xavier_uniform(layer.weight)`` is ``init.xavier_uniform_(layer.weight)``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from pycnn.init import draw, in_place
from pycnn.init.draw import *
from pycnn.init.draw import __all__ as _draw
from pycnn.init.in_place import *
from pycnn.init.in_place import __all__ as _in_place

# PyTorch's name, which layers of one's own call although it is private there.
from pycnn.init.in_place import (
    calculate_fan_in_and_fan_out as _calculate_fan_in_and_fan_out,  # noqa: F401
)


def _either(make: Callable[..., Any], write: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that writes into a parameter or tensor, or for a shape makes an array."""

    @wraps(make)
    def initial(shape: Any, *arguments: Any, **options: Any) -> Any:
        are_weights = hasattr(shape, "dtype") and shape.dtype.kind == "f" and shape.ndim > 0
        return (write if are_weights else make)(shape, *arguments, **options)

    return initial


constant = _either(draw.constant, in_place.constant_)
kaiming_normal = _either(draw.kaiming_normal, in_place.kaiming_normal_)
kaiming_uniform = _either(draw.kaiming_uniform, in_place.kaiming_uniform_)
normal = _either(draw.normal, in_place.normal_)
orthogonal = in_place.orthogonal_
uniform = _either(draw.uniform, in_place.uniform_)
xavier_normal = _either(draw.xavier_normal, in_place.xavier_normal_)
xavier_uniform = _either(draw.xavier_uniform, in_place.xavier_uniform_)

__all__ = sorted(["orthogonal", *_draw, *_in_place])
