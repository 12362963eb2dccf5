"""Draw the losses of a search for a learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycnn.plot.canvas import BLUE, ORANGE, PathLike, finish, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pycnn.training.rate_search import RateSearch


def learning_rates(search: RateSearch, path: PathLike | None = None, title: str = "") -> Figure:
    """Draw the losses of `pycnn.training.lr_find` over the logarithm of the learning rate.

    Parameters
    ----------
    search : RateSearch
        At least one step.
    path : path, optional
        Picture to write; its ending determines the format (png, svg, pdf).
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
        If there is no step to draw, or the format is unknown.
    OSError
        If the file cannot be written.
    """
    if not search.rates:
        raise ValueError("the search has no steps: there is nothing to draw")
    figure = new_figure(6, 3.6)
    panel = figure.add_subplot()
    panel.plot(search.rates, search.losses, color=BLUE, alpha=0.3, label="each batch")
    panel.plot(search.rates, search.smoothed, color=BLUE, label="running mean")
    if search.suggestion is not None:
        label = f"steepest fall: {search.suggestion:.2g}"
        panel.axvline(search.suggestion, color=ORANGE, label=label)
    panel.set_xscale("log")
    panel.set_xlabel("learning rate")
    panel.set_ylabel("loss")
    panel.grid(alpha=0.3)
    panel.legend()
    figure.suptitle(title, parse_math=False)
    return finish(figure, path)
