"""Finding where a network went NaN."""

from __future__ import annotations

import numpy as np

from pycnn.devices import move, on_cpu
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, gradient_values
from pycnn.layers.turns import between_steps


def first_nonfinite(model: Module, x: Array) -> str:
    """Say in a sentence where the first NaN or infinity of a training step is.

    Looked for in this order: the batch `x`; then layer by layer its parameters and its output;
    then the gradients of the parameters, from the last layer back, as they were computed.

    Parameters
    ----------
    model : Module
        The model, with the gradients of the step.
    x : array
        The batch of the step.

    Returns
    -------
    str
        Such as ``the output of layer 6 (Linear) is not finite``.
    """
    if not np.isfinite(x).all():
        return "the batch itself is not finite"
    with between_steps(model):
        for path, layer, y in model.trace(move(x, model.device)):
            place = f"layer {path} ({type(layer).__name__})" if path else type(layer).__name__
            for name, parameter in layer.named_parameters():
                if not np.isfinite(on_cpu(parameter.data)).all():
                    return f"{name} of {place} is not finite"
            if not np.isfinite(on_cpu(y)).all():
                return f"the output of {place} is not finite"
    for name, parameter in reversed(list(model.named_parameters())):
        grad = parameter.grad
        if grad is not None and not np.isfinite(on_cpu(gradient_values(grad))).all():
            return f"the gradient of {name} is not finite"
    return "every output and gradient is finite without dropout"
