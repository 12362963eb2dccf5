"""Any picture of a digit, made to look like one of MNIST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pycnn.data import Dataset
from pycnn.datasets.picture import read_picture
from pycnn.layers import Module
from pycnn.recipes.ink import digit, noise, side_by_side
from pycnn.recipes.paper import Mask, Plane, contrast, grown, resized, stroke_width, with_paper
from pycnn.recipes.sheet import find_sheet

# Side of MNIST's images, and of the box in them that a digit fits.
SIZE, BOX = 28, 20
# Larger pictures are scaled down to this size first; strokes stay wide enough.
LARGEST = 400
# Down to this where nothing stands out from noise of more than the second number: it gets weaker.
NOISY, MUCH_NOISE = 120, 0.03
# Widths of strokes in MNIST, in pixels of its images: thinner and thicker ones are brought there.
THIN, THICK = 2.0, 4.0
# In a box of more than this, images are not of strokes: Fashion-MNIST's clothes fill theirs.
STROKES = 25
# In the metadata of a model: the box of the images that it has learned from, and how many tell it;
# and that their ground is light, where it is.
NOTE, IMAGES = "box", 500
GROUND, LIGHT = "ground", "light"


def box_of(train: Dataset) -> dict[str, int | str]:
    """Measure the box and the ground of the training images, for the metadata of a model.

    The box is the median of the longer sides of what differs from the image's corners. The ground
    is light if most corners are in the upper half of all numbers.
    """
    images = train.gather(np.arange(min(IMAGES, len(train))))[:, 0]
    if not images.size:
        return {NOTE: BOX}
    # A frame that a network has round its images is no part of them.
    top, left = (max(0, (side - SIZE) // 2) for side in images.shape[1:])
    images = images[:, top : top + SIZE, left : left + SIZE]
    corners = images[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    drawn = images != np.median(corners, axis=1)[:, np.newaxis, np.newaxis]
    sides = [
        max(int(np.ptp(np.flatnonzero(mask.any(axis=axis)))) + 1 for axis in (0, 1))
        for mask in drawn
        if mask.any()
    ]
    notes: dict[str, int | str] = {NOTE: int(np.median(sides)) if sides else BOX}
    if 2 * float(np.median(corners)) > float(images.min()) + float(images.max()):
        notes[GROUND] = LIGHT
    return notes


def read_digits(model: Module, paths: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Read pictures in the form of the images that a model was trained on: (N, 1, 28, 28).

    Raises
    ------
    OSError, ValueError
        As `read_digit`; also if the metadata of the model are not its own.
    """
    box, ground = model.metadata.get(NOTE, BOX), model.metadata.get(GROUND)
    if type(box) is not int or not 0 < box <= SIZE:
        raise ValueError(f"the checkpoint has {box!r} for {NOTE!r}, which is no size of images")
    if ground not in (None, LIGHT):
        raise ValueError(f"the checkpoint has {ground!r} for {GROUND!r}, which is no ground")
    digits = np.stack([read_digit(path, box) for path in paths])[:, np.newaxis]
    return 255 - digits if ground == LIGHT else digits


def read_digit(path: str, box: int = BOX) -> npt.NDArray[np.uint8]:
    """Read a picture of a digit as MNIST has them: 28x28, grey, light strokes on black.

    A picture that is one of MNIST's already, 28x28 with the digit in a box of 20x20 and its centre
    of mass in the middle, stays as it is, or is inverted if it is dark on white. Any other is
    taken for a drawing or a photograph: it is cut to a sheet on a darker desk, if there is one, the
    paper (or the board) is subtracted, what belongs to
    the edges of the picture, lines and specks are cut, and what is left is scaled to the box
    without changing its proportions, and placed with its centre of mass in the middle, as
    http://yann.lecun.com/exdb/mnist describes. Transparent parts count as white. `box` is another
    size than MNIST's, for other data.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is not a picture, or one that shows nothing or several drawings side by side, or
        Pillow is not installed.
    """
    grey = np.asarray(read_picture(path, LARGEST).convert("L"), np.uint8)
    for image in (grey, 255 - grey):
        if _is_prepared(image, box):
            return image
    plane, mask, level, count = _found(grey.astype(np.float32), sheets=box <= STROKES)
    if count == 0:
        raise ValueError(f"{path} shows no digit: nothing stands out from the ground")
    if count > 1 and box <= STROKES:
        raise ValueError(
            f"{path} shows {count} drawings side by side: cut it to the one digit to read"
        )
    if box > STROKES:
        level = float(plane.max())
    ink = np.clip(plane / level, 0, 1) * grown(mask)  # with the soft edge of the strokes
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _centred(_fitted(ink[part], stroke_width(mask[part]), box))


