"""Find the sheet of paper in a photograph that also shows the desk around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pycnn.recipes.ink import parts
from pycnn.recipes.paper import Mask, Plane, grown, lower_half, resized, smooth_surface

# Number of pixels on the longer side of the picture in which the sheet is looked for, and number of
# directions that are tried.
COARSE, DIRECTIONS = 96, 32
# It covers at least this share of the picture, and is at least this share of the shorter side wide.
LEAST_AREA, LEAST_SIDE = 0.1, 0.25
# It leaves at least this share to the desk, where at most the second share is as bright.
LEAST_DESK, BRIGHT_DESK = 0.03, 0.2
# It fills this share of its outline, ink apart, which covers at most the second share.
SOLID, MOST_INK = 0.93, 0.3
# It has four corners: squares of this share of its sides, filled by at least the second share. A
# bold 0 or 8 in white has none.
CORNER, IN_CORNER = 0.12, 0.25
# So much of the difference between sheet and desk lies right at the edge: dark corners of a page
# come on slowly.
SHARP = 0.5
# Coarse pixels that are cut along the edge: it is blurred there, and casts a shadow.
CUT = 2


@dataclass
class Sheet:
    """A picture cut to the sheet.

    Attributes
    ----------
    grey : (H, W) array
        The sheet; beyond its edges, paper with the light of the sheet.
    whole : bool
        Whether there is desk on at least three sides, so that what is bright is no part of a page
        with a shadow.
    """

    grey: Plane
    whole: bool


def find_sheet(grey: Plane) -> Sheet | None:
    """Find a sheet of paper on a darker desk, level or turned; None if the picture shows none."""
    scale = min(1.0, COARSE / max(grey.shape))
    coarse = resized(grey, tuple(max(1, round(side * scale)) for side in grey.shape))
    bright = ~lower_half(coarse)
    if min(coarse.shape) <= 4 * CUT or not bright.any():
        return None
    labels, _ = parts(bright)
    found = labels == np.bincount(labels[bright]).argmax()
    outline = _outline(found)
    if not (_lies_on_a_desk(coarse, bright, outline) and _is_paper(found, outline)):
        return None
    inner = _shrunk(outline)
    if not inner.any():
        return None
    sides = outline[0], outline[-1], outline[:, 0], outline[:, -1]
    whole = sum(bool(side.mean() > LEAST_DESK) for side in sides) <= 1
    return Sheet(_cut(grey, inner), whole)


def _outline(mask: Mask) -> Mask:
    """Return the convex hull, as all that no direction sees beyond the mask."""
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    hull = np.ones_like(mask)
    for angle in np.linspace(0, 2 * np.pi, 2 * DIRECTIONS, endpoint=False):
        along = np.cos(angle) * x + np.sin(angle) * y
        hull &= along <= along[mask].max() + 1e-9
    return hull


def _is_paper(found: Mask, outline: Mask) -> bool:
    """Whether a bright part is large, solid and has four corners."""
    ink = 1 - found.sum() / outline.sum()
    if outline.mean() < LEAST_AREA or ink > MOST_INK:
        return False
    filled = outline.copy()
    for axis in (0, 1):  # all between the first and the last pixel of each row and column
        before = np.logical_or.accumulate(found, axis)
        after = np.flip(np.logical_or.accumulate(np.flip(found, axis), axis), axis)
        filled &= before & after
    return bool(filled.sum() >= SOLID * outline.sum() and _has_corners(outline))


def _has_corners(outline: Mask) -> bool:
    """Whether the smallest rectangle around the outline, in any direction, has filled corners."""
    y, x = np.nonzero(outline)
    boxes = []
    for angle in np.linspace(0, np.pi / 2, DIRECTIONS, endpoint=False):
        along = np.cos(angle) * x + np.sin(angle) * y
        across = np.cos(angle) * y - np.sin(angle) * x
        boxes.append((float(np.ptp(along) * np.ptp(across)), along, across))
    _, along, across = min(boxes, key=lambda box: box[0])
    sides = float(np.ptp(along)) + 1, float(np.ptp(across)) + 1
    if min(sides) < LEAST_SIDE * min(outline.shape):
        return False
    first, second = along - along.min(), across - across.min()
    least = IN_CORNER * CORNER**2 * sides[0] * sides[1]
    return all(
        ((a <= CORNER * sides[0]) & (b <= CORNER * sides[1])).sum() >= least
        for a in (first, first.max() - first)
        for b in (second, second.max() - second)
    )


def _lies_on_a_desk(coarse: Plane, bright: Mask, outline: Mask) -> bool:
    """Whether the surroundings of the outline are darker, right from the edge."""
    near = grown(grown(outline))
    desk = ~near
    if desk.mean() < LEAST_DESK or bright[desk].mean() > BRIGHT_DESK:
        return False
    apart = np.median(coarse[outline]) - np.median(coarse[desk])
    ring, edge = grown(near) & desk, outline & ~_shrunk(outline)
    return bool(np.median(coarse[edge]) - np.median(coarse[ring]) >= SHARP * apart)


def _cut(grey: Plane, inner: Mask) -> Plane:
    """Return the picture cut to the sheet, with paper in the corners that show the desk."""
    scale = [large / small for large, small in zip(grey.shape, inner.shape, strict=True)]
    rows, columns = np.flatnonzero(inner.any(axis=1)), np.flatnonzero(inner.any(axis=0))
    top, end = round(rows[0] * scale[0]), round((rows[-1] + 1) * scale[0])
    left, right = round(columns[0] * scale[1]), round((columns[-1] + 1) * scale[1])
    cut = grey[top:end, left:right]
    mask = inner[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    light = np.clip(smooth_surface(resized(cut, mask.shape), mask), 0, 255)
    on_sheet = resized(mask.astype(np.float32), cut.shape) > 0.99
    return np.where(on_sheet, cut, resized(light, cut.shape))


def _shrunk(mask: Mask) -> Mask:
    """Cut pixels along the edge, though not along the sides of the picture."""
    beyond = ~mask
    for _ in range(CUT):
        beyond = grown(beyond)
    return ~beyond
