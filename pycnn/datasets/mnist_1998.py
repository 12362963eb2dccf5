"""MNIST as LeNet-5 saw it in 1998: larger images, and other values for ink and background."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pycnn.arrays.column import Column
from pycnn.data import ArrayDataset
from pycnn.datasets.mnist import Unsaid, mnist, mnist_test
from pycnn.datasets.normalise import normalise

SIZE = 32
INK, BACKGROUND = 1.175, -0.1
# pixel / 255 * (INK - BACKGROUND) + BACKGROUND, written as (pixel / 255 - _MEAN) / _STD.
_STD = 1 / (INK - BACKGROUND)
_MEAN = -BACKGROUND * _STD


def mnist_1998(
    root: str | os.PathLike[str] | None = None,
    *,
    classes: Sequence[str] | Unsaid | None = Unsaid.UNSAID,
    transposed: bool | None = None,
) -> tuple[ArrayDataset, ArrayDataset]:
    """Load MNIST as 32x32 images, with -0.1 for the background and 1.175 for full ink.

    "This makes the mean input roughly 0, and the variance roughly 1, which accelerates learning."

    Parameters
    ----------
    root, classes, transposed
        As for `pycnn.datasets.mnist`.

    Returns
    -------
    train, test : pycnn.data.ArrayDataset
        ``x`` float32 of shape (N, 1, 32, 32), ``y`` int64 of shape (N,).

    Raises
    ------
    FileNotFoundError, ValueError
        As for `pycnn.datasets.mnist`; also if the images are larger than 32x32.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998, section II.B.
    """
    train, test = mnist(root, classes=classes, mean=_MEAN, std=_STD, transposed=transposed)
    return _framed(train), _framed(test)


def mnist_1998_test(
    root: str | os.PathLike[str] | None = None, *, transposed: bool | None = None
) -> ArrayDataset:
    """Load only the test images; see `pycnn.datasets.mnist.mnist_test`."""
    return _framed(mnist_test(root, mean=_MEAN, std=_STD, transposed=transposed))


def from_pixels(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Turn (N, 1, H, W) pixels, 0 for background and 255 for ink, into the network's input."""
    return normalise(_frame(pixels), (_MEAN,), (_STD,))


def _frame(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Centre images of at most 32x32 in 32x32 pixels of background, which is 0."""
    height, width = pixels.shape[2:]
    if height > SIZE or width > SIZE:
        raise ValueError(f"[mnist_1998] images must be at most {SIZE}x{SIZE}, are {height}x{width}")
    top, left = (SIZE - height) // 2, (SIZE - width) // 2
    framed = np.zeros((*pixels.shape[:2], SIZE, SIZE), np.uint8)
    framed[:, :, top : top + height, left : left + width] = pixels
    return framed


def _framed(data: ArrayDataset) -> ArrayDataset:
    (column,), y, like = data.to_columns()
    pixels, values = column.state
    return ArrayDataset.of_columns([Column(_frame(pixels), values)], y, like)