class _Drawing(NamedTuple):
    """The contrast of a picture, with what is drawn as `digit` gives it, and how many drawings."""

    plane: Plane
    mask: Mask
    level: float
    drawings: int


def _found(grey: Plane, *, sheets: bool) -> _Drawing:
    """Find what is drawn on the sheet that a picture shows, or else on the picture."""
    sheet = find_sheet(grey) if sheets else None
    if sheet is not None:
        found = _drawn(contrast(_bounded(sheet.grey, LARGEST)))
        if found.drawings or sheet.whole:
            return found
    found = _drawn(contrast(with_paper(_bounded(grey, LARGEST))))
    if found.drawings == 0 and min(grey.shape) > NOISY and noise(found.plane) > MUCH_NOISE:
        found = _drawn(contrast(with_paper(_bounded(grey, NOISY))))
    mask = found.mask
    if sheet is not None and (mask[[0, -1]].any() or mask[:, [0, -1]].any()):
        return found._replace(drawings=0)  # the sheet is blank, and this is the desk
    return found


def _drawn(plane: Plane) -> _Drawing:
    mask, level = digit(plane)
    return _Drawing(plane, mask, level, side_by_side(mask))


def _bounded(grey: Plane, largest: int) -> Plane:
    """Return a picture scaled down to a largest size; a smaller one as it is."""
    shrink = min(1.0, largest / max(grey.shape))
    return resized(grey, tuple(max(1, round(side * shrink)) for side in grey.shape))


def _is_prepared(grey: npt.NDArray[np.uint8], box: int) -> bool:
    """Whether a picture is one of the data set: on black, and as large and central as those are."""
    if grey.shape != (SIZE, SIZE) or not grey.any() or grey[:: SIZE - 1, :: SIZE - 1].any():
        return False
    if box > STROKES:
        return True
    rows, columns = np.flatnonzero(grey.any(axis=1)), np.flatnonzero(grey.any(axis=0))
    longest = 1 + max(np.ptp(rows), np.ptp(columns))
    # MNIST has the centre of mass in the middle, EMNIST that of the box.
    mass = max(abs(centre - SIZE / 2) for centre in _mass(grey))
    middle = max(abs((side[0] + side[-1] + 1 - SIZE) / 2) for side in (rows, columns))
    # All of MNIST's 70,000 images lie within these bounds.
    return bool(box - 1 <= longest <= box and (mass <= 0.53 or (box != BOX and middle <= 1)))


def _mass(plane: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """Return row and column of the centre of mass."""
    weights = plane.astype(np.float64)
    y, x = (weights.sum(axis=1 - axis) @ np.arange(plane.shape[axis]) for axis in (0, 1))
    return float(y / weights.sum()), float(x / weights.sum())


def _fitted(ink: Plane, width: float, box: int) -> npt.NDArray[np.uint8]:
    """Scale so that the longer side is that of MNIST's box, with strokes as pens there have."""
    from PIL import Image, ImageFilter

    scale = box / max(ink.shape)
    # Strokes are made thicker or thinner at ten times the size.
    fine = tuple(max(1, round(side * scale * 10)) for side in ink.shape)
    picture = Image.fromarray(np.uint8(np.round(255 * np.clip(resized(ink, fine), 0, 1))))
    grow = round(5 * (min(max(width * scale, THIN), THICK) - width * scale))
    if grow and box <= STROKES:
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
