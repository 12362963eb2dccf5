"""Strict reader of IDX files, the format of MNIST and its relatives, plain or gzip-compressed.

An IDX file is big-endian: two zero bytes, a type code, the number of dimensions, one unsigned
32-bit size for each dimension, then the values in row-major order. Only unsigned bytes (type code
0x08) are read: every image data set in this format uses them. A file must hold exactly what its
header declares.
"""

from __future__ import annotations

import os
import sys
import zlib
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

_UBYTE = 0x08
_GZIP_MAGIC = b"\x1f\x8b"
# wbits for zlib: 15 is the largest window, + 16 expects a gzip header and checks its CRC-32.
_GZIP_WBITS = 15 + 16


def read_idx(path: str | os.PathLike[str], ndim: int | None = None) -> npt.NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes.

    Parameters
    ----------
    path : path-like
        The file; gzip compression is recognised by its first two bytes, not by the name.
    ndim : int, optional
        The number of dimensions the file must have (3 for images, 1 for labels); any when None.

    Returns
    -------
    numpy.ndarray of uint8
        Read-only, with the shape the header declares.

    Raises
    ------
    OSError
        The file is missing or cannot be read.
    ValueError
        The magic number or the number of dimensions is wrong, or the file is truncated, corrupt, or
        longer than its header declares.

    References
    ----------
    "The MNIST database of handwritten digits", section "File formats",
    http://yann.lecun.com/exdb/mnist/
    """
    path = Path(path)
    raw = path.read_bytes()
    compressed = raw.startswith(_GZIP_MAGIC)
    # A header has at most 4 + 4 * 255 bytes.
    head = _inflate(path, raw, 4 + 4 * 255) if compressed else raw
    shape = _parse_header(path, head, ndim)
    start = 4 + 4 * len(shape)
    size = prod(shape)
    # One byte more than declared is enough to notice trailing data, whatever it expands to.
    data = _inflate(path, raw, start + size + 1) if compressed else raw
    if len(data) < start + size:
        raise ValueError(
            f"[read_idx] {path}: truncated: the header declares {shape}, {size:,} bytes of data, "
            f"the file holds {len(data) - start:,}"
        )
    if len(data) > start + size:
        more = "" if compressed else f" ({len(data) - start - size:,} bytes)"
        raise ValueError(
            f"[read_idx] {path}: trailing data{more} after the {size:,} bytes that the header "
            f"declares for {shape}"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def read_images(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Read an IDX file of grey images as an (N, 1, H, W) array of bytes.

    Raises
    ------
    OSError, ValueError
        As `read_idx`; also when the images have no pixels.
    """
    images = read_idx(path, ndim=3)
    n, h, w = images.shape
    if h == 0 or w == 0:
        raise ValueError(f"[read_idx] {path}: images of {h}x{w} pixels")
    return images.reshape(n, 1, h, w)


def read_labels(path: str | os.PathLike[str], num_classes: int) -> npt.NDArray[np.int64]:
    """Read an IDX file of labels as an (N,) array of int64, each in 0..num_classes-1.

    Raises
    ------
    OSError, ValueError
        As `read_idx`; also when a label is out of range (the text names the first one).
    """
    labels = read_idx(path, ndim=1)
    if labels.size and labels.max() >= num_classes:
        at = int(np.argmax(labels >= num_classes))
        raise ValueError(
            f"[read_idx] {path}: label {labels[at]} at index {at} is out of range for "
            f"{num_classes} classes (0..{num_classes - 1})"
        )
    return labels.astype(np.int64)


def read_pair(
    images: str | os.PathLike[str], labels: str | os.PathLike[str], num_classes: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Read a file of images and its file of labels, which must have the same count.

    Raises
    ------
    OSError, ValueError
        As `read_images` and `read_labels`; also when the two counts differ.
    """
    x = read_images(images)
    y = read_labels(labels, num_classes)
    if len(x) != len(y):
        raise ValueError(
            f"[read_idx] {images} has {len(x):,} images, {labels} has {len(y):,} labels"
        )
    return x, y


def _parse_header(path: Path, head: bytes, ndim: int | None) -> tuple[int, ...]:
    """Return the shape that the header declares, after checking the magic number."""
    if len(head) < 4:
        raise ValueError(
            f"[read_idx] {path}: truncated: {len(head)} bytes, a header has at least 8"
        )
    if head[:2] != b"\0\0" or head[2] != _UBYTE or head[3] == 0:
        raise ValueError(
            f"[read_idx] {path}: magic number 0x{head[:4].hex()} is not an IDX file of unsigned "
            "bytes (0x000008 and the number of dimensions)"
        )
    found = head[3]
    if ndim is not None and found != ndim:
        raise ValueError(
            f"[read_idx] {path}: magic number 0x{head[:4].hex()} declares {found} dimensions, "
            f"expected {ndim} (0x000008{ndim:02x})"
        )
    if len(head) < 4 + 4 * found:
        raise ValueError(
            f"[read_idx] {path}: truncated: {len(head)} bytes, the header of {found} dimensions "
            f"has {4 + 4 * found}"
        )
    return tuple(int.from_bytes(head[4 + 4 * i : 8 + 4 * i], "big") for i in range(found))


def _inflate(path: Path, raw: bytes, limit: int) -> bytes:
    """Decompress at most `limit` bytes of a gzip file; one that ends early is a ValueError.

    zlib in one call takes about a quarter less time than gzip.open, which works in small pieces;
    the limit keeps a hostile file from filling the memory.
    """
    limit = min(limit, sys.maxsize)
    parts: list[bytes] = []
    room = limit
    while raw and room:  # a gzip file is one or more members, one after the other
        if not raw.startswith(_GZIP_MAGIC):
            raise ValueError(
                f"[read_idx] {path}: trailing data ({len(raw):,} bytes) after the gzip data"
            )
        member = zlib.decompressobj(wbits=_GZIP_WBITS)
        try:
            part = member.decompress(raw, room)
        except zlib.error as error:
            raise ValueError(f"[read_idx] {path}: corrupt gzip data: {error}") from None
        parts.append(part)
        room -= len(part)
        if not member.eof and room:
            raise ValueError(
                f"[read_idx] {path}: truncated: the gzip data end after {limit - room:,} "
                "uncompressed bytes"
            )
        raw = member.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)
