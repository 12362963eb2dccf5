"""Find where NaN or infinity first appears in a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn import backends
from pycnn.autograd.structure import leaves
from pycnn.devices import is_array, move, on_cpu
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, gradient_values
from pycnn.layers.turns import between_steps


def is_finite(array: Any) -> bool:
    """Return whether an array, on any device, holds neither NaN nor infinity."""
    return np.dtype(array.dtype).kind != "f" or backends.of(array).is_finite(array)


def nonfinite_state(model: Module) -> list[str]:
    """Name the parameters and buffers that are not finite."""
    return [name for name, array in model.state_dict().items() if not is_finite(array)]


def in_batch(x: Any, y: Any = None, batch: int | None = None) -> str | None:
    """Describe the first number in a batch that is not finite; return None if all are."""
    place = "" if batch is None else f" of batch {batch}"
    for name, array in (*_named("x", x), *_named("y", y)):
        numbers = np.asarray(on_cpu(array))
        if numbers.dtype.kind != "f" or is_finite(numbers):
            continue
        bad = np.isnan(numbers)
        kind = "NaN" if bad.any() else "infinity"
        sample = int(np.argwhere(bad if bad.any() else np.isinf(numbers))[0][0])
        return f"{name}{place} holds {kind}, first in its sample {sample}"
    return None


def _named(name: str, values: Any) -> list[tuple[str, Any]]:
    if not isinstance(values, tuple):
        return [(name, values)]
    return [(f"{name}[{i}]", part) for i, part in enumerate(values)]


def first_nonfinite(
    model: Module, x: Array, y: Any = None, batch: int | None = None, *, trained: bool = False
) -> str:
    """Describe in a sentence where the first NaN or infinity of an evaluation or a step is.

    The search goes through the batch; then, layer by layer, its parameters and its output; then,
    for a step, the gradients of the parameters from the last layer back, as they were computed.

    Parameters
    ----------
    model : Module
        The model; for a step, with its gradients.
    x : array, or tuple of arrays
        The batch; of several inputs the layers are not searched.
    y : array, optional
        Its targets.
    batch : int, optional
        Number of the batch, for the sentence.
    trained : bool
        Whether it is a training step.

    Returns
    -------
    str
        Such as ``the output of layer 6 (Linear) is not finite``, or ``x of batch 3 holds NaN, first
        in its sample 0``.
    """
    if (found := in_batch(x, y, batch)) is not None:
        return found
    if isinstance(x, tuple):  # a trace follows one input
        broken = nonfinite_state(model)
        return f"{broken[0]} is not finite" if broken else "the inputs and parameters are finite"
    with between_steps(model):
        for path, layer, output in model.trace(move(x, model._placed())):
            place = f"layer {path} ({type(layer).__name__})" if path else type(layer).__name__
            for name, parameter in layer.named_parameters():
                if not is_finite(parameter.data):
                    return f"{name} of {place} is not finite"
            if not all(map(is_finite, filter(is_array, leaves(output)))):
                return f"the output of {place} is not finite"
    if not trained:
        return "every output and every parameter is finite"
    for name, parameter in reversed(list(model.named_parameters())):
        grad = parameter.gradient
        if grad is not None and not is_finite(gradient_values(grad)):
            return f"the gradient of {name} is not finite"
    return "every output and gradient is finite without dropout"
