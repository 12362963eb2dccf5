"""A limit on the norm of weight vectors."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from pycnn import backends
from pycnn._arguments import positive
from pycnn.devices import on_cpu
from pycnn.layers.parameter import Array, Parameter, list_of_parameters
from pycnn.training.callbacks import Callback
from pycnn.training.run import TrainingRun


class MaxNorm(Callback):
    """Scale weight vectors that have become too long back to a limit after each step.

    A vector holds the weights of one output: a row of a Linear layer, a filter of a convolution; in
    general, all numbers with one index along the first axis.

    Parameters
    ----------
    parameters : Parameter or iterable of Parameter
        Parameters to keep short, such as ``model[-1].weight``, of two dimensions or more. One that
        is given twice is shortened once.
    limit : float
        Largest 2-norm of a vector, above 0.

    A vector that holds NaN or infinity stays as it is.

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
        given = [parameters] if isinstance(parameters, Parameter) else parameters
        listed = list_of_parameters("MaxNorm", "parameters", given)
        # Each once: rounding would make a second scaling shorten a vector a little more.
        self.parameters = list({id(parameter): parameter for parameter in listed}.values())
        self.limit = positive("MaxNorm", "limit", limit)
        if not self.parameters:
            raise ValueError("[MaxNorm] there are no parameters")
        for parameter in self.parameters:
            if len(parameter.shape) < 2:
                raise ValueError(
                    "[MaxNorm] a parameter must be a row of vectors, of two dimensions or more, "
                    f"not of shape {parameter.shape}"
                )

    def on_step(self, run: TrainingRun) -> None:
        """Shorten vectors that are too long."""
        for parameter in self.parameters:
            numbers = on_cpu(parameter.data)
            rows = numbers.reshape(len(numbers), math.prod(numbers.shape[1:]))
            with np.errstate(over="ignore"):
                norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
            for index in np.flatnonzero(np.isinf(norms)):
                norms[index] = 0.0  # shortened here, not below
                self._shorten(numbers, int(index))
            long = np.flatnonzero(norms > self.limit)
            factors = (self.limit / norms[long]).astype(rows.dtype)
            numbers[long] *= factors.reshape(-1, *[1] * (numbers.ndim - 1))
            if numbers is not parameter.data:
                backends.of(parameter.data).write(parameter.data, numbers)
                parameter.changed()

    def _shorten(self, numbers: Array, index: int) -> None:
        """Shorten a vector whose sum of squares overflows; leave one that holds infinity."""
        largest = np.abs(numbers[index]).max()
        if not np.isfinite(largest):
            return
        part = numbers[index] / largest
        norm = np.linalg.norm(part)
        if norm > self.limit / largest:
            numbers[index] = part * (self.limit / norm)
