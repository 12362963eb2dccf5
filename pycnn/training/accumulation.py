"""Several batches for one update of the parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from pycnn import backends
from pycnn.autograd.structure import mapped
from pycnn.layers.parameter import Parameter, sum_of

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


class Totals:
    """Sums of the gradients of several batches, each batch's added as a whole.

    A plan writes the gradients of each batch to the same place, so that they cannot be sums.

    Parameters
    ----------
    parameters : iterable of Parameter
        Those that get gradients.
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        self._parameters = list(parameters)
        self._sums: list[Any] = [None] * len(self._parameters)

    def add(self, *, copied: bool) -> None:
        """Add the gradients that the parameters have; `copied` if the next ones overwrite them."""
        for i, parameter in enumerate(self._parameters):
            own, grad = self._sums[i], parameter.gradient
            if grad is not None and own is not None:
                self._sums[i] = sum_of(own, grad)
            elif grad is not None:
                self._sums[i] = grad.copy() if copied and isinstance(grad, np.ndarray) else grad

    def give(self) -> None:
        """Make the sums the gradients of the parameters."""
        for parameter, total in zip(self._parameters, self._sums, strict=True):
            parameter.gradient = total


def _copied(values: Any) -> Any:
    return mapped(lambda one: one.copy() if isinstance(one, np.ndarray) else one, values)
