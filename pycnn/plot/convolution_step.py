"""Draw one step of a convolution: image, kernel, the output so far, and the sum it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from pycnn.plot.canvas import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PALE_BLUE,
    PALE_GREEN,
    PALE_ORANGE,
)
from pycnn.plot.convolution_geometry import Sliding

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Column and row of a cell's upper left corner.
Cell: TypeAlias = "tuple[float, float]"
# Cells between image and kernel, and between kernel and output; height of a line of the sum.
TIMES, GAP, LINE = 1.4, 2.2, 0.8
# The sign of the convolution is at least this share of the picture's width: 16 pixels of 1280.
STAR = 16 / 1280
# Sums of larger kernels would be too long to read.
MOST_TERMS, LETTER = 25, 0.3
APPROXIMATELY = "\u2248"
FONT = 8.5
# Letters that fit into a cell; the sum is set a little smaller than the cells.
ROOM, SMALLER = 3, 0.9
# Integers beyond this are rounded.
MOST_EXACT = 1e12


def extent(scene: Sliding) -> tuple[float, float]:
    """Return the width and height of the drawing of a step, in cells, with a margin."""
    lines = _sum(scene, 0)
    width = max(_left(scene) + scene.output.shape[1], LETTER * max(map(len, lines), default=0))
    return width + 0.8, _height(scene) + LINE * len(lines) + 0.8


def _height(scene: Sliding) -> int:
    return max(len(plane) for plane in (scene.padded, scene.kernel, scene.output))


def _left(scene: Sliding) -> float:
    """Return where the output begins."""
    return float(scene.padded.shape[1] + TIMES + scene.kernel.shape[1] + GAP)


def _sum(scene: Sliding, number: int) -> list[str]:
    """Return the sum of a step written out, a line for each row of the kernel."""
    if not scene.numbered or scene.kernel.size > MOST_TERMS:
        return []
    lines = [""] * scene.kernel.shape[0]
    result = _number(scene.output[scene.step(number)])
    shown: list[tuple[str, str]] = []
    for row, column, r, s in scene.taps(number):
        factors = _number(scene.padded[row, column]), _number(scene.kernel[r, s])
        shown.append(factors)
        first, second = (f"({text})" if text.startswith("-") else text for text in factors)
        lines[r] += f" + {first}\u00b7{second}"
    lines[0] = lines[0][3:]
    lines[-1] += f" {'=' if _is_exact(shown, result) else APPROXIMATELY} {result}"
    return [line.strip() for line in lines]


def _is_exact(factors: list[tuple[str, str]], result: str) -> bool:
    """Return whether an equation holds as written; one with NaN or infinity counts as exact."""
    try:
        return sum(Fraction(a) * Fraction(b) for a, b in factors) == Fraction(result)
    except ValueError:
        return True


def draw_step(panel: Axes, scene: Sliding, number: int, scale: float = 1.0) -> None:
    """Draw the image under the kernel, and the output up to this step."""
    panel.set_axis_off()
    height, width = scene.padded.shape
    size = FONT * scale / growth(scene)
    taps = {(row, column) for row, column, _, _ in scene.taps(number)}
    image: list[Cell] = []
    window: list[Cell] = []
    padding: list[Cell] = []
    for row, column in np.ndindex(height, width):
        inside = bool(scene.given[row, column])
        under = (row, column) in taps
        (window if inside and under else image if inside else padding).append((column, row))
        if scene.numbered:
            value = _number(scene.padded[row, column])
            colour = INK if inside else MUTED
            panel.text(
                column + 0.5, row + 0.5, value, ha="center", va="center", color=colour,
                fontsize=size,
            )  # fmt: skip
    _cells(panel, image, PALE_BLUE)
    _cells(panel, window, BLUE, alpha=0.55)
    _cells(panel, padding, "white", dashed=True)
    framed = [(column, row) for row, column in sorted(taps)]
    zeros = [(column, row) for column, row in framed if not scene.given[row, column]]
    _cells(panel, zeros, BLUE, alpha=0.15, line=0)
    _cells(panel, framed, "none", edge=ORANGE, line=1.3 * scale)

    right = _draw_kernel(panel, scene, size, scale)
    p, q = scene.output.shape
    left, top = right + GAP, (height - p) / 2
    now = scene.step(number)
    outputs = [(left + column, top + row) for row, column in np.ndindex(p, q)]
    _cells(panel, outputs[:number], PALE_GREEN)
    _cells(panel, outputs[number : number + 1], GREEN, alpha=0.6)
    _cells(panel, outputs[number + 1 :], "white")
    for row, column in np.ndindex(p, q):
        if scene.numbered and (row, column) <= now:
            panel.text(
                left + column + 0.5, top + row + 0.5, _number(scene.output[row, column]),
                ha="center", va="center", color=INK, fontsize=size,
            )  # fmt: skip
    middle = (right + GAP / 2, height / 2)
    arrow = {"arrowstyle": "-|>", "color": FAINT, "linewidth": 1.2 * scale}
    panel.annotate("", (middle[0] + 0.6, middle[1]), (middle[0] - 0.6, middle[1]), arrowprops=arrow)
    across, down = extent(scene)
    highest = (height - _height(scene)) / 2
    for line, text in enumerate(_sum(scene, number)):
        panel.text(
            0, highest + _height(scene) + LINE * (line + 0.75), text, ha="left", va="center",
            color=INK, fontsize=SMALLER * FONT * scale,
        )  # fmt: skip
    panel.set_xlim(-0.4, across - 0.4)
    panel.set_ylim(highest + down - 0.4, highest - 0.4)
    panel.set_aspect("equal")


def _draw_kernel(panel: Axes, scene: Sliding, size: float, scale: float) -> float:
    """Draw the kernel next to the image; return its right edge."""
    height, width = scene.padded.shape
    rows, columns = scene.kernel.shape
    left, top = width + TIMES, (height - rows) / 2
    panel.text(
        width + TIMES / 2, height / 2, "\u2217", ha="center", va="center", color=MUTED,
        fontsize=max(1.4 * FONT * scale, 72 * STAR * panel.figure.bbox.width / panel.figure.dpi),
    )  # fmt: skip
    taps = [(left + column, top + row) for row, column in np.ndindex(rows, columns)]
    _cells(panel, taps, PALE_ORANGE, edge=ORANGE)
    if scene.numbered:
        for row, column in np.ndindex(rows, columns):
            panel.text(
                left + column + 0.5, top + row + 0.5, _number(scene.kernel[row, column]),
                ha="center", va="center", color=INK, fontsize=size,
            )  # fmt: skip
    return float(left + columns)


def _cells(
    panel: Axes, corners: Sequence[Cell], colour: str, *,
    alpha: float = 1.0, dashed: bool = False, edge: str = FAINT, line: float = 0.7,
) -> None:  # fmt: skip
    """Draw all cells of one kind at once: one patch per cell takes minutes if there are many."""
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgba

    if not corners:
        return
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    panel.add_collection(
        PolyCollection(
            np.array(corners)[:, np.newaxis] + square,
            facecolors=[to_rgba(colour, None if colour == "none" else alpha)],
            edgecolors=[edge], linewidths=[line],
            linestyles=[(0, (2, 2)) if dashed else "solid"],
        )
    )  # fmt: skip


def _number(value: np.float32) -> str:
    """Return a number short enough to read in a cell; integers exactly."""
    if not np.isfinite(value):
        return str(value)
    if abs(value) < MOST_EXACT and value == int(value):
        return str(int(value))
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.6g}"


def growth(scene: Sliding) -> float:
    """Return how much larger cells must be than for short numbers, so that the longest fits."""
    if not scene.numbered:
        return 1.0
    planes = (scene.padded, scene.kernel, scene.output)
    longest = max(len(_number(value)) for plane in planes for value in plane.ravel())
    return max(1.0, longest / ROOM)


def most_columns(scene: Sliding, across: float, cell: float, smallest: float) -> int:
    """Return how many drawings of `across` cells fit side by side with readable numbers.

    `smallest` is the size of the type as a share of the picture's width, `cell` the inches of a
    cell for short numbers.
    """
    size = FONT / 72 / cell * min(SMALLER, 1 / growth(scene))
    return max(1, int(size / (across * smallest)))
