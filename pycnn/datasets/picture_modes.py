"""Convert pictures of every kind that Pillow decodes to 8-bit red, green and blue on white."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from pycnn.datasets.picture_numbers import converter_of_numbers, is_of_numbers

if TYPE_CHECKING:
    from PIL import Image

# Pillow's modes without transparent parts, unless the file names a transparent colour.
_OPAQUE = ("1", "L", "RGB", "CMYK", "YCbCr")
# If all visible pixels are at least this bright, the picture was drawn for a dark background.
_NEAR_WHITE = 224
# A picture is converted in parts of this many rows and columns, which limits the memory needed.
_PART = 1024


Box = tuple[int, int, int, int]
Parts = Iterator[tuple[int, int, "Image.Image"]]


def on_white(image: Image.Image, shrink: int = 1, box: Box | None = None) -> Image.Image:
    """Convert to RGB, on a white background where the picture is transparent.

    The background is black if everything visible is white or nearly so.

    Numbers that do not have 8 bits, or have a sign, are scaled (`pycnn.datasets.picture_numbers`).

    Parameters
    ----------
    image : PIL.Image.Image
        A picture file, loaded.
    shrink : int
        Each square of this many rows and columns becomes one pixel, its mean.
    box : 4 ints, optional
        Left, upper, right and lower border of the part to convert; the whole picture by default.

    Raises
    ------
    ValueError
        If the picture holds NaN or infinity, or Pillow cannot convert it.
    """
    from PIL import Image

    left, upper, right, lower = box or (0, 0, *image.size)
    whole = (right - left, lower - upper) == image.size

    def parts(side: int = _PART) -> Parts:
        """Yield squares of the picture, each with the position of its upper left corner."""
        for y in range(upper, lower, side):
            for x in range(left, right, side):
                corner = min(x + side, right), min(y + side, lower)
                yield x - left, y - upper, image.crop((x, y, *corner))

    convert = _converter(image, lambda: (part for *_, part in parts()))
    if convert is None and shrink == 1 and whole:
        return image
    size = (-(-(right - left) // shrink), -(-(lower - upper) // shrink))
    out = Image.new("RGB", size)
    for x, y, part in parts(shrink * max(1, _PART // shrink)):
        shown = part if convert is None else convert(part)
        out.paste(shown.reduce(shrink) if shrink > 1 else shown, (x // shrink, y // shrink))
    return out


def _converter(
    image: Image.Image, parts: Callable[[], Iterator[Image.Image]]
) -> Callable[[Image.Image], Image.Image] | None:
    """Return a function that converts a part of the picture to RGB; None if it is RGB already."""
    from PIL import Image

    if is_of_numbers(image):
        return converter_of_numbers(image, parts)
    transparent = image.info.get("transparency")
    if image.mode in _OPAQUE and transparent is None:
        return None if image.mode == "RGB" else _to_rgb
    white = _is_white(part.convert("RGBA") for part in parts())
    ground = "black" if white else "white"

    def composed(part: Image.Image) -> Image.Image:
        picture = part.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", part.size, ground), picture).convert("RGB")

    return composed


def _to_rgb(part: Image.Image) -> Image.Image:
    return part.convert("RGB")


def _is_white(parts: Iterator[Image.Image]) -> bool:
    """Return whether there are clear and visible pixels, and all visible ones are nearly white."""
    some_clear = some_visible = False
    for part in parts:
        pixels = np.asarray(part)
        visible = pixels[..., 3] > 0
        some_clear |= not visible.all()
        if visible.any():
            some_visible = True
            if pixels[visible, :3].min() < _NEAR_WHITE:
                return False
    return some_clear and some_visible
