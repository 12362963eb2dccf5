"""Limits on the cost of a picture, checked from its header before anything is decoded."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from pycnn._reading import size_of
from pycnn.datasets.picture_clear import has_deep_clear_colour

if TYPE_CHECKING:
    from PIL import Image

# Formats that are decoded, by Pillow's names: all that ImageFolder looks for. Others are programs
# (EPS), or hold pictures in other formats, decoded before their sizes are known (ICO, ICNS).
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
# Decoding a picture may take this many bytes, whatever its file is like: 16 million pixels in
# colour and 67 million in grey (an A4 page at 600 dots per inch has 35 million), or in a JPEG of
# one scan, which is decoded row by row and possibly at a fraction of its size.
MOST_BYTES = 1 << 26
# Or a picture may have this many pixels per byte of its file: a photograph has 1 to 30.
MOST_RATIO = 32
# The longest side JPEG allows.
_LONGEST = (1 << 16) - 1
# Bytes of a decoded pixel by Pillow's modes, where they are not 4.
_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
# libwebp holds the whole picture three times, Pillow once more; libjpeg takes 2 bytes per number
# of a picture of several scans; Pillow decodes the runs of a BMP in a Python loop.
_WEBP_BYTES, _SCANS_BYTES, _RUNS_BYTES = 16, 8, 4
# For pictures that `pycnn.datasets.picture_clear` decodes twice.
_TWICE_BYTES = 8
# TIFF's tag for the rows of a strip; tiles do not have it.
_STRIP_ROWS = 278
# Scans of a JPEG: encoders write 1 to 12, and each covers the whole picture.
_MOST_SCANS = 100
_SEGMENT = re.compile(rb"\xff+([^\x00\xff])")
_WITHOUT_LENGTH = frozenset([0x01, *range(0xD0, 0xD9)])
_END, _SCAN = 0xD9, 0xDA
# Skips the data of a scan, in which 0xff is followed only by 0 or a restart marker.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
# How often Pillow may read from a file: this many times, plus once per this many bytes. It reads
# comments one byte at a time, and each chunk of a PNG in three pieces.
_PIECES, _BYTES_PER_PIECE = 100_000, 256
# Texts of a PNG may be compressed: each unpacks to at most 1 MiB, which takes 4 MiB in memory.
_PNG = b"\x89PNG\r\n\x1a\n"
_MOST_TEXTS = 16
# Comments among the numbers of a plain-text PPM: Pillow moves all numbers for each.
_MOST_COMMENTS = 1000


class Rationed:
    """A file from which Pillow may read a limited number of pieces: each costs time, however small.

    Parameters
    ----------
    file : binary file
        The open file.

    Attributes
    ----------
    seek, tell, fileno : callable
        Those of the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.seek: Callable[..., int] = file.seek
        self.tell, self.fileno = file.tell, file.fileno
        self._read = file.read
        self._left = _PIECES + size_of(file) // _BYTES_PER_PIECE

    def read(self, size: int = -1) -> bytes:
        """Read as `io.BufferedReader` does.

        Raises
        ------
        ValueError
            If it is called too often.
        """
        self._left -= 1
        if self._left < 0:
            raise ValueError("it has too many parts for its size")
        return self._read(size)

    def lift(self) -> None:
        """Remove the limit, so that the file may be read byte by byte."""
        self._left = 1 << 62


def check_texts(file: BinaryIO) -> None:
    """Refuse a PNG with many texts before Pillow unpacks them, and rewind the file.

    Raises
    ------
    ValueError
        If it has too many texts.
    """
    texts, is_png = 0, file.read(len(_PNG)) == _PNG
    for _ in range(_PIECES if is_png else 0):
        head = file.read(8)
        texts += head[4:] in (b"iTXt", b"zTXt")
        if texts > _MOST_TEXTS:
            raise ValueError(f"it has more than {_MOST_TEXTS} texts")
        if len(head) < 8:
            break
        file.seek(int.from_bytes(head[:4], "big") + 4, 1)
    file.seek(0)


def check_picture(image: Image.Image, file: BinaryIO) -> None:
    """Refuse an opened picture that would take far more memory or time than its file.

    Parameters
    ----------
    image : PIL.Image.Image
        As `PIL.Image.open` returns it, nothing decoded.
    file : binary file
        The file; its position changes.

    Raises
    ------
    ValueError
        If the picture would.
    """
    pixels, size = image.width * image.height, size_of(file)
    most = max(MOST_BYTES // _bytes_per_pixel(image, file), MOST_RATIO * size)
    if max(image.size) > _LONGEST or pixels > most:
        raise ValueError(
            f"{image.width:,}x{image.height:,} pixels are too many for a file of {size:,} bytes"
        )
    if _decoder(image) == "ppm_plain":
        file.seek(0)
        if file.read().count(b"#") > _MOST_COMMENTS:
            raise ValueError(f"it has more than {_MOST_COMMENTS:,} comments")


def is_read_by_bytes(image: Image.Image) -> bool:
    """Return whether Pillow reads the pixels of an opened picture a few bytes at a time."""
    return _decoder(image) in ("bmp_rle", "ppm")


def _decoder(image: Image.Image) -> str:
    """Return the name of the decoder of the pixels."""
    tiles = getattr(image, "tile", None)
    return str(tiles[0][0]) if tiles else ""


def _bytes_per_pixel(image: Image.Image, file: BinaryIO) -> int:
    """Return the bytes that a pixel takes while the picture is decoded."""
    if image.format in ("JPEG", "MPO"):
        return 1 if _scans(file) <= 1 else _SCANS_BYTES
    if image.format == "WEBP":
        return _WEBP_BYTES
    if _decoder(image) == "bmp_rle":
        return _RUNS_BYTES
    if has_deep_clear_colour(image):
        return _TWICE_BYTES
    return _BYTES.get(image.mode, 4) * (2 if _has_large_strips(image) else 1)


def _has_large_strips(image: Image.Image) -> bool:
    """Return whether libtiff buffers a large part of the picture once more: a strip or a tile."""
    if _decoder(image) != "libtiff" or image.mode == "1":  # eight pixels in a byte
        return False
    tags = image.tag_v2  # type: ignore[attr-defined]
    return bool(tags.get(_STRIP_ROWS, image.height) > image.height // 4)


def _scans(file: BinaryIO) -> int:
    """Count the scans of a JPEG; refuse too many."""
    file.seek(0)
    content = file.read()
    scans, at = 0, 2
    for _ in range(_PIECES):
        found = _SEGMENT.search(content, at)
        if not found or found[1][0] == _END:
            return scans
        marker, at = found[1][0], found.end()
        if marker in _WITHOUT_LENGTH:
            continue
        at += int.from_bytes(content[at : at + 2], "big")
        if marker == _SCAN:
            scans += 1
            after = _AFTER_SCAN.search(content, at)
            at = after.start() if after else len(content)
        if scans > _MOST_SCANS:
            raise ValueError(f"it has more than {_MOST_SCANS} scans")
    raise ValueError("it has too many parts")
