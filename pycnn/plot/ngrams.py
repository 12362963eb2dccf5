"""Draw what the filters of a text network look for: the n-grams that fire them most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pycnn._arguments import integer
from pycnn.plot.canvas import (
    BLUE,
    INK,
    MUTED,
    PALE_BLUE,
    PathLike,
    bare,
    finish,
    grid_shape,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
# Inches of a panel, of its lines and its name, and of the heading and the note below.
WIDTH, LINE, NAME, HEAD, NOTE = 4.2, 0.19, 0.4, 0.4, 0.3
# Letters that fit next to the bars at 8 points.
MOST_LETTERS = 40
# Where the bars begin, and where the largest ends, as shares of a panel; numbers follow the bars.
FIRST, LAST = 0.66, 0.9
HEADING = "What fires the filters: the n-grams with the largest activations"
EXPLANATION = (
    "Numbers and bars are the activations of the filter by the n-gram; "
    "a full bar is {largest:.2f}, in every panel."
)


def ngrams(
    top: Mapping[str, Sequence[tuple[str, float]]],
    path: PathLike | None = None,
    *,
    limit: int = 24,
    title: str = "",
) -> Figure:
    """Draw, for each filter, the n-grams that fire it most; the bars are the activations.

    All bars share one scale, which ends at the largest activation in the picture.

    Parameters
    ----------
    top : mapping of str to sequences of (str, float)
        The n-grams of each filter with their activations, the largest first, as
        `pycnn.text.top_ngrams` returns them.
    path : path, optional
        Picture to write; its ending determines the format.
    limit : int
        Draw at most this many filters, the first ones.
    title : str
        Heading; what the picture shows by default.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError, ValueError
        If `limit` is not a positive int or there is no filter to draw.
    OSError
        If the file cannot be written.
    """
    integer("ngrams", "limit", limit, 1)
    shown = list(top.items())[:limit]
    if not shown:
        raise ValueError("there are no filters with n-grams: there is nothing to draw")
    rows, columns = grid_shape(len(shown), COLUMNS)
    lines = max(1, *(len(grams) for _, grams in shown))
    figure = new_figure(WIDTH * columns, rows * (lines * LINE + NAME) + HEAD + NOTE)
    largest = max((value for _, grams in shown for _, value in grams), default=0.0)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, (name, grams) in zip(panels, shown, strict=False):
        _draw_filter(panel, name, grams, lines, largest if largest > 0 else 1.0)
    figure.suptitle(title or HEADING, fontsize=11, parse_math=False)
    figure.supxlabel(EXPLANATION.format(largest=largest), fontsize=9, color=MUTED)
    return finish(figure, path)


def _draw_filter(
    panel: Axes, name: str, grams: Sequence[tuple[str, float]], lines: int, largest: float
) -> None:
    from matplotlib.patches import Rectangle

    panel.set_axis_on()
    for place, (gram, value) in enumerate(grams):
        text = gram if len(gram) <= MOST_LETTERS else gram[: MOST_LETTERS - 1] + "…"
        words = panel.text(
            0.015, place, text, va="center", fontsize=8, color=INK, parse_math=False, clip_on=True
        )
        words.set_clip_path(Rectangle((0, 0), FIRST - 0.01, 1, transform=panel.transAxes))
        length = max(value, 0.0) / largest
        for share, colour in ((1.0, PALE_BLUE), (length, BLUE)):
            panel.barh(place, share * (LAST - FIRST), left=FIRST, color=colour, height=0.6)
        panel.text(0.99, place, f"{value:.2f}", va="center", ha="right", fontsize=8, color=INK)
    panel.set_xlim(0, 1)
    panel.set_ylim(lines - 0.4, -0.6)
    panel.set_title(name, fontsize=8, loc="left", pad=3, fontweight="bold", parse_math=False)
    bare(panel)
