"""From bytes to the network's input: scale to 0..1, subtract the mean, divide by the deviation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pycnn.arrays.pixels import rows, values_of


def normalise(
    images: npt.NDArray[np.uint8], mean: Sequence[float], std: Sequence[float]
) -> npt.NDArray[np.float32]:
    """Normalise images of bytes: ``y[n,c] = (x[n,c] / 255 - mean[c]) / std[c]``.

    Every result is computed in float64 and rounded to float32.

    Parameters
    ----------
    images : numpy.ndarray of uint8, shape (N, C, H, W)
        Pixels 0..255.
    mean, std : sequence of C floats
        Mean and standard deviation of the pixels scaled to 0..1.

    Returns
    -------
    numpy.ndarray of float32, shape (N, C, H, W)
        A new array, C-contiguous.
    """
    pixels = np.ascontiguousarray(images)
    return rows(pixels, np.arange(len(pixels)), values_of(mean, std))
