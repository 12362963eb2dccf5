"""The place of a parameter's gradient in the flat array of all gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pycnn.layers.parameter import Array, Gradient, Parameter
from pycnn.layers.sparse_rows import SparseRows

# Gradients begin at cache lines of 64 bytes, where ops are fastest.
ALIGNMENT = 16


class Home:
    """Part of a flat array that holds the gradient of a parameter.

    Attributes
    ----------
    parameter : Parameter
        The parameter.
    start, stop : int
        Positions in the flat array.
    view : array
        The part, in the parameter's shape.
    arrivals, expected : int
        Gradients added in this step, and the number allowed: None for any number.
    on_arrival : function of Home, or None
        Called after each gradient.
    """

    __slots__ = ("arrivals", "expected", "on_arrival", "parameter", "start", "stop", "view")

    def __init__(self, parameter: Parameter, flat: Array, start: int) -> None:
        self.parameter = parameter
        self.start, self.stop = start, start + parameter.numel()
        self.view = flat[start : self.stop].reshape(parameter.shape)
        self.arrivals = 0
        self.expected: int | None = None
        self.on_arrival: Callable[[Home], None] | None = None

    def add(self, own: Gradient | None, grad: Gradient) -> Array:
        """Add a gradient to the parameter's, `own`, and return the sum: the view.

        A gradient that an op has already written here is not copied.

        Raises
        ------
        RuntimeError
            If it is one more than expected: the sum over the ranks may have begun.
        """
        if self.arrivals == self.expected:
            raise RuntimeError(
                f"[fit] a parameter of shape {self.parameter.shape} got more gradients than the "
                f"{self.expected} of the steps before: overlap=False waits for the end of the "
                "backward pass"
            )
        dense = grad.to_dense() if isinstance(grad, SparseRows) else grad
        if own is None:
            if not _is_same(dense, self.view):
                self.view[...] = dense
        elif own is self.view:
            self.view += dense
        else:  # the earlier gradient lies elsewhere
            self.view[...] = (own.to_dense() if isinstance(own, SparseRows) else own) + dense
        self.arrivals += 1
        if self.on_arrival is not None:
            self.on_arrival(self)
        return self.view


def room(parameters: list[Parameter]) -> list[int]:
    """Return where each parameter's gradient begins in a flat array, and where the last ends."""
    starts = [0]
    for parameter in parameters:
        starts.append(starts[-1] + -(-parameter.numel() // ALIGNMENT) * ALIGNMENT)
    return starts


def aligned_zeros(size: int) -> Array:
    """Return float32 zeros that begin at a cache line."""
    memory = np.zeros(size + ALIGNMENT, np.float32)
    skipped = -memory.ctypes.data // memory.itemsize % ALIGNMENT
    return memory[skipped : skipped + size]


def _is_same(one: Array, other: Array) -> bool:
    """Return whether two arrays of one shape share all their memory, in the same order."""
    return one is other or (one.ctypes.data == other.ctypes.data and one.strides == other.strides)
