"""What the ranks sum besides gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from pycnn.layers.parameter import Array, Parameter


class Tail(NamedTuple):
    """Numbers after the gradients in the sum of a step.

    Attributes
    ----------
    loss : float
        Loss of the rank's part of the batch, times its weight.
    weight : float
        Weight of the part: its number of samples for most losses.
    signals : float
        Number of ranks that got a signal to end the training.
    """

    loss: float
    weight: float
    signals: float


class Gradients(Protocol):
    """Sums the gradients of parameters over the ranks, after each backward pass."""

    def sum(self, tail: Tail) -> Tail:
        """Sum the gradients and the tail over all ranks, and return the sums of the tail.

        A parameter without a gradient on any rank has none afterwards; if only some ranks have
        none, theirs count as zeros.
        """

    def scale(self, factor: float) -> None:
        """Multiply all gradients."""

    @property
    def busy(self) -> bool:
        """Whether sums have begun that other ranks may never join."""

    def release(self) -> None:
        """Release the parameters; their gradients stay where they are."""

    def close(self) -> None:
        """Free the resources of the sums on all ranks, after a training in which no rank failed."""


def fill(numbers: Array, tail: Tail, parameters: Sequence[Parameter]) -> None:
    """Write the tail, and which parameters have a gradient on this rank, into `numbers`."""
    numbers[: len(tail)] = tail
    numbers[len(tail) :] = [parameter.gradient is not None for parameter in parameters]


def read(numbers: Array) -> tuple[Tail, list[bool]]:
    """Return the summed tail, and which parameters have a gradient on any rank."""
    count = len(Tail._fields)
    return Tail(*map(float, numbers[:count])), (numbers[count:] > 0).tolist()
