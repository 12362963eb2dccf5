"""Draw the lines between the stages of a network, from where the stages were drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pycnn.layers.parameter import Shape
from pycnn.plot.canvas import FAINT, ORANGE
from pycnn.plot.network_structure import Stage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Inches from a stage to the bend of a line that goes around others.
BEND = 0.22


@dataclass
class Place:
    """Where a stage was drawn: its front plane, and the planes behind it to the upper right."""

    stage: Stage
    x: float
    y: float
    width: float
    height: float
    depth: float  # how far the planes behind stand out, in x and in y

    @property
    def right(self) -> float:
        """Right edge of the last plane."""
        return self.x + self.width + self.depth

    @property
    def top(self) -> float:
        """Upper edge of the last plane."""
        return self.y + self.height + self.depth

    @property
    def middle(self) -> float:
        """The middle of the whole stack's height."""
        return (self.y + self.top) / 2

    @property
    def flat(self) -> bool:
        """Whether the stage is a vector."""
        return is_vector(self.stage.shape)


def is_vector(shape: Shape) -> bool:
    """Return whether a shape has no height and width to draw."""
    return len(shape) < 2 or shape[-2:] == (1, 1)


@dataclass
class Entry:
    """The point where a line of stages, or all branches of a split, are entered from the left."""

    right: float
    middle: float


def connect(panel: Axes, a: Place | Entry, b: Place) -> None:
    """Join two stages: a window that looks at one point, or the ends of two bars."""
    from matplotlib.patches import Rectangle

    if isinstance(a, Entry):
        panel.plot([a.right] * 2, [a.middle, b.middle], color=FAINT, linewidth=0.8, zorder=1)
        arrow(panel, (a.right, b.middle), b)
        return
    style: dict[str, Any] = {"color": ORANGE, "linewidth": 0.6, "zorder": 3}
    window = b.stage.window
    if window is None or a.flat:
        style["color"] = FAINT
        # Level, so that they do not cross names above or below a stage.
        for y in (max(a.y, b.y), min(a.top, b.top)):
            panel.plot([a.right, b.x + b.depth], [y, y], **style)
        return
    rows, columns = a.stage.shape[-2:]
    height = a.height * min(1.0, window[0] / rows)
    width = a.width * min(1.0, window[1] / columns)
    # In the upper half, away from the edge if there is room, as in the paper.
    x, y = a.x + 0.72 * (a.width - width), a.y + 0.8 * (a.height - height)
    panel.add_patch(
        Rectangle((x, y), width, height, fill=False, edgecolor=ORANGE, linewidth=0.9, zorder=3)
    )
    point = (b.x + 0.3 * b.width, b.y + 0.72 * b.height)
    for corner in (y, y + height):
        panel.plot([x + width, point[0]], [corner, point[1]], **style)
    panel.plot(*point, marker="s", markersize=2, color=ORANGE, zorder=3)


def turn(panel: Axes, a: Place, entry: Entry, y: float, right: float) -> None:
    """Draw a line from the end of a line of stages to the next one, at height `y` in between."""
    style: dict[str, Any] = {"color": FAINT, "linewidth": 0.8, "zorder": 1}
    x = [a.right, right, right, entry.right, entry.right]
    panel.plot(x, [a.middle, a.middle, y, y, entry.middle], **style)


def arrow(panel: Axes, start: tuple[float, float], target: Place) -> None:
    """Draw an arrow to the middle of a stage."""
    style = {"arrowstyle": "-|>", "color": FAINT, "linewidth": 0.8, "shrinkA": 2, "shrinkB": 2}
    panel.annotate("", (target.x, target.middle), start, arrowprops=style, zorder=1)


def way_around(panel: Axes, a: Place | Entry, b: Place, y: float) -> None:
    """Draw the line of a branch without layers, at height `y`."""
    bend, back = a.right + BEND * isinstance(a, Place), b.x - 1.5 * BEND
    panel.plot([a.right, bend, back], [a.middle, y, y], color=FAINT, linewidth=0.8, zorder=1)
    arrow(panel, (back, y), b)
