"""Picture files of any kind as red, green and blue."""

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

# A picture of more pixels that is going to be scaled down is made smaller while it is converted.
_LARGE = 1 << 22
# Of a picture that is so many times as long as the other way and more only the middle is kept.
_LONG = 3
# EXIF's tag for how the camera was held.
_ORIENTATION = 274


def read_picture(
    path: str | os.PathLike[str], shortest: int | None = None, *, middle: bool = False
) -> Image.Image:
    """Decode a picture file: RGB, on white where it is transparent, upright as its camera noted.

    Parameters
    ----------
    path : path
        A file in one of `pycnn.datasets.picture_limits.FORMATS`; of several frames, the first.
        Palettes, CMYK and numbers of more than 8 bits are converted (see
        `pycnn.datasets.picture_modes` and `pycnn.datasets.picture_numbers`).
    shortest : int, optional
        What the shorter side is going to be scaled to: a JPEG, and a picture of more than 4 million
        pixels, may be given at a fraction of its size, as long as that is at least twice as much,
        which is a lot faster and takes less memory.
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
        If it is no picture, broken or truncated, a device or a pipe, or of another format; if it
        takes more memory or time than a file of its size may (see "Limits of the readers" in
        docs/guarantees.md); if Pillow is not installed.
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
    """How many rows and columns of a large picture may become one."""
    if image.width * image.height <= _LARGE:
        return 1
    return max(1, min(image.size) // (2 * shortest))


def _middle(image: Image.Image) -> tuple[int, int, int, int]:
    """Borders of what is kept of a long picture: more than the square in the middle."""
    longest = _LONG * min(image.size)
    x, y = (max(0, (side - longest) // 2) for side in image.size)
    return x, y, image.width - x, image.height - y


def _upright(picture: Image.Image, source: Image.Image) -> Image.Image:
    """Turn a picture as the camera was held, by the notes of its file."""
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
        image[...] = _square(read_picture(path, size, middle=True), size, crop).transpose(2, 0, 1)
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
