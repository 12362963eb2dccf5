"""Activations that tensors have as methods."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pycnn import ops
from pycnn.autograd.shaping import axis_of
from pycnn.autograd.value import Value, record

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


def sigmoid(x: Value) -> Tensor:
    """Return ``1 / (1 + exp(-x))``."""
    y = ops.sigmoid(x.array)
    return record("sigmoid", (x,), y, lambda needs, g: (ops.sigmoid_backward(g, y),))


def tanh(x: Value) -> Tensor:
    """Return the hyperbolic tangent."""
    y = ops.tanh(x.array)
    return record("tanh", (x,), y, lambda needs, g: (ops.tanh_backward(g, y),))


def softmax(x: Value, dim: int, log: bool = False) -> Tensor:
    """Turn scores along an axis into probabilities, or into their logarithms."""
    name = "log_softmax" if log else "softmax"
    k, shape = x.backend, tuple(x.array.shape)
    axis = axis_of(name, dim, len(shape))
    order = [i for i in range(len(shape)) if i != axis] + [axis]
    back = tuple(sorted(range(len(shape)), key=order.__getitem__))
    last = axis == len(shape) - 1 or not shape
    op, gradient = (
        (ops.log_softmax, ops.log_softmax_backward) if log else (ops.softmax, ops.softmax_backward)
    )

    def rows(array: Any) -> Any:
        turned = array if last else k.transpose(array, tuple(order))
        return turned.reshape(math.prod(shape[i] for i in order[:-1]), shape[axis] if shape else 1)

    def restored(array: Any) -> Any:
        if last:
            return array.reshape(shape)
        return k.transpose(array.reshape([shape[i] for i in order]), back)

    y = op(rows(x.array))
    return record(
        name,
        (x,),
        restored(y),
        lambda needs, g: (restored(gradient(rows(g), y)),),
    )
