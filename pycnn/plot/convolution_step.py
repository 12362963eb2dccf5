"""One step of a convolution: the image under the kernel, and the output up to there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pycnn.plot.canvas import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PALE_BLUE,
    PALE_GREEN,
)
from pycnn.plot.convolution_geometry import Sliding

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Cells between input and output.
GAP = 2.2


def extent(scene: Sliding) -> tuple[float, float]:
    """Width and height of the drawing of a step, in cells, with a margin."""
    height = max(scene.padded.shape[0], scene.output.shape[0])
    return scene.padded.shape[1] + GAP + scene.output.shape[1] + 0.8, height + 0.8


def draw_step(panel: Axes, scene: Sliding, number: int, scale: float = 1.0) -> None:
    """Draw the image under the kernel, and the output up to this step."""
    from matplotlib.patches import Rectangle

    panel.set_axis_off()
    height, width = scene.padded.shape
    size = 8.5 * scale * min(1.0, 3 / max(3, _letters(scene)))
    taps = {(row, column): (r, s) for row, column, r, s in scene.taps(number)}
    for row, column in np.ndindex(height, width):
        inside = bool(scene.given[row, column])
        under = (row, column) in taps
        _cell(panel, column, row, (BLUE if under else PALE_BLUE) if inside else "white",
              alpha=0.55 if under and inside else 1.0, dashed=not inside)  # fmt: skip
        if under and not inside:
            panel.add_patch(Rectangle((column, row), 1, 1, color=BLUE, alpha=0.15, linewidth=0))
        if scene.numbered:
            value = _number(scene.padded[row, column])
            colour = INK if inside else FAINT
            panel.text(
                column + 0.45, row + 0.45, value, ha="center", va="center", color=colour,
                fontsize=size,
            )  # fmt: skip
            if under:
                weight = _number(scene.kernel[taps[row, column]])
                panel.text(
                    column + 0.95, row + 0.94, weight, ha="right", va="bottom",
                    color="#9c3a0b", fontsize=0.6 * size, fontweight="bold",
                )  # fmt: skip
    for row, column in taps:
        _cell(panel, column, row, "none", edge=ORANGE, line=1.3 * scale)

    p, q = scene.output.shape
    left, top = width + GAP, (height - p) / 2
    now = scene.step(number)
    for row, column in np.ndindex(p, q):
        done = (row, column) <= now
        current = (row, column) == now
        colour = GREEN if current else PALE_GREEN if done else "white"
        _cell(panel, left + column, top + row, colour, alpha=0.6 if current else 1.0)
        if scene.numbered and done:
            panel.text(
                left + column + 0.5, top + row + 0.5, _number(scene.output[row, column]),
                ha="center", va="center", color=INK, fontsize=size,
            )  # fmt: skip
    middle = (width + GAP / 2, height / 2)
    arrow = {"arrowstyle": "-|>", "color": FAINT, "linewidth": 1.2 * scale}
    panel.annotate("", (middle[0] + 0.6, middle[1]), (middle[0] - 0.6, middle[1]), arrowprops=arrow)
    panel.set_xlim(-0.3, left + q + 0.3)
    panel.set_ylim(max(height, top + p) + 0.3, min(0.0, top) - 0.3)
    panel.set_aspect("equal")


def _cell(
    panel: Axes, column: float, row: float, colour: str, *,
    alpha: float = 1.0, dashed: bool = False, edge: str = FAINT, line: float = 0.7,
) -> None:  # fmt: skip
    from matplotlib.patches import Rectangle

    if colour != "none":
        panel.add_patch(Rectangle((column, row), 1, 1, color=colour, alpha=alpha, linewidth=0))
    panel.add_patch(
        Rectangle((column, row), 1, 1, fill=False, edgecolor=edge, linewidth=line,
                  linestyle=(0, (2, 2)) if dashed else "solid")
    )  # fmt: skip


def _number(value: np.float32) -> str:
    """Write a number as short as it can be read in a cell."""
    return f"{value:.3g}" if np.isfinite(value) else str(value)


def _letters(scene: Sliding) -> int:
    """Letters of the longest number."""
    planes = (scene.padded, scene.kernel, scene.output)
    return max(len(_number(value)) for plane in planes for value in plane.ravel())
