"""Picture files of any kind as red, green and blue."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pycnn._printable import printable
from pycnn._reading import open_regular, size_of
from pycnn.datasets.picture_limits import check_picture

if TYPE_CHECKING:
    from PIL import Image

# Modes of Pillow that have no transparent parts, unless the file names a transparent colour.
_OPAQUE = ("1", "L", "RGB", "CMYK", "YCbCr")


def read_picture(path: str | os.PathLike[str], shortest: int | None = None) -> Image.Image:
    """Decode a picture file: RGB, transparent parts white, upright as its camera noted.

    Parameters
    ----------
    path : path
        A file of any format that Pillow reads; of several frames, the first. 16 bits are scaled to
        8, palettes and CMYK converted.
    shortest : int, optional
        What the shorter side is going to be scaled to: a JPEG may be decoded at a fraction of its
        size, as long as that is at least twice as much, which is a lot faster.

    Returns
    -------
    PIL.Image.Image
        Mode "RGB".

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no picture, broken or truncated, or a device or a pipe, with its name; if it has
        more than 32 million pixels and more than 16 for each byte of the file, or is a program for
        a printer (EPS); if Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ValueError("reading pictures needs Pillow: pip install 'pycnn[plot]'") from None
    with open_regular(path) as file:
        try:
            with Image.open(file) as image:
                check_picture(image, size_of(file))
                if shortest is not None:
                    image.draft(None, (2 * shortest, 2 * shortest))
                return _on_white(ImageOps.exif_transpose(image))
        except MemoryError:
            raise
        # Pillow reports broken files with OSError, SyntaxError, ValueError, struct.error, ...
        except Exception as error:
            text = str(error) or type(error).__name__
            text = f"{printable(path)} is not a readable picture: {printable(text)}"
            raise ValueError(text) from None


def read_squares(
    paths: Sequence[str | os.PathLike[str]], size: int, crop: int
) -> npt.NDArray[np.float32]:
    """Decode picture files, scale the shorter side to `size`, cut out the middle.

    Parameters
    ----------
    paths : sequence of path
        The files.
    size, crop : int
        Shorter side of the scaled picture, and height and width of what is cut out of it.

    Returns
    -------
    (len(paths), 3, crop, crop) float32 array
        Red, green and blue, 0..255.

    Raises
    ------
    OSError, ValueError
        As `read_picture`.
    """
    out = np.empty((len(paths), 3, crop, crop), np.float32)
    for image, path in zip(out, paths, strict=True):
        image[...] = _square(read_picture(path, size), size, crop).transpose(2, 0, 1)
    return out


def _square(picture: Image.Image, size: int, crop: int) -> npt.NDArray[np.uint8]:
    """Scale and cut: (crop, crop, 3)."""
    from PIL import Image

    # What is cut out, in pixels of the file; then one step scales only that.
    side = min(picture.size) * crop / size
    left, top = ((length - side) / 2 for length in picture.size)
    if side == crop:  # whole pixels stay as they are
        left, top = int(left), int(top)
    right, bottom = min(left + side, picture.width), min(top + side, picture.height)
    scaled = picture.resize((crop, crop), Image.Resampling.BILINEAR, (left, top, right, bottom))
    return np.asarray(scaled, np.uint8)


def _on_white(image: Image.Image) -> Image.Image:
    """Convert to RGB, on a white ground where the picture is transparent."""
    from PIL import Image

    if image.mode.startswith("I"):
        # 16 bits, which convert would cut off at 255; 32 bits have no range of theirs.
        deep = np.clip(np.asarray(image), 0, 65535)
        image = Image.fromarray((deep // 257).astype(np.uint8))
    if image.mode in _OPAQUE and "transparency" not in image.info:
        return image.convert("RGB")
    picture = image.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")
