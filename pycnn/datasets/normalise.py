"""From bytes to the network's input: scale to 0..1, subtract the mean, divide by the deviation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pycnn._arguments import apart

# np.take widens its byte indices to 8 bytes each. With blocks of 32 Ki pixels that scratch memory
# (256 KiB) stays in the L2 cache; all of MNIST at once writes and reads 376 MB, ten times as slow.
_BLOCK_PIXELS = 32 * 1024


def normalise(
    images: npt.NDArray[np.uint8],
    mean: Sequence[float],
    std: Sequence[float],
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Normalise images of bytes: ``y[n,c] = (x[n,c] / 255 - mean[c]) / std[c]``.

    A byte has 256 values, so each is computed once, in float64, and looked up. Every result is
    rounded correctly to float32.

    Parameters
    ----------
    images : numpy.ndarray of uint8, shape (N, C, H, W)
        Pixels 0..255.
    mean, std : sequence of C floats
        Mean and standard deviation of the pixels scaled to 0..1.
    out : numpy.ndarray of float32, shape (N, C, H, W), optional
        Where to put the result; a new array when None.

    Returns
    -------
    numpy.ndarray of float32, shape (N, C, H, W)
        C-contiguous when `out` is None.

    Raises
    ------
    ValueError
        If `out` shares memory with `images`.
    """
    apart("normalise", {"out": out}, {"images": images})
    n, channels, h, w = images.shape
    if out is None:
        out = np.empty(images.shape, np.float32)
    values = np.arange(256) / 255
    step = max(1, _BLOCK_PIXELS // (h * w))
    for c in range(channels):
        table = ((values - mean[c]) / std[c]).astype(np.float32)
        for i in range(0, n, step):
            block = slice(i, i + step)
            # 'clip' lets take write directly into `out`; no byte is ever outside the table.
            np.take(table, images[block, c], out=out[block, c], mode="clip")
    return out
