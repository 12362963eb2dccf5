"""Picture files of any kind as red, green and blue."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pycnn._printable import printable
from pycnn._reading import open_regular, size_of
from pycnn.datasets.picture_limits import FORMATS, check_picture
from pycnn.datasets.picture_modes import on_white

if TYPE_CHECKING:
    from PIL import Image


def read_picture(path: str | os.PathLike[str], shortest: int | None = None) -> Image.Image:
    """Decode a picture file: RGB, on white where it is transparent, upright as its camera noted.

    Parameters
    ----------
    path : path
        A file in one of `pycnn.datasets.picture_limits.FORMATS`; of several frames, the first.
        Palettes, CMYK and numbers of more than 8 bits are converted (see
        `pycnn.datasets.picture_modes`).
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
        If it is no picture, broken or truncated, or a device or a pipe, with its name or of another
        format; if it has more than 67 million pixels and more than 16 for each byte of the file; if
        Pillow is not installed.
    """
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError:
        raise ValueError("reading pictures needs Pillow: pip install 'pycnn[plot]'") from None
    with open_regular(path) as file:
        try:
            with Image.open(file, formats=FORMATS) as image:
                check_picture(image, size_of(file))
                if shortest is not None:
                    image.draft(None, (2 * shortest, 2 * shortest))
                return on_white(ImageOps.exif_transpose(image), image)
        except MemoryError:
            raise
        except UnidentifiedImageError:
            known = ", ".join(FORMATS)
            text = f"{printable(path)} is not a readable picture: its format is unknown"
            raise ValueError(f"{text} (known are {known})") from None
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
