"""Read files of unknown origin: only regular files, and never more than a stated bound.

The bounds are stated in docs/guarantees.md, "Limits of the readers".
"""

from __future__ import annotations

import io
import json
import os
import stat
import zlib
from typing import Any, BinaryIO

from pycnn._printable import printable

# Most bytes in a JSON file: settings take a few hundred bytes, an epoch of a history about 300.
MOST_SETTINGS = 1 << 20
MOST_HISTORY = 32 << 20
# Values in JSON, counted by the separators: each takes up to 80 bytes of memory.
_MOST_VALUES = 1_000_000
_BYTES_PER_VALUE = 64
# Largest size that counts: a file with holes can have any size.
_MOST_COUNTED = 1 << 28
_BETWEEN_VALUES = (b",", b":", b"[", b"{")

GZIP_MAGIC = b"\x1f\x8b"
# wbits for zlib: 15 is the largest window, + 16 expects a gzip header and checks its CRC-32.
_GZIP_WBITS = 15 + 16
# A compressed file may hold this many bytes, or this many times its own size. Published data sets
# shrink to a fifth, sorted labels to a thousandth; zlib can go down to 1/1032.
_LEAST_UNPACKED = 64 << 20
_MOST_RATIO = 100
# Members of a gzip file: this many, and one more for each KiB that they hold.
_MOST_MEMBERS = 1000
_MEMBER = 1 << 10
_FIRST_PIECE, _LARGEST_PIECE = 1 << 10, 1 << 17
# Zero bytes after the members: blocks of tapes are smaller.
_MOST_PADDING = 1 << 24
# Reads up to this size skip the check of the file's size, which would take longer.
_LITTLE = 1 << 16


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading; a pipe, a device or a socket would hang or never end.

    Raises
    ------
    OSError
        If it cannot be opened, or is a folder.
    ValueError
        If it is not a regular file, or the name has a null character.
    """
    name = os.fspath(path)
    if "\0" in os.fsdecode(name):
        raise ValueError(f"{printable(path)} is no file: a name has no null character")
    _check_regular(name, os.stat(name).st_mode)
    # Between the two checks it may have become a pipe: with O_NONBLOCK even that does not hang.
    file = _File(io.FileIO(os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)))
    try:
        _check_regular(name, os.fstat(file.fileno()).st_mode)
    except BaseException:
        file.close()
        raise
    return file


class _File(io.BufferedReader):
    """A file whose reads take no more memory than the file has bytes.

    Python itself allocates the size that is asked for, such as one from a header.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and 0 <= size <= _LITTLE:
            return super().read(size)
        left = max(size_of(self) - self.tell(), 0)
        return super().read(left if size is None or size < 0 else min(size, left))


