"""Any picture of a digit, as MNIST would have it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pycnn.datasets.picture import read_picture

# MNIST's images, and the box in them that a digit fits.
SIZE, BOX = 28, 20
# Ink is what stands out from the ground by more than this share of the contrast.
INK_LEVEL = 0.2


def read_digit(path: str) -> npt.NDArray[np.uint8]:
    """Read a picture of a digit as MNIST has them: 28x28, grey, light strokes on black.

    Transparent parts count as white, and a picture whose border is light is inverted. What is
    drawn is then cut out, scaled to fit a box of 20x20 without changing its proportions, and
    placed with its centre of mass in the middle, as http://yann.lecun.com/exdb/mnist describes.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is not a picture, or one of a single colour, or Pillow is not installed.
    """
    grey = np.asarray(read_picture(path).convert("L"), np.uint8)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = 255 - grey if border.mean() > 127 else grey
    # Relative to the picture: pencil on paper is not white on black, nor is the paper even.
    drawn = ink > ink.min() + INK_LEVEL * np.ptp(ink)
    if not drawn.any():
        raise ValueError(f"{path} shows no digit: all of it has the same colour")
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    digit = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _centred(_fitted(digit))


def _fitted(digit: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Scale so that the longer side is that of MNIST's box."""
    from PIL import Image

    scale = BOX / max(digit.shape)
    height, width = (max(1, round(side * scale)) for side in digit.shape)
    # Pillow averages over all pixels when it shrinks with this filter.
    scaled = Image.fromarray(digit).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(scaled, np.uint8)


def _centred(digit: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Place on black, with the centre of mass on pixel (14, 14) as far as the edges allow."""
    corner = []
    for axis, size in enumerate(digit.shape):
        mass = digit.sum(axis=1 - axis, dtype=np.float64)
        centre = float(mass @ np.arange(size) / mass.sum())
        corner.append(min(max(round(SIZE / 2 - centre), 0), SIZE - size))
    (top, left), (height, width) = corner, digit.shape
    canvas = np.zeros((SIZE, SIZE), np.uint8)
    canvas[top : top + height, left : left + width] = digit
    return canvas
