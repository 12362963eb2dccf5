"""Picture files of any kind as red, green and blue."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

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
        If it is no picture, broken or truncated, with its name; if Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ValueError("reading pictures needs Pillow: pip install 'pycnn[plot]'") from None
    with open(path, "rb") as file:
        try:
            with Image.open(file) as image:
                if shortest is not None:
                    image.draft(None, (2 * shortest, 2 * shortest))
                return _on_white(ImageOps.exif_transpose(image))
        except MemoryError:
            raise
        # Pillow reports broken files with OSError, SyntaxError, ValueError, struct.error, ...
        except Exception as error:
            text = str(error) or type(error).__name__
            raise ValueError(f"{os.fspath(path)} is not a readable picture: {text}") from None


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
