"""What the S- and C-cells of the neocognitron share: fixed connections, and a border."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pycnn._arguments import fraction, integer, pair
from pycnn._budget import allow
from pycnn.layers.parameter import Array

# Weights fall by this factor for each cell of distance. The paper asks for a decrease only.
DECAY = 0.9


def decaying(layer: str, area: int, decay: float) -> Array:
    """Return the fixed connections of an area: ``decay ** distance`` from its centre, float32."""
    decay = fraction(layer, "decay", decay)
    allow((area, area))
    offset = np.arange(area) - (area - 1) / 2
    weights: Array = (decay ** np.hypot(offset[:, np.newaxis], offset)).astype(np.float32)
    if not weights.any():  # the centre of an even area is no cell
        raise ValueError(
            f"[{layer}] decay {decay} leaves no connection in an area of {area}: "
            "an even one needs a larger decay"
        )
    return weights


def four_sides(layer: str, padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """Return padding as (top, bottom, left, right)."""
    if isinstance(padding, (tuple, list)) and len(padding) == 4:
        top, bottom, left, right = (integer(layer, "padding", side, 0) for side in padding)
        return top, bottom, left, right
    height, width = pair(layer, "padding", padding, 0)
    return height, height, width, width
