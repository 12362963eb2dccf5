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
# TIFF's tag for the bits of a number: 12 of them come in the mode of 16.
_BITS = 258
# Formats of 16 bits, whatever mode Pillow opens them in; it scales PPM's to that.
_DEEP = ("PNG", "PPM")
# Visible pixels that are all at least so bright were drawn for a dark ground.
_NEAR_WHITE = 224


def on_white(image: Image.Image, source: Image.Image) -> Image.Image:
    """Convert to RGB, on a white ground where the picture is transparent.

    The ground is black if all that is visible is white or nearly so.

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
    ground = Image.new("RGBA", picture.size, "black" if _is_white(picture) else "white")
    return Image.alpha_composite(ground, picture).convert("RGB")


def _is_white(picture: Image.Image) -> bool:
    """Whether there are visible pixels, beside clear ones, and all are nearly white."""
    pixels = np.asarray(picture)
    visible = pixels[..., 3] > 0
    if visible.all() or not visible.any():
        return False
    return bool(pixels[visible, :3].min() >= _NEAR_WHITE)


def _of_deep_grey(image: Image.Image, source: Image.Image) -> Image.Image:
    """Convert a picture of one number a pixel, of 16 or 32 bits."""
    from PIL import Image

    values = np.asarray(image)
    if not np.isfinite(values).all():
        raise ValueError("it holds NaN or infinity")
    tags = getattr(source, "tag_v2", {})
    bits = tags.get(_BITS, (16,))[0]
    grey = _eight_bits(values, image.mode, source.format, (1 << min(bits, 16)) - 1)
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = 255 - grey
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey = np.where(values == transparent, 255, grey)
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB")


def _eight_bits(
    values: npt.NDArray[Any], mode: str, format: str | None, most: int
) -> npt.NDArray[Any]:
    """Scale to 0..255, as whole numbers; `most` is the largest of a mode of 16 bits."""
    low, high = float(values.min()), float(values.max())
    # Older Pillows open a PNG of 16 bits in the mode of 32.
    if mode.startswith("I;16") or (mode == "I" and format in _DEEP):
        low, high = 0.0, float(most)
    elif low >= 0:
        ranges = (1.0, 255.0, 65535.0) if mode == "F" else (255.0, 65535.0)
        low, high = 0.0, next((end for end in ranges if high <= end), high)
    if mode != "F" and (low, high) == (0, 65535):
        return values // 257
    scaled: npt.NDArray[Any] = (values.astype(np.float64) - low) * (255 / ((high - low) or 1.0))
    return np.round(scaled)
