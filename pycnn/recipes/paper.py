"""How much each pixel of a drawing stands out from its ground, in any light."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Plane: TypeAlias = npt.NDArray[np.floating[Any]]
Mask: TypeAlias = npt.NDArray[np.bool_]

# Number of pixels on the longer side of the picture on which the ground is estimated.
COARSE = 64
# A stroke is narrower than this share of the shorter side: what is wider counts as ground.
WIDEST_STROKE = 0.4
# Sides are left out of the choice between ink and chalk by this share: photographs have edges.
MARGIN = 0.06
# A picture is cut closely to a digit if it has two tones, which explain this share of its variance,
# ink covers between these shares of it, and no side is all ink, as a dark edge is.
TWO_TONES, COVERED, FULL_SIDE = 0.75, (0.2, 0.72), 0.85


def contrast(grey: Plane) -> Plane:
    """Return how much pixels stand out from the paper: 0 for paper, up to 1 for ink.

    The ground is what is left of the picture without anything narrower than a stroke (a
    morphological closing or opening), after a smooth surface of second degree was taken away, so
    that light from one side and dark corners count as ground, too. Ink on paper is measured as a
    share of the light that the paper around it gives back, chalk on a board as a difference.

    Parameters
    ----------
    grey : (H, W) array
        Brightness, 0..255.

    Returns
    -------
    (H, W) float64 array
        Noise makes it negative in places.
    """
    coarse = resized(grey, _coarse_size(grey))
    paper = np.ones(coarse.shape, np.bool_)
    for _ in range(2):  # what stands out in the first round is left out of the second one
        off = coarse - (surface := smooth_surface(coarse, paper))
        sign = _sign(off)
        window = max(3, int(WIDEST_STROKE * min(coarse.shape)) | 1)
        # With the sign, strokes are ridges: the lowest level of a window without them is ground.
        level = _slide(_slide(sign * off, window, np.min), window, np.max)
        paper = lower_half(sign * off - level)
    ground = resized(surface + sign * level, grey.shape)
    light = np.maximum(ground, 255 / 4) if sign < 0 else 255.0
    return np.asarray(sign * (grey - ground) / light, np.float64)


def with_paper(grey: Plane) -> Plane:
    """Add paper around a picture that is cut closely to a digit; return any other as it is.

    Without it there is too little ground to tell its level. The paper has the tone that most of the
    picture's sides have.
    """
    dark = lower_half(grey)
    if dark.all():
        return grey
    share = float(dark.mean())
    apart = float(grey[~dark].mean() - grey[dark].mean())
    sides = (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1])
    ring = np.concatenate([dark[side] for side in sides])
    ground = dark if ring.mean() > 0.5 else ~dark
    covered = 1 - float(ground.mean())
    if (
        share * (1 - share) * apart**2 < TWO_TONES * grey.var()
        or not COVERED[0] <= covered <= COVERED[1]
        or any(ground[side].mean() <= 1 - FULL_SIDE for side in sides)
    ):
        return grey
    paper = [grey[side][ground[side]] for side in sides]
    tone = float(np.median(np.concatenate(paper)))
    return np.pad(grey, max(grey.shape) // 2, constant_values=tone)


def resized(plane: Plane, shape: tuple[int, ...]) -> Plane:
    """Return a plane scaled to a shape; all pixels count where it shrinks."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    height, width = shape
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR), np.float64)


def grown(mask: Mask) -> Mask:
    """Return a mask that is wider by one pixel on all sides."""
    padded = np.pad(mask, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    wider: Mask = rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
    return wider


def stroke_width(mask: Mask) -> float:
    """Estimate the width of strokes: twice their area over the length of their outline."""
    padded = np.pad(mask, 1).astype(np.int8)
    # Steps along rows and columns count a slanted outline 4 / pi times too long, on average.
    outline = sum(int(abs(np.diff(padded, axis=axis)).sum()) for axis in (0, 1)) * np.pi / 4
    return float(2 * mask.sum() / outline)


def _coarse_size(grey: Plane) -> tuple[int, int]:
    scale = min(1.0, COARSE / max(grey.shape))
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    return height, width


def lower_half(values: Plane) -> Mask:
    """Return which values belong to the lower half, divided by Otsu's threshold."""
    ordered = np.sort(values, axis=None)
    count = np.arange(1, ordered.size)
    below, total = np.cumsum(ordered)[:-1], ordered.sum()
    # The variance between both parts, for each place to cut.
    between = (total * count / ordered.size - below) ** 2 / (count * (ordered.size - count))
    lower: Mask = values <= ordered[int(np.argmax(between))] if count.size else values <= values
    return lower


def smooth_surface(plane: Plane, paper: Mask) -> Plane:
    """Fit a surface of second degree to the paper, without what lies far off it (Tukey)."""
    y, x = (np.linspace(-1, 1, side) for side in plane.shape)
    y, x = np.meshgrid(y, x, indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    values, part = plane.ravel(), paper.ravel()
    weights = part.astype(np.float64)
    fitted = values
    for _ in range(8):
        weighted = weights[:, np.newaxis] * terms
        fitted = terms @ np.linalg.lstsq(weighted.T @ terms, weighted.T @ values, rcond=None)[0]
        off = values - fitted
        # A deviation of at least two grey levels: paper may be perfectly even.
        spread = 3 * max(1.4826 * float(np.median(abs(off[part]))), 2.0)
        weights = part * np.clip(1 - (off / spread) ** 2, 0, None) ** 2 + 1e-9
    return fitted.reshape(plane.shape)


def _sign(off: Plane) -> int:
    """Return -1 for ink and 1 for chalk: strokes are the smaller part of a picture.

    Deviations of few pixels to one side make the third moment negative or positive.
    """
    rows, columns = (int(MARGIN * side) for side in off.shape)
    inner = off[rows : off.shape[0] - rows, columns : off.shape[1] - columns]
    inner = inner - np.median(inner)
    return -1 if (inner**3).sum() < 0 else 1


def _slide(plane: Plane, window: int, reduce: Any) -> Plane:
    """Reduce each square window around a pixel to one number; beyond the edges is nothing."""
    half = window // 2
    empty = np.inf if reduce is np.min else -np.inf
    for axis in (0, 1):
        margins = [(0, 0), (0, 0)]
        margins[axis] = (half, half)
        padded = np.pad(plane, margins, constant_values=empty)
        plane = reduce(np.lib.stride_tricks.sliding_window_view(padded, window, axis), axis=-1)
    return plane
