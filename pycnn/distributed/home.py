"""The place of a parameter's gradient in the flat array of all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pycnn.layers.parameter import Array, Gradient, Parameter, SparseRows

# Gradients begin at cache lines of 64 bytes, as ops like them to.
ALIGNMENT = 16


class Home:
    """Where the gradient of a parameter lies, as a stretch of a flat array.

    Attributes
    ----------
    parameter : Parameter
        Whose gradient it is.
    start, stop : int
        Positions in the flat array.
    view : array
        The stretch, of the parameter's shape.
    arrivals, expected : int
        Gradients that have been added since it was set to 0, and how many there may be: None for
        any number.
    on_arrival : function of Home, or None
        Called after each.
    """

    __slots__ = ("arrivals", "expected", "on_arrival", "parameter", "start", "stop", "view")

    def __init__(self, parameter: Parameter, flat: Array, start: int) -> None:
        self.parameter = parameter
        self.start, self.stop = start, start + parameter.size
        self.view = flat[start : self.stop].reshape(parameter.shape)
        self.arrivals = 0
        self.expected: int | None = None
        self.on_arrival: Callable[[Home], None] | None = None

    def add(self, own: Gradient | None, grad: Gradient) -> Array:
        """Add a gradient to that of the parameter, `own`, and give what that is then: the view.

        One that an op has written here already is not copied.

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
        else:  # what there was lay elsewhere
            self.view[...] = (own.to_dense() if isinstance(own, SparseRows) else own) + dense
        self.arrivals += 1
        if self.on_arrival is not None:
            self.on_arrival(self)
        return self.view


def room(parameters: list[Parameter]) -> list[int]:
    """Return where the gradient of each parameter begins in a flat array, and where all end."""
    starts = [0]
    for parameter in parameters:
        starts.append(starts[-1] + -(-parameter.size // ALIGNMENT) * ALIGNMENT)
    return starts


def aligned_zeros(size: int) -> Array:
    """Return float32 zeros that begin at a cache line."""
    memory = np.zeros(size + ALIGNMENT, np.float32)
    skipped = -memory.ctypes.data // memory.itemsize % ALIGNMENT
    return memory[skipped : skipped + size]


def _is_same(one: Array, other: Array) -> bool:
    """Whether two arrays of one shape are the same numbers in the same memory."""
    return one is other or (one.ctypes.data == other.ctypes.data and one.strides == other.strides)
