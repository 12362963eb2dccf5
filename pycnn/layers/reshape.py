"""Layers that change the shape and nothing else, without a copy."""

from __future__ import annotations

import math
from abc import abstractmethod

from pycnn._arguments import integer
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Shape, check_contiguous, check_kind


class _View(Module):
    """The same numbers in another shape: what these layers share."""

    def forward(self, x: Array) -> Array:
        """Return a view of `x`, which must be C-contiguous, in the other shape."""
        self._check("x", x)
        shape = self._shape(x.shape)
        self.save_for_backward(x.shape, shape)
        return x.reshape(shape)

    def backward(self, dy: Array) -> Array:
        """Return a view of `dy`, which must be C-contiguous, of the shape of the input."""
        before, after = self.saved()
        self._check("dy", dy)
        self._check_gradient(dy, after)
        dx: Array = dy.reshape(before)
        return dx

    def _check(self, name: str, array: Array) -> None:
        owner = type(self).__name__
        check_kind(owner, name, array)
        check_contiguous(owner, name, array)

    @abstractmethod
    def _shape(self, shape: Shape) -> Shape:
        """Return the shape of the output for that of the input."""


class Flatten(_View):
    """Feature maps to rows of features: (N, C, H, W) becomes (N, C H W), without a copy."""

    def _shape(self, shape: Shape) -> Shape:
        if len(shape) < 2:
            raise ValueError(f"expects at least 2 dimensions (input was {shape})")
        return shape[0], math.prod(shape[1:])


class Unsqueeze(_View):
    """A new axis of size 1, without a copy: (N, L, D) becomes (N, 1, L, D) with axis 1.

    Parameters
    ----------
    axis : int
        Where it is in the output; not 0, the batch.

    Raises
    ------
    TypeError, ValueError
        If `axis` is not a positive int; in `forward`, if it is beyond the end.
    """

    def __init__(self, axis: int) -> None:
        self.axis = integer("Unsqueeze", "axis", axis, 1)

    def _shape(self, shape: Shape) -> Shape:
        if len(shape) < self.axis:
            raise ValueError(f"expects at least {self.axis} dimensions (input was {shape})")
        return (*shape[: self.axis], 1, *shape[self.axis :])

    def _arguments(self) -> str:
        return f"{self.axis}"


class Reshape(_View):
    """Each sample in another shape, without a copy: (N, ...) becomes (N, *shape).

    Parameters
    ----------
    *shape : int
        Shape of a sample; one size may be -1: what is left.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive int, or more than one is -1; in `forward`, if the sizes do not
        multiply to the number of numbers in a sample.

    Examples
    --------
    >>> flat = pycnn.Flatten()(np.zeros((32, 16, 5, 5), np.float32))
    >>> pycnn.Reshape(16, 5, 5)(flat).shape
    (32, 16, 5, 5)
    """

    def __init__(self, *shape: int) -> None:
        if len(shape) == 0:
            raise ValueError("[Reshape] needs the shape of a sample: Reshape(16, 5, 5)")
        self.shape = tuple(integer("Reshape", "shape", size, -1) for size in shape)
        if 0 in self.shape:
            raise ValueError(f"[Reshape] shape must be at least 1 everywhere, or -1, got {shape}")
        if self.shape.count(-1) > 1:
            raise ValueError(f"[Reshape] only one size can be -1 in shape, got {shape}")

    def _shape(self, shape: Shape) -> Shape:
        have, want = math.prod(shape[1:]), math.prod(size for size in self.shape if size != -1)
        fits = have % want == 0 if -1 in self.shape else have == want
        if not shape or not fits:
            raise ValueError(f"cannot give a sample the shape {self.shape} (input was {shape})")
        return (shape[0], *(have // want if size == -1 else size for size in self.shape))

    def _arguments(self) -> str:
        return ", ".join(map(str, self.shape))
