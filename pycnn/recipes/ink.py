"""Find the pixels of a picture that are part of a drawing, not of edges, ruled lines or specks."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pycnn.recipes.paper import Mask, Plane, grown
from pycnn.recipes.ruled_lines import find_lines, without_lines

Labels: TypeAlias = npt.NDArray[np.int64]

# Ink stands out by this share of the contrast of the strongest pixel at first, and by the second
# share of the contrast of the strokes themselves as soon as they are found.
FAINT, FIRM = 0.15, 0.4
# And by this number of standard deviations of the paper's noise, and at least by this amount.
SIGMAS, LEAST = 5.0, 0.05
# Pixels between those that noise is told from besides neighbours.
APART = 9
# What is shorter than this share of the longer side of the picture is a speck.
SPECK = 0.04
# Digits beside each other are about as tall: the lower one has this share of the height.
ALIKE = 0.7
# A part is kept if it has this share of the pixels of the largest.
PART = 0.06
# An edge is dark along this share of a side, and at most this share of the other side wide.
EDGE, EDGE_WIDTH = 0.85, 0.04
# A printed box fills at most this share of its own bounding box, which encloses that of the digit.
# It has ink in all corners, squares of the second share of its sides: a nought has none there.
BOX_SHARE, CORNER = 0.2, 0.15


def digit(contrast: Plane) -> tuple[Mask, float]:
    """Find the pixels of what is drawn, and the contrast of its strokes.

    Parameters
    ----------
    contrast : (H, W) array
        Of `pycnn.recipes.paper.contrast`.

    Returns
    -------
    mask : (H, W) bool array
        All False if nothing is drawn.
    level : float
        The contrast of full ink.
    """
    least = max(LEAST, SIGMAS * noise(contrast))
    faint = without_edges(contrast > max(least, FAINT * float(contrast.max(initial=0.0))))
    level_lines, upright_lines = find_lines(faint), find_lines(faint.T)

    level_mask = level_lines.mask(faint.shape)
    upright_mask = upright_lines.mask(faint.T.shape)

    def strokes(mask: Mask) -> Mask:
        mask = without_lines(mask, contrast, level_lines, upright_mask.T)
        mask = without_lines(mask.T, contrast.T, upright_lines, level_mask.T).T
        return main_parts(mask)

    mask = strokes(faint)
    if not mask.any():
        return mask, 0.0
    level = float(np.quantile(contrast[mask], 0.75))
    return strokes(without_edges(contrast > max(least, FIRM * level))), level


def noise(contrast: Plane) -> float:
    """Estimate the standard deviation of the noise: most pixels are paper.

    From neighbours; and from pixels farther apart, as a JPEG has blocks of 8 with little noise
    within.
    """
    found = 0.0
    for apart in (1, APART):
        steps = abs(contrast[:, apart:] - contrast[:, :-apart])
        if steps.size:
            found = max(found, 1.4826 * float(np.median(steps)) / np.sqrt(2))
    return found


def side_by_side(mask: Mask) -> int:
    """Count the parts that stand side by side on one line, such as the digits of 17.

    Parts of nearly the height of the tallest one count, and such as are above each other as one; 0
    if there are only specks. What is one pixel apart belongs together.
    """
    labels, count = parts(grown(mask))
    spans = []
    for part in range(1, count + 1):
        rows, columns = (np.flatnonzero((labels == part).any(axis=axis)) for axis in (1, 0))
        spans.append((int(columns[0]), int(columns[-1]), int(np.ptp(rows)) - 1))
    tallest = max((height for _, _, height in spans), default=0)
    widest = max((last - first - 1 for first, last, _ in spans), default=0)
    if max(tallest, widest) <= SPECK * max(mask.shape):
        return 0
    found, end = 0, -1
    for first, last, height in sorted(spans):
        if height >= ALIKE * tallest:
            found += first > end
            end = max(end, last)
    return found


def without_edges(mask: Mask) -> Mask:
    """Clear lines along the sides that are all ink: the table beside the paper, a scanner's lid."""
    mask = mask.copy()
    for turn in range(4):
        side = np.rot90(mask, turn)
        most = int(np.ceil(EDGE_WIDTH * len(side)))
        full = side[: most + 1].mean(axis=1) >= EDGE
        width = int(np.argmin(full)) if not full.all() else 0
        side[:width] = False
    return mask


def main_parts(mask: Mask) -> Mask:
    """Keep the largest part and parts that are not much smaller; drop parts on an edge.

    If nothing of weight would be left, parts on an edge stay: a picture may be cut to the strokes.
    """
    labels, count = parts(mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    sizes[_boxes(labels, sizes)] = 0
    ring = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    inner = sizes.copy()
    inner[ring] = 0
    if inner.max() >= PART * sizes.max():
        sizes = inner
    kept: Mask = (sizes >= max(1.0, PART * sizes.max()))[labels]
    return kept


def _boxes(labels: Labels, sizes: npt.NDArray[np.int64]) -> list[int]:
    """Return the thin parts that enclose another large part without touching it."""
    weighty = np.flatnonzero(sizes >= max(1.0, PART * sizes.max()))
    bounds: dict[int, tuple[int, int, int, int]] = {}
    for part in map(int, weighty):
        rows, columns = (np.flatnonzero((labels == part).any(axis=axis)) for axis in (1, 0))
        bounds[part] = int(rows[0]), int(columns[0]), int(rows[-1]), int(columns[-1])
    found = []
    for part, (top, left, bottom, right) in bounds.items():
        encloses = any(
            top < t and left < le and b < bottom and r < right
            for other, (t, le, b, r) in bounds.items()
            if other != part
        )
        own = labels[top : bottom + 1, left : right + 1] == part
        if encloses and own.mean() <= BOX_SHARE and _has_corners(own):
            found.append(part)
    return found


def _has_corners(mask: Mask) -> bool:
    """Whether there is ink in each corner."""
    rows, columns = (int(np.ceil(CORNER * side)) for side in mask.shape)
    sides = mask[:rows], mask[-rows:]
    return all(side[:, :columns].any() and side[:, -columns:].any() for side in sides)


def parts(mask: Mask) -> tuple[Labels, int]:
    """Label the connected parts of a mask from 1; pixels touch at corners, too."""
    padded = np.pad(mask, ((0, 0), (1, 1))).astype(np.int8)
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]  # one beyond the run
    parent = list(range(len(rows)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    first = np.searchsorted(rows, np.arange(len(mask) + 1))
    for row in range(1, len(mask)):
        above, here = slice(*first[row - 1 : row + 1]), slice(*first[row : row + 2])
        # Runs of the row above that end after this one starts, and start before it ends.
        low = np.searchsorted(ends[above], starts[here]) + first[row - 1]
        high = np.searchsorted(starts[above], ends[here], side="right") + first[row - 1]
        for run, (a, b) in enumerate(zip(low, high, strict=True), first[row]):
            for other in range(a, b):
                parent[root(other)] = root(run)
    roots = np.array([root(run) for run in range(len(rows))], np.int64)
    names, numbers = np.unique(roots, return_inverse=True)
    labels = np.zeros(mask.shape, np.int64)
    labels[mask] = np.repeat(numbers + 1, ends - starts)
    return labels, len(names)
