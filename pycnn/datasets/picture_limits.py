"""What a picture may cost: seen from its header, before anything is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

# What is decoded, by Pillow's names: all that ImageFolder looks for. Others are programs (EPS), or
# hold pictures of other formats that are decoded before their sizes are known (ICO, ICNS).
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
# A picture may have so many pixels (an A4 page at 600 dots an inch has 35 million), or so many for
# each byte of its file: a photograph has 1 to 8, a drawing of few colours 100 and more, but then
# not so many in all.
MOST_PIXELS = 1 << 26
MOST_RATIO = 16


def check_picture(image: Image.Image, size: int) -> None:
    """Refuse an opened picture whose pixels would take far more memory than its file.

    Parameters
    ----------
    image : PIL.Image.Image
        As `PIL.Image.open` gives it, nothing decoded.
    size : int
        Of the file, in bytes.

    Raises
    ------
    ValueError
        If it is one.
    """
    pixels = image.width * image.height
    if pixels > max(MOST_PIXELS, MOST_RATIO * size):
        raise ValueError(
            f"{image.width:,}x{image.height:,} pixels are too many for a file of {size:,} bytes"
        )
