"""Draw loss, accuracy and metrics over the epochs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pycnn.plot.canvas import BLUE, ORANGE, PathLike, finish, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pycnn.training.history import History

# The most epochs written on the axis.
MOST_TICKS = 9


def learning_curve(
    history: History,
    path: PathLike | None = None,
    title: str = "",
    *,
    validation: str = "validation",
) -> Figure:
    """Draw loss, accuracy and metrics against the epoch, for training and validation.

    Parameters
    ----------
    history : History
        At least one epoch.
    path : path, optional
        Picture to write; its ending determines the format (png, svg, pdf).
    title : str
        Heading.
    validation : str
        Name of the data measured after each epoch, such as "test".

    Returns
    -------
    matplotlib.figure.Figure
        The picture.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is no epoch to draw, or the format is unknown.
    OSError
        If the file cannot be written.
    """
    if len(history) == 0:
        raise ValueError("the history is empty: there is nothing to draw")
    names = [name for name in history.fields if name not in history.records[0]._fields]
    fields = dict.fromkeys(["loss", "accuracy", *(name.removeprefix("val_") for name in names)])
    rows = math.ceil(len(fields) / 2)
    figure = new_figure(9, 3.6 * rows)
    for index, field in enumerate(fields, 1):
        panel = figure.add_subplot(rows, 2, index)
        scale, decimals = (100.0, 2) if field == "accuracy" else (1.0, 4)
        curves = ((field, "training", BLUE), (f"val_{field}", validation, ORANGE))
        for name, label, colour in curves:
            points = [(r.epoch, r.figures().get(name)) for r in history]
            points = [(epoch, scale * value) for epoch, value in points if value is not None]
            if points:
                epochs, values = zip(*points, strict=True)
                label = f"{label}: {values[-1]:.{decimals}f}"
                panel.plot(epochs, values, marker="o", color=colour, label=label)
                panel.legend()
        panel.set_xlabel("epoch")
        panel.set_ylabel("accuracy / %" if field == "accuracy" else field, parse_math=False)
        panel.set_xticks(_ticks(history.records[0].epoch, history.records[-1].epoch))
        panel.grid(alpha=0.3)
    figure.suptitle(title, parse_math=False)
    return finish(figure, path)


def _ticks(first: int, last: int) -> list[int]:
    """Return the epochs to write on the axis: the first, the last, and some in between."""
    return sorted({round(tick) for tick in np.linspace(first, last, MOST_TICKS)})
