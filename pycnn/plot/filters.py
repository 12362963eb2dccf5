"""Draw the filters of a convolution, or what S-cells have learned, as small images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pycnn._arguments import integer
from pycnn._pixels import Pixels, stretch
from pycnn.layers.conv import Conv2d
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array
from pycnn.layers.s_layer import SLayer
from pycnn.plot.canvas import (
    PathLike,
    bare,
    by,
    finish,
    grid_shape,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MODES = ("auto", "rgb", "grey", "channels")
# The most that fits a page: filters; filters and channels if each channel has a picture; columns.
MOST_FILTERS, MOST_COLUMNS, MOST_CHANNELS, COLUMNS = 256, 20, 16, 16
# Inches of a square filter, and of one when a row has few.
CELL, LARGE, FEW = 0.6, 1.0, 8


def first_convolution(model: Module) -> Conv2d | SLayer:
    """Return the first convolution, or S-layer, of a model.

    Raises
    ------
    ValueError
        If the model has none.
    """
    for module in model.modules():
        if isinstance(module, Conv2d | SLayer):
            return module
    raise ValueError(f"{type(model).__name__} has no Conv2d layer: there are no filters to draw")


def filters(
    model: Module,
    path: PathLike | None = None,
    *,
    mode: str = "auto",
    limit: int = MOST_FILTERS,
    title: str = "",
) -> Figure:
    """Draw the filters of the first convolution of a model of images, or of one layer.

    Parameters
    ----------
    model : Module
        A model with a `Conv2d` or an `SLayer`, or such a layer itself.
    path : path, optional
        Picture to write; its ending determines the format.
    mode : str
        ``"rgb"``: one coloured picture for each filter of three channels, its smallest weight black
        and its largest white. ``"grey"``: the mean over the channels, on one scale for all filters
        with 0 in the middle. ``"channels"``: a column for each filter, a picture for each channel.
        ``"auto"``: the first of these that shows every weight.
    limit : int
        The most filters to draw.
    title : str
        Heading; the layer by default.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError, ValueError
        If `limit` is not a positive int, there is no convolution, ``"rgb"`` is asked of filters
        without three channels, or the model takes words: its filters span whole word vectors and
        are not pictures (see `ngrams`).
    OSError
        If the file cannot be written.
    """
    integer("filters", "limit", limit, 1)
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, got {mode!r}")
    if np.issubdtype(model.input_dtype, np.integer):
        raise ValueError(
            "the filters of a text network span whole word vectors and are no pictures: "
            "draw what fires them, with 'pycnn plot ngrams' or pycnn.plot.ngrams"
        )
    layer = first_convolution(model)
    weights = layer.filters()
    channels = weights.shape[1]
    if mode == "auto":
        mode = {1: "grey", 3: "rgb"}.get(channels, "channels")
    if mode == "rgb" and channels != 3:
        raise ValueError(f"only filters of 3 channels can be coloured, these have {channels}")
    shown = weights[:limit]
    if mode == "rgb":
        figure = _grid([stretch(f.transpose(1, 2, 0)) for f in shown], COLUMNS, None)
    elif mode == "grey":
        means = shown.mean(axis=1)
        largest = _largest(means)
        figure = _grid(list(_around_zero(means, largest)), COLUMNS, largest)
    else:
        part = shown[:MOST_COLUMNS, :MOST_CHANNELS]
        largest = _largest(part)
        channels_first = _around_zero(part, largest).swapaxes(0, 1)
        shown = shown[:MOST_COLUMNS]
        figure = _grid([plane for each in channels_first for plane in each], len(shown), largest)
    figure.suptitle(title or _describe(layer, mode, len(shown)), fontsize=10, parse_math=False)
    return finish(figure, path)


def _largest(weights: Array) -> float:
    """Return the largest magnitude of a finite weight."""
    finite = np.abs(weights[np.isfinite(weights)])
    return float(finite.max()) if finite.size else 1.0


def _around_zero(weights: Array, largest: float) -> Pixels:
    """Scale weights so that 0 is mid-grey, and the largest of either sign black or white."""
    return stretch(weights, -largest, largest)


def _grid(pictures: list[Pixels], columns: int, largest: float | None) -> Figure:
    """Draw pictures in rows; white stands for the number `largest`, black for its negative."""
    rows, columns = grid_shape(len(pictures), columns)
    height, width = pictures[0].shape[:2]
    # Inches of a square filter; long ones keep their shape as far as they stay visible.
    side = CELL if columns > FEW else LARGE
    ratios = width / height, height / width
    wide, high = (side * min(4.0, max(1.0, ratio)) for ratio in ratios)
    figure = new_figure(max(5.0, wide * columns + 1.0), max(1.2, high * rows) + 0.9)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel in panels:
        bare(panel)
    for panel, pixels in zip(panels, pictures, strict=False):
        panel.imshow(
            pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest",
            aspect="equal" if max(width, height) <= 4 * min(width, height) else "auto",
        )  # fmt: skip
        bare(panel, frame=True)
    if largest is not None:
        _draw_scale(figure, list(panels), largest or 1.0)
    return figure


def _draw_scale(figure: Figure, panels: list[Axes], largest: float) -> None:
    """Draw the scale of greys next to the filters."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    greys = ScalarMappable(Normalize(-largest, largest), "gray")
    scale = figure.colorbar(greys, ax=panels, fraction=0.05, pad=0.03)
    scale.set_ticks([-largest, 0, largest], labels=[f"{-largest:.2g}", "0", f"{largest:.2g}"])
    scale.ax.tick_params(labelsize=9)


def _describe(layer: Conv2d | SLayer, mode: str, shown: int) -> str:
    k, c, r, s = layer.filters().shape
    parts = [f"{shown} of {k}" if shown < k else f"{k}", f"filters {by(r, s)} of {c}"]
    lines = [" ".join(parts) + (" channels" if c > 1 else " channel")]
    if mode == "channels":
        rows = f"{MOST_CHANNELS} of {c} channels" if c > MOST_CHANNELS else "channels"
        lines.append(f"columns are filters, rows {rows}")
    if mode != "rgb":
        lines.append("black is negative, grey 0, white positive")
    return "\n".join(lines)
