"""Several batches for one update of the parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from pycnn import backends
from pycnn.autograd.structure import mapped

Part = tuple[Any, Any]


def windows(source: Iterable[Part], count: int) -> Iterator[list[Part]]:
    """Yield the batches of each update: `count` of them, and at the end those that are left.

    Batches that wait for others are copies, because the source may use their memory again.
    """
    if count == 1:
        yield from ([part] for part in source)
        return
    batches = iter(source)
    while window := [(_copied(x), _copied(y)) for x, y in islice(batches, count)]:
        yield window


def updates_of(batches: int, count: int) -> int:
    """Return how many updates an epoch of so many batches has."""
    return -(-batches // count)


def scaled(gradient: Any, factor: float) -> Any:
    """Return a gradient times a number, rounded to its dtype; one on a device changes in place.

    Of several outputs these are several gradients, None for those without one.
    """
    if gradient is None:
        return None
    if isinstance(gradient, (tuple, list)):
        return mapped(lambda part: scaled(part, factor), gradient)
    if isinstance(gradient, np.ndarray):
        return gradient * gradient.dtype.type(factor)
    backends.of(gradient).scale(gradient, factor)
    return gradient


def _copied(values: Any) -> Any:
    return mapped(lambda one: one.copy() if isinstance(one, np.ndarray) else one, values)
