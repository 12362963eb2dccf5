"""PNGs with 16 bits each for red, green and blue, and a transparent colour."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

# Pillow keeps one of the two bytes of a number. PNG's numbers are big-endian, so it keeps the first
# byte, the upper half; told that they are little-endian, it keeps the other.
_UPPER, _LOWER = "RGB;16B", "RGB;16L"
# Rows compared at a time.
_ROWS = 64


def has_deep_clear_colour(image: Image.Image) -> bool:
    """Return whether an opened picture is such a PNG; nothing is decoded."""
    return "transparency" in image.info and [tile[3] for tile in image.tile] == [_UPPER]  # type: ignore[attr-defined]


def with_clear_colour(image: Image.Image, again: Callable[[], Image.Image]) -> None:
    """Make the transparent colour clear, but no other colour with the same upper halves.

    Parameters
    ----------
    image : PIL.Image.Image
        Such a PNG; it is decoded here and becomes RGBA.
    again : callable
        Opens the picture once more, for the lower halves.
    """
    from PIL import Image

    clear = np.array(image.info.pop("transparency"))
    image.load()
    lower = again()
    lower.tile = [(*tile[:3], _LOWER) for tile in lower.tile]  # type: ignore[attr-defined]
    lower.load()
    alpha = Image.new("L", image.size)
    for top in range(0, image.height, _ROWS):
        box = (0, top, image.width, min(top + _ROWS, image.height))
        same = [
            (np.asarray(half.crop(box)) == byte).all(axis=2)
            for half, byte in ((image, clear >> 8), (lower, clear & 255))
        ]
        alpha.paste(Image.fromarray(np.where(same[0] & same[1], 0, 255).astype(np.uint8)), box)
    image.putalpha(alpha)
