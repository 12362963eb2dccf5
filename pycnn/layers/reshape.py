"""Layers that change the shape and nothing else, without a copy."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from pycnn._arguments import LARGEST, integer, written
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Shape, check_contiguous
from pycnn.layers.sparse_rows import check_kind


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
    """Join neighbouring axes, without a copy: (N, C, H, W) becomes (N, C H W).

    Parameters
    ----------
    start_dim, end_dim : int
        First and last axis to join; negative numbers count from the end.

    Raises
    ------
    TypeError, ValueError
        If an argument is not an int; in `forward`, if there is no such axis.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = integer("Flatten", "start_dim", start_dim, -LARGEST)
        self.end_dim = integer("Flatten", "end_dim", end_dim, -LARGEST)

    def _shape(self, shape: Shape) -> Shape:
        first, last = axis_of(self.start_dim, shape), axis_of(self.end_dim, shape)
        if first is None or last is None or first > last:
            if (self.start_dim, self.end_dim) == (1, -1):
                raise ValueError(f"expects at least 2 dimensions (input was {shape})")
            raise ValueError(
                f"has no axes from {self.start_dim} to {self.end_dim} to join (input was {shape})"
            )
        return (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])

    def _arguments(self) -> str:
        axes = self.start_dim, self.end_dim
        return "" if axes == (1, -1) else ", ".join(map(str, axes))


class Unflatten(_View):
    """Split an axis into several, without a copy: (N, 12) becomes (N, 3, 4).

    Parameters
    ----------
    dim : int
        The axis; a negative number counts from the end.
    unflattened_size : tuple of int
        Sizes of the new axes; one may be -1: what is left.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above; in `forward`, if there is no such axis, or the sizes do not
        multiply to its own.
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        self.dim = integer("Unflatten", "dim", dim, -LARGEST)
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(
                "[Unflatten] unflattened_size must be a tuple of ints, "
                f"got {written(unflattened_size)}"
            )
        self.unflattened_size = _sizes("Unflatten", "unflattened_size", unflattened_size)

    def _shape(self, shape: Shape) -> Shape:
        axis = axis_of(self.dim, shape)
        new = None if axis is None else _fitted(self.unflattened_size, shape[axis])
        if axis is None or new is None:
            raise ValueError(
                f"cannot split axis {self.dim} into {self.unflattened_size} (input was {shape})"
            )
        return (*shape[:axis], *new, *shape[axis + 1 :])

    def _arguments(self) -> str:
        return f"{self.dim}, {self.unflattened_size}"


class Identity(Module):
    """The input itself, for a place where there may be a layer.

    Parameters
    ----------
    *arguments, **options
        Ignored, so that it can take the place of any layer.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        pass

    def forward(self, x: Array) -> Array:
        """Return `x`."""
        self.save_for_backward(x.shape)
        return x

    def backward(self, dy: Array) -> Array:
        """Return `dy`."""
        (shape,) = self.saved()
        self._check_gradient(dy, shape)
        return dy


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
        self.shape = _sizes("Reshape", "shape", shape)

    def _shape(self, shape: Shape) -> Shape:
        sample = _fitted(self.shape, math.prod(shape[1:])) if shape else None
        if sample is None:
            raise ValueError(f"cannot give a sample the shape {self.shape} (input was {shape})")
        return (shape[0], *sample)

    def _arguments(self) -> str:
        return ", ".join(map(str, self.shape))


def axis_of(axis: int, shape: Shape) -> int | None:
    """Return an axis counted from the start, or None if a shape has no such axis."""
    return axis % len(shape) if -len(shape) <= axis < len(shape) else None


def _sizes(owner: str, name: str, values: Sequence[int]) -> Shape:
    """Return sizes of which one may be -1."""
    sizes = tuple(integer(owner, name, size, -1) for size in values)
    if 0 in sizes:
        raise ValueError(f"[{owner}] {name} must be at least 1 everywhere, or -1, got {sizes}")
    if sizes.count(-1) > 1:
        raise ValueError(f"[{owner}] only one size can be -1 in {name}, got {sizes}")
    return sizes


def _fitted(sizes: Shape, count: int) -> Shape | None:
    """Return sizes that multiply to a number, with what is left for -1; None if they do not."""
    known = math.prod(size for size in sizes if size != -1)
    if -1 not in sizes:
        return sizes if known == count else None
    if count % known:
        return None
    return tuple(count // known if size == -1 else size for size in sizes)
