"""A running mean of arrays, on the CPU and on a device."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn import backends, ops


def update_mean(mean: Any, value: Any, kept: float) -> None:
    """Change `mean` in place to ``kept * mean + (1 - kept) * value``.

    Parameters
    ----------
    mean, value : float arrays of one shape, dtype and device
    kept : float in (0, 1)
        Share of the old mean; on a device the arrays are float32.
    """
    if isinstance(mean, np.ndarray):
        mean += mean.dtype.type(1 - kept) * (value - mean)
        return
    # The velocity of a step with this momentum and dampening is the mean; the weights that the
    # step would change do not matter.
    unused = backends.of(mean).zeros_like(mean)
    ops.sgd_step(unused, value, mean, lr=0.0, momentum=kept, dampening=kept)


def mean_gradient(data: Any, grad: Any, mean: Any, kept: float, weight_decay: float = 0.0) -> None:
    """Change `mean` in place to ``kept * mean + (1 - kept) * (grad + weight_decay * data)``.

    Parameters
    ----------
    data, grad, mean : float32 arrays of one shape and device
        Parameter, its gradient, and the running mean of the gradient.
    kept : float in [0, 1)
        Share of the old mean.
    weight_decay : float
        Factor of the parameter that is added to its gradient.
    """
    # The velocity of a step of length 0; the kernel wants a share above 0, which is lost beside 1.
    share = kept or 1e-30
    ops.sgd_step(
        data, grad, mean, lr=0.0, momentum=share, dampening=kept, weight_decay=weight_decay
    )
