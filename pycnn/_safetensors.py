"""Safetensors files, read within bounds and checked when they are written.

A file is a length of 8 bytes (little-endian), that many bytes of JSON, and the numbers of the
tensors. The JSON gives dtype, shape and place of each tensor, and texts under ``__metadata__``. The
tensors follow each other without gaps and fill the rest of the file.
Source: https://github.com/huggingface/safetensors, section "Format".

The package safetensors writes the files. It does not read them: it would map them into memory, so
that a file cut off meanwhile would end the process. The reader here also checks names and shapes
before it allocates memory for anything.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from pycnn._printable import printable
from pycnn._reading import open_regular, parse_json, size_of

Array = npt.NDArray[Any]

# By their names in the format; types that NumPy lacks, such as BF16 and F8_E4M3, are refused.
_DTYPES = {
    "BOOL": np.dtype(np.bool_),
    **{f"I{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"U{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
}
_LENGTH = 8
# The JSON may take this many bytes and a quarter of the file, since it can hold a vocabulary, but
# never more than the package safetensors reads.
_LEAST_TEXT, _MOST_TEXT = 4 << 20, 100_000_000
# Tensors: this many, and one more for each 4 KiB of the file.
_MOST_TENSORS, _BYTES_PER_TENSOR = 10_000, 1 << 12
_MOST_DIMENSIONS = 32


class _Tensor(NamedTuple):
    """Dtype, shape and place of one tensor, in bytes from the end of the JSON."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    end: int


class Tensors:
    """An open safetensors file of which only the JSON has been read.

    Parameters
    ----------
    path : path
        Its name.
    file : binary file
        Open for reading.
    size : int
        Its size in bytes.

    Attributes
    ----------
    metadata : dict of str to str
        The texts.
    size : int
        As given.

    Raises
    ------
    ValueError
        If it is not such a file, or not as long as its JSON says; the message names the file.
    """

    def __init__(self, path: str | os.PathLike[str], file: BinaryIO, size: int) -> None:
        self._file = file
        try:
            text = _text(file, size)
            self.metadata, self._tensors = _parsed(text, size)
            _check_places(self._tensors, size - _LENGTH - len(text))
        except ValueError as error:
            raise ValueError(
                f"{printable(path)} is not a readable safetensors file: {printable(error)}"
            ) from None
        self._start = _LENGTH + len(text)
        self._path = path
        self.size = size

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor."""
        return {name: tensor.shape for name, tensor in self._tensors.items()}

    def split(self, prefix: str) -> tuple[Tensors, Tensors]:
        """Return the tensors whose names do not begin with `prefix`, and those whose names do."""
        parts = copy.copy(self), copy.copy(self)
        for part, begins in zip(parts, (False, True), strict=True):
            part._tensors = {
                name: tensor
                for name, tensor in self._tensors.items()
                if name.startswith(prefix) == begins
            }
        return parts

    def stand_ins(self) -> dict[str, Array]:
        """Return arrays of the same dtypes and shapes, all zeros, that take no memory."""
        return {
            name: np.broadcast_to(np.zeros((), tensor.dtype), tensor.shape)
            for name, tensor in self._tensors.items()
        }

    def read(self) -> dict[str, Array]:
        """Read the numbers of all tensors."""
        return {name: self._read(tensor) for name, tensor in self._tensors.items()}

    def _read(self, tensor: _Tensor) -> Array:
        array = np.empty(tensor.shape, tensor.dtype)
        self._file.seek(self._start + tensor.start)
        target = array.reshape(-1).view(np.uint8)
        if self._file.readinto(target) < target.size:  # type: ignore[attr-defined]
            raise ValueError(f"{printable(self._path)} was cut off while it was read")
        # Bytes other than 0 and 1 are not bools: NumPy would compute with them.
        if tensor.dtype == bool and target.size and target.max() > 1:
            raise ValueError(f"{printable(self._path)} is corrupt: bools that are neither 0 nor 1")
        return array


def open_tensors(path: str | os.PathLike[str]) -> tuple[BinaryIO, Tensors]:
    """Open a file and read its JSON; close the file after `Tensors.read`.

    Raises
    ------
    OSError
        If it cannot be opened.
    ValueError
        As for `Tensors`, or if it is not a regular file.
    """
    file = open_regular(path)
    try:
        return file, Tensors(path, file, size_of(file))
    except BaseException:
        file.close()
        raise


def storable(owner: str, name: str, array: Any) -> Array:
    """Return the numbers of an array as they are stored: C-contiguous, little-endian.

    Raises
    ------
    TypeError
        If the format has no such numbers, or the array has a mask, which would be lost.
    """
    plain = np.asarray(array)
    little = plain.dtype.newbyteorder("<")
    if little not in _DTYPES.values() or isinstance(array, np.ma.MaskedArray):
        found = f"{plain.dtype} {type(array).__name__}"
        raise TypeError(
            f"[{owner}] {printable(name)} must be an array of bools, integers or floats of at most "
            f"64 bits, got {found}"
        )
    if plain.dtype == np.bool_:  # in a view any byte but 0 is true; in the file only 1 is
        plain = plain.view(np.uint8) != 0
    # np.ascontiguousarray would add a dimension to an array without any.
    return np.asarray(plain, little, order="C")


def serialised(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of a file with these arrays, after comparing them with the arrays.

    Raises
    ------
    ValueError
        If the file could not be read again, also because of the reader's bounds.
    """
    import io

    from safetensors.numpy import save

    content = save(dict(arrays), dict(metadata))
    written = Tensors("the new file", io.BytesIO(content), len(content))
    if written.shapes.keys() != arrays.keys():
        raise ValueError("the new file has other names of tensors")
    bytes_of = memoryview(content)[written._start :]
    for name, array in arrays.items():
        dtype, shape, start, end = written._tensors[name]
        there = np.frombuffer(bytes_of[start:end], np.uint8)
        here = array.reshape(-1).view(np.uint8)
        if (dtype, shape) != (array.dtype, array.shape) or not np.array_equal(there, here):
            raise ValueError(f"{name} is not in the new file as it is in memory")
    return content