def _check_regular(name: str, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(21, os.strerror(21), name)
    if not stat.S_ISREG(mode):
        raise ValueError(
            f"{printable(name)} is no regular file: it is a device, a pipe or a socket"
        )


def size_of(file: BinaryIO) -> int:
    """Return the size of an open file in bytes."""
    return os.fstat(file.fileno()).st_size


def read_whole(path: str | os.PathLike[str], most: int) -> bytes:
    """Read a regular file of at most `most` bytes.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is larger, or not a regular file.
    """
    with open_regular(path) as file:
        if size_of(file) <= most:
            content = file.read(most + 1)
            if len(content) <= most:
                return content
    raise ValueError(f"{printable(path)} is too large: more than {most:,} bytes")


def parse_json(text: bytes, whole: int | None = None, per_value: int = _BYTES_PER_VALUE) -> Any:
    """Parse JSON in UTF-8; a byte order mark is skipped.

    Parameters
    ----------
    text : bytes
        The text.
    whole : int, optional
        Size of the file that holds it; the size of the text by default.
    per_value : int
        Bytes of that size needed for each value beyond the first million.

    Raises
    ------
    ValueError
        If it is not JSON, is nested too deep, or holds more values than a file of its size may.
    """
    most = _MOST_VALUES + min(len(text) if whole is None else whole, _MOST_COUNTED) // per_value
    if len(text) > most and sum(map(text.count, _BETWEEN_VALUES)) > most:
        raise ValueError(f"more than {most:,} values")
    try:
        return json.loads(text.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("brackets within brackets without end") from None


def most_unpacked(size: int) -> int:
    """Return how many bytes a compressed file of `size` bytes may hold."""
    return max(_LEAST_UNPACKED, _MOST_RATIO * size)


def unpacked(path: str | os.PathLike[str], file: BinaryIO) -> BinaryIO:
    """Return an open file or, if it is compressed with gzip, a reader of its content.

    Compression is recognised by the first two bytes. The result reads forward only.
    """
    compressed = file.read(2) == GZIP_MAGIC
    file.seek(0)
    if not compressed:
        return file
    # The reader does not close the file, which belongs to the caller.
    return io.BufferedReader(_Gunzip(printable(path), file), _LARGEST_PIECE)


class PackedError(ValueError):
    """A gzip file is corrupt, truncated or beyond the bounds; the text names it."""


class _Gunzip(io.RawIOBase):
    """The bytes in a gzip file of one or more members, within the bounds stated above.

    Reading raises PackedError if the file is corrupt, truncated or beyond these bounds.
    """

    def __init__(self, name: str, file: BinaryIO) -> None:
        self._name = name
        self._file = file
        self._taken = 0
        self._members = 0
        self._total = 0
        self._ahead = memoryview(b"")
        self._piece = _FIRST_PIECE
        self._member: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        room = memoryview(target).cast("B")
        part = self._next(min(len(room), _LARGEST_PIECE))
        room[: len(part)] = part
        return len(part)

    def _next(self, most: int) -> bytes:
        """Return the next bytes, at most `most`; none at the end of the file."""
        while True:
            if not self._ahead:
                self._ahead = memoryview(self._file.read(_LARGEST_PIECE))
            if self._member is None:
                self._skip_padding()
                if not self._ahead:
                    return b""
                self._begin()
            part = self._inflate(most)
            if part:
                return part

    def _skip_padding(self) -> None:
        """Skip zero bytes after a member: tapes and file systems fill blocks with them."""
        passed = 0
        while self._members and self._ahead and self._ahead[0] == 0:
            rest = bytes(self._ahead).lstrip(b"\0")
            passed += len(self._ahead) - len(rest)
            if passed > _MOST_PADDING:
                raise PackedError(
                    f"{self._name}: more than {_MOST_PADDING:,} zero bytes after the gzip data"
                )
            self._ahead = memoryview(rest or self._file.read(_LARGEST_PIECE))

    def _begin(self) -> None:
        """Begin the next member."""
        if len(self._ahead) < len(GZIP_MAGIC):
            self._ahead = memoryview(bytes(self._ahead) + self._file.read(1))
        if bytes(self._ahead[: len(GZIP_MAGIC)]) != GZIP_MAGIC:
            rest = size_of(self._file) - self._file.tell() + len(self._ahead)
            raise PackedError(f"{self._name}: trailing data ({rest:,} bytes) after the gzip data")
        self._members += 1
        if self._members > _MOST_MEMBERS + self._total // _MEMBER:
            raise PackedError(
                f"{self._name}: {self._members:,} gzip members with {self._total:,} bytes in all"
            )
        self._member = zlib.decompressobj(wbits=_GZIP_WBITS)
        # zlib copies the input after the end of a member: begin with a short piece.
        self._piece = _FIRST_PIECE

    def _inflate(self, most: int) -> bytes:
        """Return some bytes of the current member, or none."""
        given = self._ahead[: self._piece]
        try:
            part: bytes = self._member.decompress(given, most)
        except zlib.error as error:
            raise PackedError(f"{self._name}: corrupt gzip data: {error}") from None
        if self._member.eof:
            left = len(self._member.unused_data)
            self._member = None
        else:
            left = len(self._member.unconsumed_tail)
            self._piece = min(2 * self._piece, _LARGEST_PIECE)
            if not given and not part:
                raise PackedError(
                    f"{self._name}: truncated: the gzip data end after {self._total:,} "
                    "uncompressed bytes"
                )
        self._ahead = self._ahead[len(given) - left :]
        self._taken += len(given) - left
        self._total += len(part)
        # Bound by the bytes read so far: a file with holes can have any size.
        most = most_unpacked(self._taken)
        if self._total > most:
            raise PackedError(
                f"{self._name}: holds more than {most:,} bytes, the bound for {self._taken:,} "
                "compressed ones: unpack it first"
            )
        return part
