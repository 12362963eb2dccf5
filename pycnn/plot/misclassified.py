"""Draw the images that a network gets wrong, and how sure it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pycnn._arguments import integer
from pycnn._pixels import displayable
from pycnn.data import Dataset
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array
from pycnn.plot.canvas import (
    BLUE,
    FAINT,
    INK,
    MUTED,
    ORANGE,
    PathLike,
    bare,
    class_names,
    finish,
    grid_shape,
    new_figure,
    show_image,
)
from pycnn.training.answers import answers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS, BARS = 6, 3
# The key must fit below two images.
KEY = "bars are probabilities:\nblue of the true class, orange of others"
# Longer class names are cut off.
MOST_LETTERS = 14


def surest_errors(y: Array, probabilities: Array) -> npt.NDArray[np.int64]:
    """Return the positions of the samples whose most probable class is wrong, the surest first.

    Samples with NaN probabilities, which name no class, come last.

    Parameters
    ----------
    y : (N,) int64 array
        True classes.
    probabilities : (N, C) array
        Probabilities of the classes.

    Raises
    ------
    ValueError
        If the lengths differ, or a class is out of range.
    """
    if probabilities.ndim != 2 or len(probabilities) != len(y):
        raise ValueError(
            f"probabilities must be ({len(y)}, C), one row a sample, got {probabilities.shape}"
        )
    count = probabilities.shape[1]
    if len(y) and not (y.min() >= 0 and y.max() < count):
        raise ValueError(f"classes must lie in 0..{count - 1}, got {y.min()}..{y.max()}")
    wrong = np.flatnonzero(answers(probabilities) != y)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")]


def misclassified(
    data: Dataset,
    probabilities: Array,
    path: PathLike | None = None,
    *,
    limit: int = 24,
    title: str = "",
) -> Figure:
    """Draw images whose most probable class is wrong, the surest mistakes first.

    Above each image is its true class; below are the three most probable classes, or the two most
    probable and the true one.

    Parameters
    ----------
    data : Dataset
        Images and their classes.
    probabilities : (N, C) array
        Such as ``pycnn.predict_proba(model, data)``.
    path : path, optional
        Picture to write; its ending determines the format.
    limit : int
        The most images to draw.
    title : str
        Heading; the number of mistakes by default.

    Returns
    -------
    matplotlib.figure.Figure
        The picture; it says so if there are no mistakes.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError, ValueError
        If `limit` is not a positive int, the lengths differ or the samples are not images.
    OSError
        If the file cannot be written.
    """
    integer("misclassified", "limit", limit, 1)
    if isinstance(data, Module):
        raise TypeError(
            "[misclassified] takes data and probabilities, not a model: misclassified(data, "
            "pycnn.predict_proba(model, data))"
        )
    wrong = surest_errors(data.y, probabilities)
    shown = wrong[:limit]
    images = data.gather(shown) if len(shown) else np.zeros((0, 1, 1, 1), np.float32)
    if images.ndim != 4:
        raise ValueError(f"misclassified draws images (N, C, H, W), got shape {images.shape}")
    names = class_names(data.classes, probabilities.shape[1])
    rows, columns = grid_shape(len(shown), COLUMNS)
    figure = new_figure(max(4.0, 1.45 * columns), 1.0 + (0.25 + 1.75 * rows) * bool(len(shown)))
    text = f"{len(wrong):,} of {len(data):,} wrong"
    if len(shown) < len(wrong):
        text += f"; the {len(shown)} surest mistakes"
    figure.suptitle(title or text, fontsize=10, parse_math=False)
    if len(shown) == 0:
        return finish(figure, path)
    figure.supxlabel(KEY, fontsize=9, color=MUTED)
    panels = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=[3, 1.3] * rows)
    for panel in panels.ravel():
        panel.set_axis_off()
    for place, (index, image) in enumerate(zip(shown, images, strict=True)):
        row, column = divmod(place, columns)
        picture, bars = panels[2 * row, column], panels[2 * row + 1, column]
        picture.set_axis_on()
        show_image(picture, displayable(image))
        truth = int(data.y[index])
        picture.set_title(f"true: {_short(names[truth])}", fontsize=8, pad=3, parse_math=False)
        _draw_bars(bars, probabilities[index], truth, names)
    return finish(figure, path)


def _draw_bars(panel: Axes, probabilities: Array, truth: int, names: list[str]) -> None:
    panel.set_axis_on()
    if np.isnan(probabilities).any():
        panel.text(0.02, 0.5, "no answer: NaN", transform=panel.transAxes, va="center", fontsize=8)
        bare(panel)
        return
    best = [int(i) for i in np.argsort(-probabilities, kind="stable")[:BARS]]
    if truth not in best:
        best[-1] = truth
    for place, index in enumerate(best):
        share = float(probabilities[index])
        panel.barh(place, share, color=BLUE if index == truth else ORANGE, alpha=0.45, height=0.85)
        panel.text(
            0.02, place, _short(names[index]), va="center", fontsize=8, color=INK, parse_math=False
        )
        panel.text(0.99, place, f"{share:.1%}", va="center", ha="right", fontsize=8, color=INK)
    panel.set_xlim(0, 1)
    panel.set_ylim(len(best) - 0.4, -0.6)
    bare(panel)
    panel.axvline(0, color=FAINT, linewidth=0.8)


def _short(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else name[: MOST_LETTERS - 1] + "…"
