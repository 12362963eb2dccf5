"""What the filters of a text network look for: the n-grams that fire them most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pycnn.plot.canvas import INK, PALE_BLUE, PathLike, bare, finish, grid_shape, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
# Inches of a panel, and letters that fit it at 8 points.
WIDTH, LINE = 3.3, 0.19
MOST_LETTERS = 40
# Share of a panel that the largest activation fills; its number stands behind it.
LONGEST = 0.88


def ngrams(
    top: Mapping[str, Sequence[tuple[str, float]]],
    path: PathLike | None = None,
    *,
    limit: int = 24,
    title: str = "",
) -> Figure:
    """Draw, for each filter, the n-grams that fire it most; the bars are the activations.

    Parameters
    ----------
    top : mapping of str to sequences of (str, float)
        The n-grams of each filter with their activations, the largest first, as
        `pycnn.text.top_ngrams` gives them.
    path : path, optional
        Picture to write; its ending gives the format.
    limit : int
        Filters to draw at most, the first ones.
    title : str
        Heading.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is no filter to draw.
    OSError
        If the file cannot be written.
    """
    shown = list(top.items())[:limit]
    if not shown:
        raise ValueError("there are no filters with n-grams: there is nothing to draw")
    rows, columns = grid_shape(len(shown), COLUMNS)
    lines = max(1, *(len(grams) for _, grams in shown))
    height = rows * (lines * LINE + 0.4) + 0.4 * bool(title)
    figure = new_figure(WIDTH * columns, height)
    largest = max((value for _, grams in shown for _, value in grams), default=0.0)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels:
        panel.set_axis_off()
    for panel, (name, grams) in zip(panels, shown, strict=False):
        _draw_filter(panel, name, grams, lines, largest if largest > 0 else 1.0)
    figure.suptitle(title, fontsize=11, parse_math=False)
    return finish(figure, path)


def _draw_filter(
    panel: Axes, name: str, grams: Sequence[tuple[str, float]], lines: int, largest: float
) -> None:
    panel.set_axis_on()
    for place, (gram, value) in enumerate(grams):
        text = gram if len(gram) <= MOST_LETTERS else gram[: MOST_LETTERS - 1] + "…"
        panel.barh(place, LONGEST * max(value, 0.0) / largest, color=PALE_BLUE, height=0.84)
        panel.text(0.015, place, text, va="center", fontsize=8, color=INK, parse_math=False)
        panel.text(0.99, place, f"{value:.2f}", va="center", ha="right", fontsize=7, color=INK)
    panel.set_xlim(0, 1)
    panel.set_ylim(lines - 0.4, -0.6)
    panel.set_title(name, fontsize=8, loc="left", pad=3, fontweight="bold", parse_math=False)
    bare(panel)