def _text(file: BinaryIO, size: int) -> bytes:
    """Read the JSON at the beginning."""
    head = file.read(_LENGTH)
    if len(head) < _LENGTH:
        raise ValueError(f"it has {size:,} bytes")
    length = int.from_bytes(head, "little")
    if length > size - _LENGTH:
        raise ValueError(f"its header of {length:,} bytes is longer than the file")
    if length > min(_LEAST_TEXT + size // 4, _MOST_TEXT):
        raise ValueError(f"its header of {length:,} bytes is too long for {size:,} bytes")
    text = file.read(length)
    if len(text) < length:
        raise ValueError("it was cut off while it was read")
    return text


def _parsed(text: bytes, size: int) -> tuple[dict[str, str], dict[str, _Tensor]]:
    """Return the texts and the tensors, each checked by itself."""
    found = parse_json(text, size)
    if not isinstance(found, dict):
        raise ValueError("its header is not a JSON object")
    metadata = found.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise ValueError("its metadata are not texts")
    most = _MOST_TENSORS + size // _BYTES_PER_TENSOR
    if len(found) > most:
        raise ValueError(f"it has {len(found):,} tensors, more than {most:,}")
    return metadata, {name: _tensor(name, entry) for name, entry in found.items()}


def _tensor(name: str, entry: Any) -> _Tensor:
    """Check the JSON of one tensor."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name!r:.80} has no dtype, shape and data_offsets")
    kind, shape, places = entry["dtype"], entry["shape"], entry["data_offsets"]
    dtype = _DTYPES.get(kind) if isinstance(kind, str) else None
    if dtype is None:
        raise ValueError(f"{name!r:.80} holds {kind!r:.40}, numbers that NumPy lacks")
    if not (
        _whole(shape)
        and len(shape) <= _MOST_DIMENSIONS
        # NumPy refuses sizes beyond this even if another one is 0.
        and prod(size or 1 for size in shape) * dtype.itemsize < 1 << 63
    ):
        raise ValueError(f"{name!r:.80} has the shape {shape!r:.80}")
    if not (_whole(places) and len(places) == 2):
        raise ValueError(f"{name!r:.80} has the data_offsets {places!r:.80}")
    start, end = places
    if prod(shape) * dtype.itemsize != end - start:
        raise ValueError(
            f"{name!r:.80} of shape {tuple(shape)!s:.200} has {end - start:,} bytes of {kind}"
        )
    return _Tensor(dtype, tuple(shape), start, end)


def _whole(numbers: Any) -> bool:
    """Return whether these are sizes: a list of ints from 0 up to what NumPy can hold."""
    return isinstance(numbers, list) and all(type(n) is int and 0 <= n < 1 << 63 for n in numbers)


def _check_places(tensors: Mapping[str, _Tensor], size: int) -> None:
    """Refuse tensors that overlap, leave gaps or do not end with the file."""
    at = 0
    for name, tensor in _by_place(tensors):
        if tensor.start != at:
            raise ValueError(f"{name!r:.80} begins at {tensor.start:,}, not at {at:,}")
        at = tensor.end
    if at != size:
        raise ValueError(f"its tensors take {at:,} bytes, the file has {size:,} for them")


def _by_place(tensors: Mapping[str, _Tensor]) -> Iterator[tuple[str, _Tensor]]:
    yield from sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end))
