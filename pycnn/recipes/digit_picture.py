"""Any picture of a digit, as MNIST would have it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pycnn.datasets.picture import read_picture
from pycnn.recipes.ink import digit
from pycnn.recipes.paper import Mask, Plane, contrast, resized, stroke_width

# MNIST's images, and the box in them that a digit fits.
SIZE, BOX = 28, 20
# Larger pictures are scaled down to this first: strokes stay wide enough.
LARGEST = 400
# Widths of strokes in MNIST, in pixels of its images: thinner and thicker ones are brought there.
THIN, THICK = 2.0, 4.0


def read_digit(path: str) -> npt.NDArray[np.uint8]:
    """Read a picture of a digit as MNIST has them: 28x28, grey, light strokes on black.

    A picture that is one of MNIST's already, 28x28 with the digit in a box of 20x20 and its centre
    of mass in the middle, stays as it is. Any other is taken for a drawing or a photograph: the
    paper (or the board) is subtracted, what belongs to the edges of the picture, lines and specks
    are cut, and what is left is scaled to the box without changing its proportions, and placed
    with its centre of mass in the middle, as http://yann.lecun.com/exdb/mnist describes.
    Transparent parts count as white.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is not a picture, or one that shows nothing, or Pillow is not installed.
    """
    grey = np.asarray(read_picture(path).convert("L"), np.uint8)
    if _is_of_mnist(grey):
        return grey
    shrink = min(1.0, LARGEST / max(grey.shape))
    shape = tuple(max(1, round(side * shrink)) for side in grey.shape)
    plane = contrast(resized(grey.astype(np.float32), shape))
    mask, level = digit(plane)
    if not mask.any():
        raise ValueError(f"{path} shows no digit: nothing stands out from the ground")
    ink = np.clip(plane / level, 0, 1) * _grown(mask)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _centred(_fitted(ink[box], stroke_width(mask[box])))


def _is_of_mnist(grey: npt.NDArray[np.uint8]) -> bool:
    """Whether a digit fits the box exactly, on black, and has its mass in the middle."""
    if grey.shape != (SIZE, SIZE) or not grey.any():
        return False
    rows, columns = np.flatnonzero(grey.any(axis=1)), np.flatnonzero(grey.any(axis=0))
    longest = 1 + max(np.ptp(rows), np.ptp(columns))
    # All of the 70,000 images lie within these bounds.
    return bool(BOX - 1 <= longest <= BOX and max(abs(c - SIZE / 2) for c in _mass(grey)) <= 0.53)


def _mass(plane: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """Give row and column of the centre of mass."""
    weights = plane.astype(np.float64)
    y, x = (weights.sum(axis=1 - axis) @ np.arange(plane.shape[axis]) for axis in (0, 1))
    return float(y / weights.sum()), float(x / weights.sum())


def _grown(mask: Mask) -> Mask:
    """Add a pixel all round: the soft edge of the strokes."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    grown = np.zeros_like(mask)
    for top in range(3):
        for left in range(3):
            grown |= padded[top : top + height, left : left + width]
    return grown


def _fitted(ink: Plane, width: float) -> npt.NDArray[np.uint8]:
    """Scale so that the longer side is that of MNIST's box, with strokes as pens there have."""
    from PIL import Image, ImageFilter

    scale = BOX / max(ink.shape)
    # Strokes are made thicker or thinner at ten times the size.
    fine = tuple(max(1, round(side * scale * 10)) for side in ink.shape)
    picture = Image.fromarray(np.uint8(np.round(255 * np.clip(resized(ink, fine), 0, 1))))
    grow = round(5 * (min(max(width * scale, THIN), THICK) - width * scale))
    if grow:
        kind = ImageFilter.MaxFilter if grow > 0 else ImageFilter.MinFilter
        picture = picture.filter(kind(2 * abs(grow) + 1))
    height, width_ = (max(1, round(side * scale)) for side in ink.shape)
    scaled = np.asarray(picture.resize((width_, height), Image.Resampling.BILINEAR), np.float64)
    pixels: npt.NDArray[np.uint8] = np.round(scaled * (255 / scaled.max())).astype(np.uint8)
    return pixels


def _centred(digit: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Place on black, with the centre of mass on pixel (14, 14) as far as the edges allow."""
    top, left = (
        min(max(round(SIZE / 2 - centre), 0), SIZE - size)
        for centre, size in zip(_mass(digit), digit.shape, strict=True)
    )
    canvas = np.zeros((SIZE, SIZE), np.uint8)
    canvas[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return canvas
