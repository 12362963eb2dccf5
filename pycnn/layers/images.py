"""Error messages of layers that take images, for inputs of other shapes."""

from __future__ import annotations

import numpy as np

from pycnn.layers.parameter import Array

_ORDER = "channels stand before height and width"


def check_channels(x: Array, channels: int) -> None:
    """Raise ValueError unless `x` has shape (N, channels, H, W)."""
    shape = np.shape(x)
    if len(shape) == 4 and shape[1] == channels:
        return
    raise ValueError(
        f"expects (N, {channels}, H, W), input was {shape}{axes_hint(shape, channels)}"
    )


def axes_hint(shape: tuple[int, ...], channels: int) -> str:
    """Say how images of another shape become (N, channels, H, W); empty if that is not clear."""
    last = shape[-1:] == (channels,) and channels in (1, 3, 4)
    if len(shape) == 4 and last and shape[1] != channels:
        return f": {_ORDER}, np.ascontiguousarray(x.transpose(0, 3, 1, 2))"
    if len(shape) != 3:
        return ""
    if last and channels > 1 and shape[0] != channels:
        turned = "np.ascontiguousarray(x.transpose(2, 0, 1))[np.newaxis]"
        return f": {_ORDER}, behind a batch axis, {turned}"
    if channels == 1 and shape[0] != 1:
        return ": grey images need a channel axis, x[:, np.newaxis]"
    return ": a single image needs a batch axis, x[np.newaxis]"
