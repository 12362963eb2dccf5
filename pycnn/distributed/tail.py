"""What the ranks add up besides gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pycnn.layers.parameter import Array, Parameter


class Tail(NamedTuple):
    """What stands behind the gradients in the sum of a step.

    Attributes
    ----------
    loss : float
        Loss of the rank's part of the batch, times the weight of it.
    weight : float
        What the part weighs: for most losses its samples.
    signals : float
        Ranks that a signal asks to end the training.
    """

    loss: float
    weight: float
    signals: float


class Gradients(Protocol):
    """Adds the gradients of parameters up over the ranks, after each backward pass."""

    def sum(self, tail: Tail) -> Tail:
        """Add the gradients up over all ranks, and what the tail holds.

        A parameter that has a gradient on no rank has none afterwards; where some ranks have none,
        they count as zeros.
        """

    def scale(self, factor: float) -> None:
        """Multiply all gradients."""

    @property
    def busy(self) -> bool:
        """Whether sums have begun that other ranks may not come to."""

    def release(self) -> None:
        """Let the parameters go; their gradients stay where they are."""

    def close(self) -> None:
        """Free what the sums need, on all ranks, after a training that none of them has failed."""


def fill(numbers: Array, tail: Tail, parameters: Sequence[Parameter]) -> None:
    """Write down the tail, and which parameters have a gradient here."""
    numbers[: len(tail)] = tail
    numbers[len(tail) :] = [parameter.grad is not None for parameter in parameters]


def read(numbers: Array) -> tuple[Tail, list[bool]]:
    """Return the sums of what `fill` wrote: which parameters have a gradient on any rank."""
    count = len(Tail._fields)
    return Tail(*map(float, numbers[:count])), (numbers[count:] > 0).tolist()
