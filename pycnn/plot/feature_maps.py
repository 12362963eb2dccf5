"""Draw what every layer makes of one image: edges first, then textures, then shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pycnn import ops
from pycnn._arguments import integer
from pycnn._pixels import displayable, stretch
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array
from pycnn.layers.turns import between_steps
from pycnn.plot.canvas import (
    INK,
    MUTED,
    PathLike,
    bare,
    by,
    class_names,
    finish,
    new_figure,
    show_image,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

# Inches: height of a row of maps and of a row of numbers, and width of the names on the left.
MAP, STRIP, NAMES = 0.62, 0.36, 2.6
EXPLANATION = "each row has its own scale, from black to white; below are the probabilities"


class Layer(NamedTuple):
    """One row of the picture: a layer and its output for one sample, without the batch axis."""

    name: str
    output: Array


def layer_outputs(model: Module, sample: Array) -> list[Layer]:
    """Run one sample through a model and return the output of every layer.

    Parameters
    ----------
    model : Module
        The model; it runs in evaluation mode.
    sample : array
        One input without the batch axis, such as (C, H, W).

    Returns
    -------
    list of Layer
        Name (``"3 Conv2d"``) and output of each layer, without layers that only reshape or pass
        on their input (Flatten, Dropout).
    """
    layers: list[Layer] = []
    last = np.ascontiguousarray(sample)[np.newaxis]
    with between_steps(model):
        for path, layer, y in model.trace(last):
            if y.size != last.size or not np.array_equal(y.ravel(), last.ravel(), equal_nan=True):
                layers.append(Layer(f"{path} {type(layer).__name__}".strip(), y[0].copy()))
            last = y
    return layers


def feature_maps(
    model: Module,
    image: Array,
    path: PathLike | None = None,
    *,
    maps: int = 16,
    classes: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Draw the feature maps of every layer for one image, one row per layer.

    The first layers respond to edges, the next to textures, the last to whole shapes. Each layer
    has one scale: black is its smallest number (0 after ReLU), white its largest. Where the
    smallest output wins, as for the distances of `RBF`, the last row is inverted and says so: the
    winner is white in every network.

    Parameters
    ----------
    model : Module
        A model of images.
    image : (C, H, W) float32 array
        One input, as the model expects it.
    path : path, optional
        Picture to write; its ending determines the format.
    maps : int
        The most maps to draw per layer; if there are more, those with the largest values.
    classes : sequence of str
        Names of the outputs of the last layer.
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
        If `image` is not (C, H, W) or does not fit the model.
    OSError
        If the file cannot be written.
    """
    if image.ndim != 3:
        raise ValueError(f"feature_maps needs one image (C, H, W), got shape {image.shape}")
    integer("feature_maps", "maps", maps, 1)
    rows = [Layer("input", image), *layer_outputs(model, image)]
    maps = min(maps, max(len(row.output) for row in rows if _is_maps(row.output) or row is rows[0]))
    heights = [MAP if _is_maps(row.output) else STRIP for row in rows]
    # A row for the title, one for each layer, and one for the names of the classes.
    heights = [0.65, *heights, 0.42]
    figure = new_figure(NAMES + maps * MAP, sum(heights), arranged=False)
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    scores = model.scores(rows[-1].output[np.newaxis])[0]
    shares = ops.softmax(scores[np.newaxis])[0] if scores.ndim == 1 else None
    parts[0].text(
        0.5, 0.7, title or _heading(shares, classes), ha="center", va="center", fontsize=12,
        parse_math=False,
    )  # fmt: skip
    parts[0].text(0.5, 0.25, EXPLANATION, ha="center", va="center", fontsize=10, color=MUTED)
    for part, row in zip(parts[1:-1], rows, strict=True):
        left = 0.08 / figure.get_figwidth()
        part.text(left, 0.5, row.name, va="bottom", fontsize=10, color=INK, parse_math=False)
        size, shown = f"{by(*row.output.shape)}   {_range(row.output)}", row.output
        names: Sequence[str] = ()
        if row is rows[-1]:
            shown, names = scores, _with_shares(len(scores), shares, classes)
            if not model.outputs_are_scores:
                size = f"{by(*row.output.shape)}: the smallest wins (white)"
        part.text(left, 0.46, size, va="top", fontsize=9, color=MUTED)
        if _is_maps(shown):
            _draw_maps(part, shown, maps, coloured=row.name == "input")
        else:
            _draw_strip(part, shown.ravel(), names)
    return finish(figure, path)


def _heading(shares: Array | None, classes: Sequence[str]) -> str:
    """Return what is drawn, and the answer of a network that knows classes."""
    if shares is None or not 0 < len(classes) <= len(shares):
        return "What every layer makes of one image"
    best = int(shares.argmax())
    name = class_names(classes, len(shares))[best]
    return f"What every layer makes of one image: {name} ({shares[best]:.2%})"


def _range(output: Array) -> str:
    """Return the smallest and the largest number as text: what is black and what is white."""
    finite = output[np.isfinite(output)]
    return f"{finite.min():.2g} to {finite.max():.2g}" if finite.size else "no finite number"


def _with_shares(count: int, shares: Array | None, classes: Sequence[str]) -> list[str]:
    """Return the names of the classes, with their probabilities if there are any."""
    if not classes:
        return []
    names = class_names(classes, count)
    if shares is None:
        return names
    return [f"{name}\n{share:.1%}" for name, share in zip(names, shares, strict=True)]


def _is_maps(output: Array) -> bool:
    return output.ndim == 3 and output.shape[1] * output.shape[2] > 1


def _draw_maps(part: SubFigure, output: Array, limit: int, coloured: bool) -> None:
    if coloured and len(output) == 3:
        pictures = [displayable(output)]
    else:
        pictures = list(stretch(output[strongest(output, limit)]))
    left = NAMES / (NAMES + limit * MAP)
    if len(pictures) < len(output) > 3:
        note = f"{len(pictures)} of {len(output)}"
        part.text(left * 0.96, 0.46, note, ha="right", va="top", fontsize=9, color=MUTED)
    grid = part.add_gridspec(1, limit, left=left, right=0.995, bottom=0.04, top=0.96, wspace=0.08)
    for place, pixels in enumerate(pictures):  # a panel takes matplotlib longer than its picture
        panel = part.add_subplot(grid[0, place])
        panel.set_axis_off()
        show_image(panel, pixels)


def strongest(output: Array, limit: int) -> list[int]:
    """Return the channels to draw, in order: all, or those with the largest values."""
    peaks = np.nan_to_num(output.reshape(len(output), -1).max(axis=1), nan=-np.inf)
    best = np.argsort(-peaks, kind="stable")[:limit]
    return sorted(int(channel) for channel in best)


def _draw_strip(part: SubFigure, values: Array, names: Sequence[str]) -> None:
    figure_width = part.figure.get_figwidth()
    panel = part.add_axes((NAMES / figure_width, 0.2, 0.995 - NAMES / figure_width, 0.6))
    panel.imshow(
        stretch(values)[np.newaxis], cmap="gray", vmin=0, vmax=1, aspect="auto",
        interpolation="nearest",
    )  # fmt: skip
    bare(panel, frame=True)
    if names and len(values) <= 30:
        panel.set_xticks(range(len(values)), names, fontsize=9, parse_math=False)
        panel.tick_params(length=0, pad=2)
