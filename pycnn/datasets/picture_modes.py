"""Pictures of every kind that Pillow decodes, as red, green and blue of 8 bits on white."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL import Image

# Modes of Pillow that have no transparent parts, unless the file names a transparent colour.
_OPAQUE = ("1", "L", "RGB", "CMYK", "YCbCr")
# TIFF's tag for the meaning of numbers, and the value for "0 is white": Pillow heeds it for 8 bits.
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0


def on_white(image: Image.Image, source: Image.Image) -> Image.Image:
    """Convert to RGB, on a white ground where the picture is transparent.

    `image` was read from `source`, which knows the format of the file; it may have been turned.

    Numbers of 16 bits are scaled to 8. Those of 32 bits and floats have no range of their own: if
    all lie in 0..1 (floats), 0..255 or 0..65535, they are taken for shares, 8 or 16 bits; any
    others are scaled so that the smallest is black and the largest white.

    Raises
    ------
    ValueError
        If the picture holds NaN or infinity, or Pillow cannot convert it.
    """
    from PIL import Image

    if image.mode[0] in "IF":
        return _of_deep_grey(image, source)
    transparent = image.info.get("transparency")
    if image.mode in _OPAQUE and transparent is None:
        return image.convert("RGB")
    if isinstance(transparent, tuple) and max(transparent) > 255:
        # Of 16 bits for each colour Pillow keeps the upper half, but not so of this one.
        image.info["transparency"] = tuple(value >> 8 for value in transparent)
    picture = image.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def _of_deep_grey(image: Image.Image, source: Image.Image) -> Image.Image:
    """Convert a picture of one number a pixel, of 16 or 32 bits."""
    from PIL import Image

    values = np.asarray(image)
    if not np.isfinite(values).all():
        raise ValueError("it holds NaN or infinity")
    grey = _eight_bits(values, image.mode, source.format)
    if getattr(source, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = 255 - grey
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey = np.where(values == transparent, 255, grey)
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB")


def _eight_bits(values: npt.NDArray[Any], mode: str, format: str | None) -> npt.NDArray[Any]:
    """Scale to 0..255, as whole numbers."""
    low, high = float(values.min()), float(values.max())
    # Older Pillows open a PNG of 16 bits in the mode of 32.
    if mode.startswith("I;16") or (mode == "I" and format == "PNG"):
        low, high = 0.0, 65535.0
    elif low >= 0:
        ranges = (1.0, 255.0, 65535.0) if mode == "F" else (255.0, 65535.0)
        low, high = 0.0, next((end for end in ranges if high <= end), high)
    if mode != "F" and (low, high) == (0, 65535):
        return values // 257
    scaled: npt.NDArray[Any] = (values.astype(np.float64) - low) * (255 / ((high - low) or 1.0))
    return np.round(scaled)
