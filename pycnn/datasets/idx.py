"""Strict reader of IDX files, the format of MNIST and its relatives, plain or gzip-compressed.

An IDX file is big-endian: two zero bytes, a type code, the number of dimensions, one unsigned
32-bit size for each dimension, then the values in row-major order. Only unsigned bytes (type code
0x08) are read: every image data set in this format uses them. A file must hold exactly what its
header declares.
"""

from __future__ import annotations

import os
from math import prod
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from pycnn._printable import printable
from pycnn._reading import most_unpacked, open_regular, size_of, unpacked

_UBYTE = 0x08
_PIECE = 1 << 22


def read_idx(path: str | os.PathLike[str], ndim: int | None = None) -> npt.NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes.

    Parameters
    ----------
    path : path-like
        The file; gzip compression is recognised by its first two bytes, not by the name.
    ndim : int, optional
        The number of dimensions the file must have (3 for images, 1 for labels); None allows any.

    Returns
    -------
    numpy.ndarray of uint8
        Read-only, with the shape the header declares.

    Raises
    ------
    OSError
        The file is missing or cannot be read.
    ValueError
        The magic number or the number of dimensions is wrong; the file is truncated, corrupt,
        longer than its header declares, or a device or a pipe; or a compressed file holds more
        than 64 MiB and more than 100 times its own size.

    References
    ----------
    "The MNIST database of handwritten digits", section "File formats",
    http://yann.lecun.com/exdb/mnist/
    """
    name = printable(path)
    with open_regular(path) as file:
        stream = unpacked(path, file)
        shape = _parse_header(name, stream.read(4), stream, ndim)
        size = prod(shape)
        _check_size(name, shape, size, file, stream is file)
        data = bytearray()
        # Memory is taken for data that has arrived, not for what a header promises.
        while part := stream.read(min(size - len(data), _PIECE)):
            data += part
        # One byte more is enough to notice trailing data, whatever it expands to.
        more = stream.read(1)
    if (found := len(data)) < size:
        raise ValueError(
            f"[read_idx] {name}: truncated: the header declares {shape}, {size:,} bytes of data, "
            f"the file holds {found:,}"
        )
    if more:
        raise ValueError(
            f"[read_idx] {name}: trailing data after the {size:,} bytes that the header "
            f"declares for {shape}"
        )
    pixels = np.frombuffer(data, np.uint8)
    pixels.flags.writeable = False
    try:
        return pixels.reshape(shape)
    except ValueError as error:  # too many dimensions for NumPy, or too large ones next to a zero
        raise ValueError(f"[read_idx] {name}: the header declares {shape}: {error}") from None


def read_images(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Read an IDX file of grey images as an (N, 1, H, W) array of bytes.

    Raises
    ------
    OSError, ValueError
        As for `read_idx`; also if the images have no pixels.
    """
    images = read_idx(path, ndim=3)
    n, h, w = images.shape
    if h == 0 or w == 0:
        raise ValueError(f"[read_idx] {printable(path)}: images of {h}x{w} pixels")
    return images.reshape(n, 1, h, w)


def read_labels(path: str | os.PathLike[str], num_classes: int) -> npt.NDArray[np.int64]:
    """Read an IDX file of labels as an (N,) array of int64, each in 0..num_classes-1.

    Raises
    ------
    OSError, ValueError
        As for `read_idx`; also if a label is out of range (the message names the first one).
    """
    labels = read_idx(path, ndim=1)
    if labels.size and labels.max() >= num_classes:
        at = int(np.argmax(labels >= num_classes))
        raise ValueError(
            f"[read_idx] {printable(path)}: label {labels[at]} at index {at} is out of range "
            f"for {num_classes} classes (0..{num_classes - 1})"
        )
    return labels.astype(np.int64)


def read_pair(
    images: str | os.PathLike[str], labels: str | os.PathLike[str], num_classes: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Read a file of images and its file of labels, which must have the same count.

    Raises
    ------
    OSError, ValueError
        As for `read_images` and `read_labels`; also if the two counts differ.
    """
    x = read_images(images)
    y = read_labels(labels, num_classes)
    if len(x) != len(y):
        raise ValueError(
            f"[read_idx] {printable(images)} has {len(x):,} images, {printable(labels)} has "
            f"{len(y):,} labels"
        )
    return x, y


def _parse_header(name: str, magic: bytes, stream: BinaryIO, ndim: int | None) -> tuple[int, ...]:
    """Return the shape that the header declares, after checking the magic number."""
    if len(magic) < 4:
        raise ValueError(
            f"[read_idx] {name}: truncated: {len(magic)} bytes, a header has at least 8"
        )
    if magic[:2] != b"\0\0" or magic[2] != _UBYTE or magic[3] == 0:
        raise ValueError(
            f"[read_idx] {name}: magic number 0x{magic.hex()} is not an IDX file of unsigned "
            "bytes (0x000008 and the number of dimensions)"
        )
    found = magic[3]
    if ndim is not None and found != ndim:
        raise ValueError(
            f"[read_idx] {name}: magic number 0x{magic.hex()} declares {found} dimensions, "
            f"expected {ndim} (0x000008{ndim:02x})"
        )
    sizes = stream.read(4 * found)
    if len(sizes) < 4 * found:
        raise ValueError(
            f"[read_idx] {name}: truncated: {4 + len(sizes)} bytes, the header of {found} "
            f"dimensions has {4 + 4 * found}"
        )
    return tuple(int.from_bytes(sizes[4 * i : 4 * i + 4], "big") for i in range(found))


def _check_size(name: str, shape: tuple[int, ...], size: int, file: BinaryIO, plain: bool) -> None:
    """Refuse a header that promises more than the file can hold, before memory is allocated."""
    start, whole = 4 + 4 * len(shape), size_of(file)
    if plain and whole < start + size:
        raise ValueError(
            f"[read_idx] {name}: truncated: the header declares {shape}, {size:,} bytes of data, "
            f"the file holds {whole - start:,}"
        )
    if plain and whole > start + size:
        raise ValueError(
            f"[read_idx] {name}: trailing data ({whole - start - size:,} bytes) after the "
            f"{size:,} bytes that the header declares for {shape}"
        )
    most = most_unpacked(whole)
    if not plain and size > most:
        raise ValueError(
            f"[read_idx] {name}: truncated: the header declares {shape}, {size:,} bytes of data, "
            f"more than the {most:,} that a compressed file of {whole:,} bytes may hold"
        )
