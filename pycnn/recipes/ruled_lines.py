"""Remove the lines of ruled and squared paper from a drawing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pycnn.recipes.paper import Mask, Plane, stroke_width

# The steepest lines that are looked for, as rise over run, and how much of the paper they cross.
STEEPEST, CROSSED = 0.15, 0.7
# A line reaches so near both sides, and a lone one is so much thinner than the strokes.
REACH, THINNER = 0.06, 0.6
# The widest line, as a share of the height.
WIDEST = 0.05
# Where a line is so far on the way from its own contrast to that of the strokes, ink lies on it.
ON_THE_LINE, LIGHTER = 0.5, 0.8


@dataclass
class Lines:
    """Parallel lines from the left to the right side of a picture.

    Attributes
    ----------
    shift : (W,) int64 array
        How many rows the lines are lower at each column.
    bands : list of (int, int)
        First row, and the one after the last, of each line, before the shift.
    """

    shift: npt.NDArray[np.int64]
    bands: list[tuple[int, int]]

    def mask(self, shape: tuple[int, ...]) -> Mask:
        """Return the pixels on the lines."""
        on_lines = np.zeros(shape, np.bool_)
        for top, end in self.bands:
            for row in range(top, end):
                rows, columns = self._inside(row, shape)
                on_lines[rows, columns] = True
        return on_lines

    def crossed(self, strokes: Mask) -> Mask:
        """Return the pixels on the lines with strokes both above and below."""
        found = np.zeros_like(strokes)
        for top, end in self.bands:
            both = self._beside(strokes, top - 1) & self._beside(strokes, end)
            for row in range(top, end):
                rows, columns = self._inside(row, strokes.shape)
                found[rows, columns] = both[columns]
        return found

    def _inside(
        self, row: int, shape: tuple[int, ...]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        rows = row + self.shift
        columns = np.flatnonzero((rows >= 0) & (rows < shape[0]))
        return rows[columns], columns

    def _beside(self, strokes: Mask, row: int) -> Mask:
        """Whether there is a stroke in this row, at each column or next to it."""
        rows, columns = self._inside(row, strokes.shape)
        wide = np.zeros(strokes.shape[1] + 2, np.bool_)
        wide[columns + 1] = strokes[rows, columns]
        near: Mask = wide[:-2] | wide[1:-1] | wide[2:]
        return near


def find_lines(mask: Mask) -> Lines:
    """Find the lines that go from the left to the right side, level or nearly so.

    A digit that is cut out closely may have a bar from side to side, too: one line alone counts if
    it is thinner than what else is drawn, or if nothing else comes near the sides.
    """
    height, width = mask.shape
    y, x = np.nonzero(mask)
    best, shift, covered = 0.0, np.zeros(width, np.int64), np.zeros(0)
    slopes = np.linspace(-STEEPEST, STEEPEST, 1 + 2 * int(np.ceil(STEEPEST * width / 2)))
    for slope in sorted(slopes, key=abs):  # of equals the first, the most level one, is taken
        lower = np.round(slope * (np.arange(width) - width / 2)).astype(np.int64)
        rows = y - lower[x]
        least = int(rows.min(initial=0))
        shares = np.bincount(rows - least, minlength=height) / width
        score = float((shares[shares >= CROSSED] ** 2).sum())
        if score > best:
            best, shift, covered = score, lower + least, shares
    lines = Lines(shift, [])
    for band in _bands(covered):
        line = Lines(shift, [band])
        if band[1] - band[0] <= max(3, WIDEST * height) and _reaches(mask & line.mask(mask.shape)):
            lines.bands.append(band)
    if len(lines.bands) == 1 and not _is_ruled(lines, mask):
        lines.bands.clear()
    return lines


def without_lines(mask: Mask, contrast: Plane, lines: Lines, across: Mask) -> Mask:
    """Clear lines where no stroke crosses them, and no stroke that is darker lies on them.

    Pixels of `across`, on lines in the other direction, are no strokes.
    """
    if not lines.bands:
        return mask
    on_lines = lines.mask(mask.shape)
    cleared = mask & ~on_lines
    if cleared.any():
        own, ink = np.median(contrast[on_lines]), np.quantile(contrast[cleared], 0.75)
        if own < LIGHTER * ink:
            cleared |= mask & on_lines & (contrast > own + ON_THE_LINE * (ink - own))
    kept: Mask = cleared | mask & lines.crossed(cleared & ~across)
    return kept


def _bands(covered: npt.NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Return runs of rows that are covered, with the rows at their borders that are so in part."""
    marked = np.flatnonzero(np.diff(np.pad(covered >= CROSSED, 1).astype(np.int8)))
    for top, end in marked.reshape(-1, 2).tolist():
        yield (
            top - int(top > 0 and covered[top - 1] >= CROSSED / 3),
            end + int(end < len(covered) and covered[end] >= CROSSED / 3),
        )


def _reaches(line: Mask) -> bool:
    """Whether a line comes near both sides."""
    near = max(2, int(REACH * line.shape[1]))
    return bool(line[:, :near].any() and line[:, -near:].any())


def _is_ruled(line: Lines, mask: Mask) -> bool:
    """Whether a lone line is part of the paper, and not of a digit."""
    rest = mask & ~line.mask(mask.shape)
    columns = np.flatnonzero(rest.any(axis=0))
    if not columns.size:
        return False
    near = REACH * mask.shape[1]
    apart = columns[0] >= near and columns[-1] < mask.shape[1] - near
    ((top, end),) = line.bands
    return bool(apart or end - top < THINNER * stroke_width(rest))
