"""What layers that take images say of an input that has another shape."""

from __future__ import annotations

import numpy as np

from pycnn.layers.parameter import Array


def check_channels(x: Array, channels: int) -> None:
    """Raise ValueError unless `x` has shape (N, channels, H, W)."""
    shape = np.shape(x)
    if len(shape) == 4 and shape[1] == channels:
        return
    hint = ": a single image needs a batch axis, x[np.newaxis]" if len(shape) == 3 else ""
    raise ValueError(f"expects (N, {channels}, H, W), input was {shape}{hint}")
