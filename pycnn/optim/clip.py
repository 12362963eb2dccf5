"""Limits on gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from pycnn import backends
from pycnn._arguments import number
from pycnn._overlap import overlapping, same_numbers
from pycnn.devices import on_cpu
from pycnn.layers.parameter import Array, Parameter, gradient_values, list_of_parameters


def clip_grad_norm(parameters: Iterable[Parameter], max_norm: float) -> float:
    """Scale all gradients together so that their common 2-norm is at most `max_norm`.

    Parameters
    ----------
    parameters : iterable of Parameter
        Those without a gradient are skipped. A parameter, or the memory of a gradient, that
        appears more than once counts once.
    max_norm : float
        Largest norm, positive.

    Returns
    -------
    float
        The norm before scaling, summed in float64. If it is not finite the gradients stay as
        they are, because scaling would turn all of them into NaN.

    Raises
    ------
    TypeError
        If `max_norm` is not a number, or `parameters` are not Parameters.
    ValueError
        If `max_norm` is not positive, a gradient is read-only, or two share a part of their memory.

    References
    ----------
    Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks, 2013.
    """
    owner = "clip_grad_norm"
    if not number(owner, "max_norm", max_norm) > 0:
        raise ValueError(f"[{owner}] max_norm must be positive, got {max_norm}")
    gradients = _distinct(owner, parameters)
    norm = math.sqrt(math.fsum(backends.of(g).sum_of_squares(g) for g in gradients))
    if norm > max_norm and math.isfinite(norm):
        for gradient in gradients:
            backends.of(gradient).scale(gradient, max_norm / norm)
    return norm


def clip_grad_value(parameters: Iterable[Parameter], clip_value: float) -> None:
    """Limit each number of the gradients to the range from ``-clip_value`` to ``clip_value``.

    Infinity is limited too, and NaN stays. Gradients on a device are copied to the CPU and back.

    Parameters
    ----------
    parameters : iterable of Parameter
        Those without a gradient are skipped.
    clip_value : float
        Largest absolute value, positive.

    Raises
    ------
    TypeError
        If `clip_value` is not a number, or `parameters` are not Parameters.
    ValueError
        If `clip_value` is not positive, a gradient is read-only, or two share a part of their
        memory.
    """
    owner = "clip_grad_value"
    if not number(owner, "clip_value", clip_value) > 0:
        raise ValueError(f"[{owner}] clip_value must be positive, got {clip_value}")
    for gradient in _distinct(owner, parameters):
        numbers = on_cpu(gradient)
        with np.errstate(over="ignore"):  # beyond the dtype there is no limit
            limit = numbers.dtype.type(clip_value)
        if numbers is gradient:
            np.clip(numbers, -limit, limit, out=numbers)
        else:
            backends.of(gradient).write(gradient, np.clip(numbers, -limit, limit))


def _distinct(owner: str, parameters: Iterable[Parameter]) -> list[Array]:
    """Return the numbers of all gradients, each array once, ready to be changed."""
    grads = [p.gradient for p in list_of_parameters(owner, "parameters", parameters)]
    arrays = {str(i): gradient_values(grad) for i, grad in enumerate(grads) if grad is not None}
    distinct = {id(array): name for name, array in arrays.items()}
    arrays = {name: arrays[name] for name in distinct.values()}
    for one, other in list(overlapping(arrays)):
        if not same_numbers(arrays[one], arrays[other]):
            raise ValueError(
                f"[{owner}] gradients {one} and {other} share a part of their memory, which cannot "
                "be scaled once"
            )
    twice = {other for _, other in overlapping(arrays)}
    gradients = [array for name, array in arrays.items() if name not in twice]
    for array in gradients:
        if isinstance(array, np.ndarray) and not array.flags.writeable:
            raise ValueError(f"[{owner}] a gradient is read-only ({array.shape})")
    return gradients
