"""A limit on the norm of weight vectors."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pycnn._arguments import positive
from pycnn.devices import on_cpu, write
from pycnn.layers.parameter import Parameter
from pycnn.training.callbacks import Callback
from pycnn.training.run import Run


class MaxNorm(Callback):
    """Scale weight vectors that have become too long back to a limit, after each step.

    A vector is what one output weighs its inputs with: a row of a Linear layer, a filter of a
    convolution; in general, all numbers with one index along the first axis.

    Parameters
    ----------
    parameters : Parameter or iterable of Parameter
        What to keep short, such as ``model[-1].weight``; two dimensions or more.
    limit : float
        Largest 2-norm of a vector, above 0.

    Raises
    ------
    TypeError
        If a parameter is not a Parameter, or the limit not a number.
    ValueError
        If there is no parameter, one has fewer than two dimensions, or the limit is not positive.

    References
    ----------
    Hinton et al.: Improving neural networks by preventing co-adaptation of feature detectors, 2012.
    Kim: Convolutional neural networks for sentence classification, 2014, section 2.1, with 3.
    """

    changes_model = True

    def __init__(self, parameters: Parameter | Iterable[Parameter], limit: float) -> None:
        self.parameters = [parameters] if isinstance(parameters, Parameter) else list(parameters)
        self.limit = positive("[MaxNorm] limit", limit)
        if not self.parameters:
            raise ValueError("[MaxNorm] there are no parameters")
        for parameter in self.parameters:
            if not isinstance(parameter, Parameter):
                found = type(parameter).__name__
                raise TypeError(f"[MaxNorm] parameters must be Parameters, got {found}")
            if len(parameter.shape) < 2:
                raise ValueError(
                    "[MaxNorm] a parameter must be a row of vectors, of two dimensions or more, "
                    f"not of shape {parameter.shape}"
                )

    def on_step(self, run: Run) -> None:
        """Shorten what is too long."""
        for parameter in self.parameters:
            numbers = on_cpu(parameter.data)
            rows = numbers.reshape(len(numbers), -1)  # a view
            norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
            long = np.flatnonzero(norms > self.limit)
            rows[long] *= (self.limit / norms[long])[:, np.newaxis].astype(rows.dtype)
            if numbers is not parameter.data:
                write(parameter.data, numbers)
