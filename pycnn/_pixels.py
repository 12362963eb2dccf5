"""Turn numbers of any range into pixels from 0 to 1."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Pixels: TypeAlias = npt.NDArray[np.floating[Any]]


def displayable(image: npt.NDArray[Any]) -> Pixels:
    """Turn an image (C, H, W) of any range into (H, W) or (H, W, 3) from 0 to 1.

    Three channels make a coloured picture; for any other number their mean is shown.
    """
    values = np.asarray(image, np.float64)
    values = values.transpose(1, 2, 0) if len(values) == 3 else values.mean(axis=0)
    return stretch(values)


def stretch(
    values: npt.NDArray[Any], low: float | None = None, high: float | None = None
) -> Pixels:
    """Scale linearly so that `low` (by default the smallest number) becomes 0 and `high` 1.

    Numbers that are not finite become 0; so does a constant array.
    """
    values = np.asarray(values, np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape)
    low = float(values[finite].min()) if low is None else low
    high = float(values[finite].max()) if high is None else high
    scaled = (np.where(finite, values, low) - low) / ((high - low) or 1.0)
    return np.clip(scaled, 0.0, 1.0)
