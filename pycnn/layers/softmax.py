"""Softmax and its logarithm, along any axis."""

from __future__ import annotations

import math
from abc import abstractmethod

from pycnn import ops
from pycnn._arguments import LARGEST, integer
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Shape, check_contiguous, check_gradient
from pycnn.layers.rearrange import swapped
from pycnn.layers.reshape import axis_of


class _OfClasses(Module):
    """A function of the scores of all classes, which lie along an axis."""

    def __init__(self, dim: int | None = None) -> None:
        name = type(self).__name__
        self.dim = None if dim is None else integer(name, "dim", dim, -LARGEST)

    def forward(self, x: Array) -> Array:
        """Replace scores; the output has the shape of the input."""
        view = self._view(x.shape)
        check_contiguous(type(self).__name__, "x", x)
        y = self._forward(_as_rows(x, view))
        self.save_for_backward(y, view)
        return _from_rows(y, view).reshape(x.shape)

    def backward(self, dy: Array) -> Array:
        """Multiply by the Jacobian of each group of scores."""
        y, view = self.saved()
        check_gradient(dy, y.size)
        check_contiguous(type(self).__name__, "dy", dy)
        dx = self._backward(_as_rows(dy, view), y)
        return _from_rows(dx, view).reshape(dy.shape)

    def _view(self, shape: Shape) -> Shape:
        """Return the numbers before the axis of the classes, of classes, and behind it."""
        if self.dim is None:
            if len(shape) != 2:
                raise ValueError(
                    f"expects (N, C), one row a sample, input was {shape}: for other shapes, dim= "
                    "says which axis holds the classes"
                )
            return (*shape, 1)
        axis = axis_of(self.dim, shape)
        if axis is None:
            raise ValueError(f"has no axis {self.dim} to work along (input was {shape})")
        return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])

    @abstractmethod
    def _forward(self, rows: Array) -> Array:
        """Replace the scores of each row."""

    @abstractmethod
    def _backward(self, dy: Array, y: Array) -> Array:
        """Return the gradient of the scores for that of the rows `y`."""

    def _arguments(self) -> str:
        return "" if self.dim is None else f"dim={self.dim}"


class Softmax(_OfClasses):
    """Probabilities of the classes, which add up to 1; see `pycnn.ops.softmax`.

    ``p[..., i, ...] = exp(x[..., i, ...]) / sum over k of exp(x[..., k, ...])``, where i and k run
    along the axis `dim`. A network that is trained with `CrossEntropyLoss` does not need it: the
    loss contains it.

    Parameters
    ----------
    dim : int, optional
        Axis of the classes; a negative number counts from the end. By default that of the columns
        of (N, C), and inputs of another number of axes are refused.

    Raises
    ------
    TypeError, ValueError
        If `dim` is not an int; in `forward`, if there is no such axis.
    """

    def _forward(self, rows: Array) -> Array:
        return ops.softmax(rows)

    def _backward(self, dy: Array, y: Array) -> Array:
        return ops.softmax_backward(dy, y)


class LogSoftmax(_OfClasses):
    """Logarithms of the probabilities of the classes, for `NLLLoss`; see `pycnn.ops.log_softmax`.

    ``y[..., i, ...] = x[..., i, ...] - log(sum over k of exp(x[..., k, ...]))``, where i and k run
    along the axis `dim`. `CrossEntropyLoss` on the scores does the same as this layer with
    `NLLLoss`, in one step.

    Parameters
    ----------
    dim : int, optional
        Axis of the classes, as for `Softmax`.

    Raises
    ------
    TypeError, ValueError
        If `dim` is not an int; in `forward`, if there is no such axis.
    """

    def _forward(self, rows: Array) -> Array:
        return ops.log_softmax(rows)

    def _backward(self, dy: Array, y: Array) -> Array:
        return ops.log_softmax_backward(dy, y)


def _as_rows(x: Array, view: Shape) -> Array:
    """Return an array of a shape (before, classes, behind) as one row for each group of scores."""
    before, classes, behind = view
    if behind != 1:
        x = swapped(x, (*view, 1))
    rows: Array = x.reshape(before * behind, classes)
    return rows


def _from_rows(rows: Array, view: Shape) -> Array:
    """Undo `_as_rows`, but for the shape."""
    before, classes, behind = view
    return rows if behind == 1 else swapped(rows, (before, behind, classes, 1))
