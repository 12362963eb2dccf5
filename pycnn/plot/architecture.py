"""Draw a network as stacks of planes, like the figure of LeNet-5 in the paper of 1998."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pycnn.layers.module import Module
from pycnn.layers.parameter import Shape
from pycnn.plot.canvas import (
    BLUE,
    INK,
    MUTED,
    PALE_BLUE,
    PathLike,
    by,
    finish,
    new_figure,
)
from pycnn.plot.network_lines import BEND, Entry, Place, arrow, connect, is_vector, turn, way_around
from pycnn.plot.network_structure import Row, Split, Stage, structure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# All lengths are in inches. Sides grow with the square root of the size: both 227 and 6 must be
# visible.
LARGEST, SMALLEST, THIN = 1.25, 0.13, 0.13
MOST_PLANES, OFFSET = 10, 0.055
GAP, BRANCH_GAP, MARGIN = 0.75, 0.2, 0.2
# Text above and below a stage: its size; a line for each layer that makes it.
ABOVE, LINE = 0.27, 0.16
FONT, LETTER = 9.0, 0.074
# Longer rows are broken into lines that fit a page or a screen; distance between the lines.
WIDEST, BETWEEN = 12.5, 0.3


def architecture(
    model: Module, input_shape: Shape, path: PathLike | None = None, *, title: str = ""
) -> Figure:
    """Draw a network as stacks of planes with their sizes, joined by its layers.

    Feature maps (C, H, W) are drawn as C planes (at most ten), vectors as bars; sides grow with
    the square root of the size. The text below each gives the name of the layer that makes it, its
    kind and its window (the orange square), and the following layers that keep the size.

    Parameters
    ----------
    model : Module
        Any model, also with `Parallel` and `Residual` in it. One forward pass of zeros is run.
    input_shape : tuple of int
        Shape of one sample, without the batch axis: (C, H, W), or (words,) for text.
    path : path, optional
        Picture to write; its ending determines the format.
    title : str
        Heading; by default the network and the sizes of its input and output.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If a sample of this shape does not fit the model.
    OSError
        If the file cannot be written.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition,
    1998, figure 2.
    """
    row = structure(model, input_shape)
    drawing = _Drawing(row)
    lines = drawing.broken(row)
    sizes = [drawing.measure(line) for line in lines]
    head, title = 0.35, title or _describe(model, row)
    height = sum(above + below for _, above, below in sizes) + BETWEEN * (len(lines) - 1)
    widths = [size[0] + _indent(line) for size, line in zip(sizes, lines, strict=True)]
    size = max(widths) + 3 * MARGIN, height + 2 * MARGIN + head
    figure = new_figure(*size, arranged=False)
    panel = figure.add_axes((0, 0, 1, 1))
    panel.set_axis_off()
    panel.set_xlim(0, size[0])
    panel.set_ylim(0, size[1])
    panel.text(
        size[0] / 2, size[1] - 0.25, title, ha="center", va="center", fontsize=12, parse_math=False
    )
    top, before = size[1] - MARGIN - head, None
    for line, (_, above, below) in zip(lines, sizes, strict=True):
        before = drawing.draw_line(panel, line, top - above, before, (top + BETWEEN / 2, size[0]))
        top -= above + below + BETWEEN
    return finish(figure, path)


def _describe(model: Module, row: Row) -> str:
    """Return the name of a network, and the sizes at its ends."""
    name = type(model).__name__ if model.spec is None else model.spec.name
    first, *_, last = [stage.shape for stage in _stages(row)] * 2
    return f"{name}: {size_text(first)} \u2192 {size_text(last)}"


def _stages(row: Row) -> Iterator[Stage]:
    for item in row:
        if isinstance(item, Stage):
            yield item
        else:
            for branch in item.branches:
                yield from _stages(branch)
            yield item.joined


class _Drawing:
    """Sizes of the stages of one network, and the drawing of its rows."""

    def __init__(self, row: Row) -> None:
        stages = list(_stages(row))
        self._largest = max([1, *(n for s in stages for n in s.shape[-2:] if len(s.shape) > 1)])
        self._longest = max([2, *(math.prod(s.shape) for s in stages if is_vector(s.shape))])

    # Sizes: each is (width, height above the middle line, height below it) --------------------

    def _plane(self, stage: Stage) -> tuple[float, float, int]:
        """Return the width and height of a plane, and how many are drawn."""
        shape = stage.shape
        if is_vector(shape):
            numbers = math.prod(shape)
            return THIN, 0.3 + 1.15 * math.log(max(numbers, 1)) / math.log(self._longest or 2), 1
        height, width = (max(SMALLEST, LARGEST * math.sqrt(n / self._largest)) for n in shape[-2:])
        planes = math.prod(shape[:-2])
        return width, height, min(planes, MOST_PLANES, 2 + round(math.log2(planes)))

    def _stage(self, stage: Stage) -> tuple[float, float, float]:
        width, height, planes = self._plane(stage)
        depth = (planes - 1) * OFFSET
        half = (height + depth) / 2
        # A long name may reach into the gaps, but not to the name next to it.
        name = LETTER * max(map(len, [size_text(stage.shape), *_lines(stage)])) - GAP + 0.1
        return max(width + depth, name), half + ABOVE, half + LINE * len(_lines(stage)) + 0.08

    def measure(self, row: Row) -> tuple[float, float, float]:
        """Return the width of a row, and its heights above and below the middle line."""
        sizes = [self._item(item) for item in row]
        width = sum(size[0] for size in sizes) + GAP * max(0, len(row) - 1)
        return width, max([0.1, *(s[1] for s in sizes)]), max([0.1, *(s[2] for s in sizes)])

    def _item(self, item: Stage | Split) -> tuple[float, float, float]:
        if isinstance(item, Stage):
            return self._stage(item)
        inner = [self.measure(branch) for branch in item.branches]
        joined = self._stage(item.joined)
        height = sum(above + below for _, above, below in inner) + BRANCH_GAP * (len(inner) - 1)
        width = max(size[0] for size in inner) + GAP + joined[0]
        return width, max(height / 2, joined[1]), max(height / 2, joined[2])

    def broken(self, row: Row) -> list[Row]:
        """Break a row into lines that are not too wide."""
        lines: list[Row] = [[]]
        for item in row:
            if lines[-1] and self.measure([*lines[-1], item])[0] > WIDEST:
                lines.append([])
            lines[-1].append(item)
        return lines

    # Drawing ----------------------------------------------------------------------------------

    def draw_line(
        self, panel: Axes, row: Row, y: float, before: Place | None, bend: tuple[float, float]
    ) -> Place | None:
        """Draw one of several lines, joined to the end of the one before; `bend` is (y, width)."""
        start = 1.5 * MARGIN + _indent(row)
        if before is None:
            return self.draw_row(panel, row, start, y, None)
        entry = Entry(MARGIN / 2, y)
        last = self.draw_row(panel, row, start, y, entry)
        turn(panel, before, entry, bend[0], bend[1] - MARGIN / 2)
        return last

    def draw_row(
        self, panel: Axes, row: Row, x: float, y: float, before: Place | Entry | None
    ) -> Place | None:
        """Draw a row from `x` on, its middle line at `y`; return where its last stage is."""
        here: Place | None = None
        for item in row:
            if isinstance(item, Stage):
                here = self._draw_stage(panel, item, x, y)
            else:
                here = self._draw_split(panel, item, x, y, before)
                before = None  # it is connected already
            if before is not None:
                connect(panel, before, here)
            before = here
            x += self._item(item)[0] + GAP
        return here

    def _draw_split(
        self, panel: Axes, split: Split, x: float, y: float, before: Place | Entry | None
    ) -> Place:
        sizes = [self.measure(branch) for branch in split.branches]
        height = sum(above + below for _, above, below in sizes) + BRANCH_GAP * (len(sizes) - 1)
        top = y + height / 2
        end = x + max(size[0] for size in sizes) + GAP
        joined = self._draw_stage(panel, split.joined, end, y)
        for branch, (_, above, below) in zip(split.branches, sizes, strict=True):
            line = top - above
            if branch:
                last = self.draw_row(panel, branch, x, line, before)
                if last is not None:
                    arrow(panel, (last.right, line), joined)
            elif before is not None:
                way_around(panel, before, joined, line)
            top = line - below - BRANCH_GAP
        return joined

    def _draw_stage(self, panel: Axes, stage: Stage, x: float, y: float) -> Place:
        from matplotlib.patches import Rectangle

        width, height, planes = self._plane(stage)
        depth = (planes - 1) * OFFSET
        x += (self._stage(stage)[0] - width - depth) / 2
        bottom = y - (height + depth) / 2
        vector = is_vector(stage.shape)
        for number in reversed(range(planes)):
            corner = (x + number * OFFSET, bottom + number * OFFSET)
            panel.add_patch(
                Rectangle(
                    corner, width, height, facecolor="#eef2f5" if vector else PALE_BLUE,
                    edgecolor=INK if vector else BLUE, linewidth=0.6, zorder=2,
                )
            )  # fmt: skip
        middle = x + (width + depth) / 2
        panel.text(
            middle, bottom + height + depth + 0.06, size_text(stage.shape), ha="center",
            va="bottom", fontsize=FONT + 0.5, fontweight="bold", color=INK, zorder=4,
        )  # fmt: skip
        for number, text in enumerate(_lines(stage)):
            panel.text(
                middle, bottom - 0.06 - number * LINE, text, ha="center", va="top", fontsize=FONT,
                color=MUTED if number == 0 and stage.path else INK, parse_math=False, zorder=4,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
            )  # fmt: skip
        return Place(stage, x, bottom, width, height, depth)


def _indent(row: Row) -> float:
    """Return the width of the lines to the branches, for a row that begins with a split."""
    return BEND if isinstance(row[0], Split) else 0.0


def _lines(stage: Stage) -> list[str]:
    """Return the text below a stage: the place of its layer in the model, and the layers."""
    return [stage.path, *stage.labels] if stage.path else stage.labels


def size_text(shape: Shape) -> str:
    """Write a size as the paper does: 6@28x28, 120."""
    return by(*shape) if len(shape) < 3 else f"{by(*shape[:-2])}@{by(*shape[-2:])}"
