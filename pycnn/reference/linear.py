"""The fully connected layer y = x w^T + b and its gradients."""

from __future__ import annotations

import numpy as np

from pycnn.reference.activation import relu
from pycnn.reference.geometry import Array
from pycnn.reference.places import Places, placed

__all__ = [
    "linear",
    "linear_backward",
    "linear_backward_input",
    "linear_backward_weight",
    "linear_relu",
]


def linear(x: Array, w: Array, b: Array | None = None) -> Array:
    """``y[n, o] = b[o] + sum_i x[n, i] w[o, i]``.

    Parameters, results and errors are those of `pycnn.ops.linear`.
    """
    if x.shape[1] != w.shape[1]:
        raise ValueError(
            f"[linear] weight has {w.shape[1]} input features, x has {x.shape[1]} "
            f"(x: {x.shape}, weight: {w.shape})"
        )
    y = x @ w.T
    return np.asarray(y if b is None else y + b)


def linear_relu(x: Array, w: Array, b: Array | None = None) -> Array:
    """``relu(linear(x, w, b))``.

    Parameters, results and errors are those of `pycnn.ops.linear_relu`.
    """
    return relu(linear(x, w, b))


def linear_backward_input(dy: Array, w: Array) -> Array:
    """``dx[n, i] = sum_o dy[n, o] w[o, i]``.

    Parameters, results and errors are those of `pycnn.ops.linear_backward_input`.
    """
    return np.asarray(dy @ w)


def linear_backward_weight(
    dy: Array, x: Array, *, out: Places | None = None
) -> tuple[Array, Array]:
    """``dw[o, i] = sum_n dy[n, o] x[n, i]`` and ``db[o] = sum_n dy[n, o]``.

    Parameters, results and errors are those of `pycnn.ops.linear_backward_weight`.
    """
    dw, db = np.asarray(dy.T @ x), np.asarray(dy.sum(axis=0))
    return placed("linear_backward_weight", out, dw, db, dy=dy, x=x)


def linear_backward(dy: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    """All three gradients of `linear`: dx, dw, db.

    Parameters, results and errors are those of `pycnn.ops.linear_backward`.
    """
    return linear_backward_input(dy, w), *linear_backward_weight(dy, x)
