"""Read picture files of any kind as red, green and blue."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pycnn._printable import printable
from pycnn._reading import open_regular
from pycnn.datasets.picture_clear import has_deep_clear_colour, with_clear_colour
from pycnn.datasets.picture_limits import (
    FORMATS,
    Rationed,
    check_picture,
    check_texts,
    is_read_by_bytes,
)
from pycnn.datasets.picture_modes import on_white
from pycnn.datasets.picture_numbers import kind_of_tiff

if TYPE_CHECKING:
    from PIL import Image

# A picture with more pixels that will be scaled down is shrunk while it is converted.
_LARGE = 1 << 22
# If a picture is longer than this many times its shorter side, only its middle is kept.
_LONG = 3
# EXIF's tag for the camera's orientation.
_ORIENTATION = 274


def read_picture(
    path: str | os.PathLike[str], shortest: int | None = None, *, middle: bool = False
) -> Image.Image:
    """Decode a picture file to RGB, white where it is transparent, upright as its camera noted.

    Parameters
    ----------
    path : path
        A file in one of `pycnn.datasets.picture_limits.FORMATS`; only its first frame is decoded.
        Palettes, CMYK and numbers of more than 8 bits are converted (see
        `pycnn.datasets.picture_modes` and `pycnn.datasets.picture_numbers`).
    shortest : int, optional
        The length to which the shorter side will be scaled. A JPEG, or a picture of more than 4
        million pixels, may then be returned at a fraction of its size, but at least twice this
        length, which is much faster and takes less memory.
    middle : bool
        Whether only a square in the middle is wanted: the ends of a very long picture are left out.

    Returns
    -------
    PIL.Image.Image
        Mode "RGB".

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If the file is not a picture, is broken or truncated, a device or a pipe, or has another
        format; if it takes more memory or time than a file of its size may (see "Limits of the
        readers" in docs/guarantees.md); if Pillow is not installed.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise ValueError("reading pictures needs Pillow: pip install 'pycnn[plot]'") from None
    with open_regular(path) as opened:
        file: Any = Rationed(opened)
        try:
            check_texts(opened)
            image = Image.open(file, formats=FORMATS)
            check_picture(image, opened)
            if is_read_by_bytes(image):
                file.lift()
            if shortest is not None:
                image.draft(None, (2 * shortest, 2 * shortest))
            if has_deep_clear_colour(image):
                with_clear_colour(image, lambda: Image.open(file, formats=FORMATS))
            image.load()
            shrink = 1 if shortest is None else _shrink(image, shortest)
            return _upright(on_white(image, shrink, _middle(image) if middle else None), image)
        except MemoryError:
            raise
        except UnidentifiedImageError:
            if kind := kind_of_tiff(opened):
                text = f"a TIFF of {kind} is not read"
            else:
                text = f"its format is unknown (known are {', '.join(FORMATS)})"
            raise ValueError(f"{printable(path)} is not a readable picture: {text}") from None
        # Pillow reports broken files with OSError, SyntaxError, ValueError, struct.error, ...
        except Exception as error:
            text = str(error) or type(error).__name__
            text = f"{printable(path)} is not a readable picture: {printable(text)}"
            raise ValueError(text) from None


def _shrink(image: Image.Image, shortest: int) -> int:
    """Return how many rows and columns of a large picture may become one."""
    if image.width * image.height <= _LARGE:
        return 1
    return max(1, min(image.size) // (2 * shortest))


def _middle(image: Image.Image) -> tuple[int, int, int, int]:
    """Return the borders of the part of a long picture to keep, larger than the middle square."""
    longest = _LONG * min(image.size)
    x, y = (max(0, (side - longest) // 2) for side in image.size)
    return x, y, image.width - x, image.height - y


def _upright(picture: Image.Image, source: Image.Image) -> Image.Image:
    """Turn a picture upright, by the orientation that its file notes."""
    from PIL.Image import Transpose

    # EXIF 2.32, tag 274: 1 is upright.
    turn = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(source.getexif().get(_ORIENTATION, 1))
    return picture if turn is None else picture.transpose(turn)


def read_squares(
    paths: Sequence[str | os.PathLike[str]], size: int, crop: int
) -> npt.NDArray[np.float32]:
    """Decode picture files, scale the shorter side to `size`, and cut out the middle.

    Parameters
    ----------
    paths : sequence of path
        The files.
    size, crop : int
        Shorter side of the scaled picture, and height and width of the square cut from it.

    Returns
    -------
    (len(paths), 3, crop, crop) float32 array
        Red, green and blue, 0..255.

    Raises
    ------
    OSError, ValueError
        As for `read_picture`.
    """
    out = np.empty((len(paths), 3, crop, crop), np.float32)
    for image, path in zip(out, paths, strict=True):
        image[...] = _square(read_picture(path, size, middle=True), size, crop).transpose(2, 0, 1)
    return out


def _square(picture: Image.Image, size: int, crop: int) -> npt.NDArray[np.uint8]:
    """Scale and cut a picture to (crop, crop, 3)."""
    from PIL import Image

    # The square to cut out, in pixels of the file; one step then scales only that.
    side = min(picture.size) * crop / size
    left, top = ((length - side) / 2 for length in picture.size)
    if side == crop:  # whole pixels stay as they are
        left, top = int(left), int(top)
    right, bottom = min(left + side, picture.width), min(top + side, picture.height)
    scaled = picture.resize((crop, crop), Image.Resampling.BILINEAR, (left, top, right, bottom))
    return np.asarray(scaled, np.uint8)
