"""Buffers of a plan of inference: how values lie in memory, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

_LINE = 16  # floats of a cache line
INPUT, OUTPUT = -1, -2  # offsets of what the caller gives


@dataclass(eq=False, slots=True)
class Rows:
    """A flat row for each image, in NumPy's order.

    Attributes
    ----------
    width : int
        Floats of an image.
    offset : int
        Where it begins in the memory of a run, in floats for one image; `INPUT` or `OUTPUT`.
    passes : bool
        Whether it has room for the images at hand alone, not for all of a run.
    """

    width: int
    offset: int | None = None
    passes: bool = False

    @property
    def floats(self) -> int:
        """Return the floats of an image, whole cache lines."""
        return _lines(self.width)

    @property
    def place(self) -> tuple[object, ...]:
        """Return what the compiled plan takes."""
        return self.offset, self.width, self.passes

    def __str__(self) -> str:
        return f"rows of {self.width}"


@dataclass(eq=False, slots=True)
class Images:
    """Images whose channels lie side by side (NHWC), with a border of zeros.

    Attributes
    ----------
    channels, height, width : int
    border : (int, int, int, int)
        Rows and columns of zeros: top, bottom, left, right.
    pitch : int
        Floats of a pixel: the channels in whole vectors.
    offset : int
        Where they begin in the memory of a run, in floats for one image.
    passes : bool
        Whether there is room for the images at hand alone, not for all of a run.
    """

    channels: int
    height: int
    width: int
    border: tuple[int, int, int, int]
    pitch: int
    offset: int | None = None
    passes: bool = False

    @property
    def floats(self) -> int:
        """Return the floats of an image, whole cache lines."""
        top, bottom, left, right = self.border
        return _lines((top + self.height + bottom) * (left + self.width + right) * self.pitch)

    @property
    def place(self) -> tuple[object, ...]:
        """Return what the compiled plan takes."""
        size = (self.channels, self.height, self.width)
        return self.offset, *size, self.border, self.pitch, self.passes

    def __str__(self) -> str:
        border = f" [{' '.join(map(str, self.border))}]" if any(self.border) else ""
        return f"{self.height}x{self.width}x{self.channels}{border}"


def pitch_of(channels: int, lanes: int) -> int:
    """Return the floats of a pixel: whole vectors, and no multiple of 1 KiB.

    Pixels that are a multiple of 1 KiB apart would meet in four of the 64 sets of a cache of
    32 KiB, and the 14 pixels of a tile would drive each other out.
    """
    pitch = -(-channels // lanes) * lanes
    return pitch if pitch % 256 else pitch + _LINE


def _lines(floats: int) -> int:
    return -(-floats // _LINE) * _LINE


@dataclass(slots=True)
class Lifetime:
    """The steps from the one that writes a buffer to the last that reads it."""

    buffer: Rows | Images
    first: int
    last: int = field(default=-1)

    def meets(self, other: Lifetime) -> bool:
        """Whether both are needed at the same time."""
        return self.first <= other.last and other.first <= self.last


def place(lifetimes: Sequence[Lifetime]) -> int:
    """Give each buffer an offset, so that those needed at the same time lie apart.

    The largest comes first, each at the lowest place that is free for as long as it lives (greedy
    by size: Pisarchyk and Lee, "Efficient memory management for deep neural net inference", 2020).

    Returns
    -------
    int
        Floats of all of them together, for one image.
    """
    placed: list[Lifetime] = []
    total = 0
    for one in sorted(lifetimes, key=lambda lifetime: -lifetime.buffer.floats):
        taken = sorted(
            (other.buffer.offset or 0, other.buffer.floats) for other in placed if one.meets(other)
        )
        offset = 0
        for begin, floats in [*taken, (inf, 0)]:
            if offset + one.buffer.floats <= begin:
                break
            offset = max(offset, int(begin) + floats)
        one.buffer.offset = offset
        total = max(total, offset + one.buffer.floats)
        placed.append(one)
    return total
