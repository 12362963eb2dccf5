"""Other shapes for the same numbers, without a copy."""

from __future__ import annotations

import math

from pycnn._arguments import integer
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array


class _View(Module):
    """The same numbers in another shape: what all of them share."""

    def _view(self, x: Array, *shape: int) -> Array:
        """Give a view of `x`, of another shape."""
        self._save((x.shape, shape))
        return x.reshape(shape)

    def backward(self, dy: Array) -> Array:
        """Give a view of `dy`, of the shape of the input."""
        before, after = self._saved()
        self._check_gradient(dy, after)
        dx: Array = dy.reshape(before)
        return dx


class Flatten(_View):
    """Feature maps to rows of features: (N, C, H, W) becomes (N, C H W), without a copy."""

    def forward(self, x: Array) -> Array:
        """Give a view of `x`, of shape (N, product of the other sizes)."""
        if x.ndim < 2:
            raise ValueError(f"expects at least 2 dimensions (input was {x.shape})")
        return self._view(x, len(x), math.prod(x.shape[1:]))


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

    def forward(self, x: Array) -> Array:
        """Give a view of `x` with one axis more."""
        if x.ndim < self.axis:
            raise ValueError(f"expects at least {self.axis} dimensions (input was {x.shape})")
        return self._view(x, *x.shape[: self.axis], 1, *x.shape[self.axis :])

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
    >>> Reshape(16, 5, 5)  # undoes Flatten
    """

    def __init__(self, *shape: int) -> None:
        if len(shape) == 0:
            raise ValueError("[Reshape] needs the shape of a sample: Reshape(16, 5, 5)")
        if list(shape).count(-1) > 1:
            raise ValueError(f"[Reshape] only one size can be -1, got {shape}")
        self.shape = tuple(
            size if size == -1 else integer("Reshape", "shape", size, 1) for size in shape
        )

    def forward(self, x: Array) -> Array:
        """Give a view of `x`, of shape (N, *shape)."""
        have, want = math.prod(x.shape[1:]), math.prod(size for size in self.shape if size != -1)
        if have % want if -1 in self.shape else have != want:
            raise ValueError(f"cannot give a sample the shape {self.shape} (input was {x.shape})")
        shape = (have // want if size == -1 else size for size in self.shape)
        return self._view(x, len(x), *shape)

    def _arguments(self) -> str:
        return ", ".join(map(str, self.shape))
