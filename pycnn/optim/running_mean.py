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
