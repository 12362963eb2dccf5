"""Limits on gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from pycnn._arguments import number
from pycnn.devices import on_cpu, write
from pycnn.layers.parameter import Parameter, gradient_values


def clip_grad_norm(parameters: Iterable[Parameter], max_norm: float) -> float:
    """Scale all gradients together so that their common 2-norm is at most `max_norm`.

    Parameters
    ----------
    parameters : iterable of Parameter
        Those without a gradient are skipped.
    max_norm : float
        Largest norm, positive.

    Returns
    -------
    float
        The norm before scaling, summed in float64. If it is not finite the gradients stay as
        they are, for scaling would make NaN of all of them.

    Raises
    ------
    TypeError
        If `max_norm` is not a number.
    ValueError
        If `max_norm` is not positive.

    References
    ----------
    Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks, 2013.
    """
    if not number("max_norm", max_norm) > 0:
        raise ValueError(f"max_norm must be positive, got {max_norm}")
    gradients = [gradient_values(p.grad) for p in parameters if p.grad is not None]
    numbers = [on_cpu(gradient) for gradient in gradients]
    # einsum sums in one thread and in a fixed order, unlike a BLAS dot product.
    squares = (np.einsum("i,i->", g.ravel(), g.ravel(), dtype=np.float64) for g in numbers)
    norm = math.sqrt(math.fsum(squares))
    if norm > max_norm and math.isfinite(norm):
        for gradient, values in zip(gradients, numbers, strict=True):
            values *= values.dtype.type(max_norm / norm)
            if values is not gradient:
                write(gradient, values)
    return norm
