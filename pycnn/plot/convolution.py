"""Draw convolution arithmetic step by step: padding, kernel, stride and dilation at work."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from pycnn._arguments import integer
from pycnn.plot.animation import Animation
from pycnn.plot.canvas import (
    MUTED,
    PathLike,
    by,
    finish,
    grid_shape,
    new_figure,
)
from pycnn.plot.convolution_geometry import Size, Sliding, sliding
from pycnn.plot.convolution_step import draw_step, extent, growth, most_columns
from pycnn.plot.render import MOST_RESOLUTION, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Inches of a cell and of the title, and the longest side: beyond it cells get smaller.
CELL, HEAD, WIDEST = 0.24, 0.35, 20.0
# The smallest type, as a share of the width: 10 pixels of 1280.
SMALLEST = 10 / 1280
# Cells between steps side by side (more than between the input and the output of one step), and
# between rows of steps, where their numbers stand.
BETWEEN, ABOVE = 2.6, 1.2
# Cells without numbers may shrink by this factor, to show more steps.
SHRINK = 0.7
# The most steps of a picture, and of an animation.
MOST_PANELS, MOST_FRAMES = 12, 100
# Pixels of a GIF per inch.
GIF_RESOLUTION = 100
# A GIF has 16 bits for the hundredths of a second of a frame; the last step stays three times.
MOST_MILLISECONDS = 10 * 65535 // 3


def convolution_arithmetic(
    image: npt.ArrayLike | Size,
    kernel: npt.ArrayLike | Size,
    path: PathLike | None = None,
    *,
    title: str = "",
    columns: int = 2,
    **geometry: Any,
) -> Figure:
    """Draw the steps of a convolution of one channel: the window, and the output it makes.

    If there are more than 12 steps, the first ten, the middle one and the last are drawn, and for
    large images fewer; the heading says so, and dots mark steps that are left out.

    The image is blue, the padding dashed, the kernel the orange frame, the output green. The kernel
    is also drawn next to the image. If numbers are given, each cell shows its own, and the sum of
    the step is written out below (for kernels of up to 25 cells).

    Parameters
    ----------
    image, kernel : (H, W) and (R, S) arrays, or sizes
        Numbers; or an int or (height, width) for a picture without numbers.
    path : path, optional
        Picture to write; its ending determines the format.
    title : str
        Heading; the sizes by default.
    columns : int
        Steps side by side; fewer if their numbers would be too small to read.
    **geometry
        ``stride``, ``padding``, ``dilation`` as in `pycnn.ops.conv2d`, and ``transposed=True`` for
        a transposed convolution.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError, ValueError
        If an argument is not as above, no window fits, or a side is longer than 40 cells.
    OSError
        If the file cannot be written.

    References
    ----------
    Dumoulin, Visin: A guide to convolution arithmetic for deep learning, 2016.
    """
    scene = sliding(image, kernel, **geometry)
    integer("convolution_arithmetic", "columns", columns, 1)
    width, height = extent(scene)
    if scene.numbered:
        columns = min(columns, most_columns(scene, width + BETWEEN, CELL, SMALLEST))
    columns = min(columns, len(scene))
    across = columns * (width + BETWEEN)
    cell = min(CELL * growth(scene), WIDEST / across)
    name = max(10.0, 72 * SMALLEST * across * cell)  # points
    above = max(ABOVE * cell, 1.8 * name / 72)
    least = cell if scene.numbered else SHRINK * cell
    fitting = max(2, int((WIDEST - HEAD) / (height * least + above)) * columns)
    steps = _representatives(len(scene), min(MOST_PANELS, fitting))
    rows, columns = grid_shape(len(steps), columns)
    cell = min(cell, ((WIDEST - HEAD) / rows - above) / height)
    across = columns * (width + BETWEEN)
    size = across * cell, rows * (height * cell + above) + HEAD
    heading = title or _describe(scene, geometry)
    if not title and len(steps) < len(scene):
        heading += f" ({len(steps)} of {len(scene)} steps)"
    figure = _titled_figure(*size, heading)
    top = 1 - HEAD / size[1]
    for place, number in enumerate(steps):
        row, column = divmod(place, columns)
        left, bottom = column / columns + BETWEEN / 2 / across, top * (1 - (row + 1) / rows)
        panel = figure.add_axes((left, bottom, width / across, height * cell / size[1]))
        draw_step(panel, scene, number, cell / CELL)
        label = f"step {number + 1} of {len(scene)}"
        if number != (steps[place - 1] + 1 if place else 0):
            label = f"\u2026 {label}"  # steps are left out
        panel.set_title(label, fontsize=name, color=MUTED, pad=0)
    return finish(figure, path)


def _representatives(count: int, most: int) -> list[int]:
    """Return the numbers of the steps to draw: all, or the first ones, the middle and the last."""
    if count <= most:
        return list(range(count))
    first = most - 2
    return [*range(first), max(count // 2, first), count - 1] if first else [0, count - 1]


@overload
def convolution_animation(
    image: npt.ArrayLike | Size,
    kernel: npt.ArrayLike | Size,
    path: None = None,
    *,
    title: str = "",
    milliseconds: int = 700,
    dpi: int = GIF_RESOLUTION,
    **geometry: Any,
) -> Animation: ...
@overload
def convolution_animation(
    image: npt.ArrayLike | Size,
    kernel: npt.ArrayLike | Size,
    path: PathLike,
    *,
    title: str = "",
    milliseconds: int = 700,
    dpi: int = GIF_RESOLUTION,
    **geometry: Any,
) -> int: ...
def convolution_animation(
    image: npt.ArrayLike | Size,
    kernel: npt.ArrayLike | Size,
    path: PathLike | None = None,
    *,
    title: str = "",
    milliseconds: int = 700,
    dpi: int = GIF_RESOLUTION,
    **geometry: Any,
) -> Animation | int:
    """Draw the steps of a convolution as an endlessly repeating GIF: write it, or let it play.

    Parameters
    ----------
    image, kernel, title, **geometry
        As for `convolution_arithmetic`.
    path : path, optional
        GIF to write; its ending must be ``.gif``.
    milliseconds : int
        Duration of a step, 20 to 218,450; the last step stays three times as long.
    dpi : int
        Pixels per inch.

    Returns
    -------
    Animation or int
        Without a path the GIF, which a notebook plays where a cell ends in it, and which has a
        ``save``; with a path the number of its frames. There is one for each output.

    Raises
    ------
    ImportError
        If matplotlib or Pillow is not installed.
    TypeError, ValueError
        As for `convolution_arithmetic`; also if `path` or `milliseconds` is not as above, or there
        are more than 100 steps.
    OSError
        If the file cannot be written.
    """
    owner = "convolution_animation"
    integer(owner, "milliseconds", milliseconds, 20, MOST_MILLISECONDS)
    integer(owner, "dpi", dpi, 10, MOST_RESOLUTION)
    if path is not None and Path(path).suffix.lower() != ".gif":
        raise ValueError(f"[{owner}] the file must end in .gif, got {os.fspath(path)!r}")
    scene = sliding(image, kernel, **geometry)
    if len(scene) > MOST_FRAMES:
        raise ValueError(
            f"{len(scene)} steps are too many for a GIF, up to {MOST_FRAMES}: take a smaller image "
            "(--input) or a still picture, such as a PNG, which shows some of them"
        )
    title = title or _describe(scene, geometry)
    first, *others = [_frame(scene, number, title, dpi) for number in range(len(scene))]
    times = [milliseconds] * len(others) + [3 * milliseconds]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, duration=times, loop=0)
    animation = Animation(file.getvalue(), len(times), title)
    if path is None:
        return animation
    animation.save(path)
    return len(animation)


def _frame(scene: Sliding, number: int, title: str, dpi: int) -> Any:
    """Draw one step as a Pillow picture with its own palette."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"a GIF needs Pillow: pip install 'pycnn[plot]' ({error})") from None
    width, height = extent(scene)
    scale = 1.5 * growth(scene)
    figure = _titled_figure(scale * width * CELL, scale * height * CELL + HEAD, title)
    draw_step(figure.add_subplot(), scene, number, scale)
    picture = Image.open(io.BytesIO(render(figure, "png", dpi))).convert("RGB")
    return picture.quantize(32, dither=Image.Dither.NONE)


def _titled_figure(width: float, height: float, title: str) -> Figure:
    """Return a new figure whose panels fill all the room that the title leaves."""
    figure = new_figure(max(3.4, width), height, arranged=False)
    figure.subplots_adjust(0, 0, 1, 1 - HEAD / height, 0, 0)
    figure.text(
        0.5,
        1 - 0.5 * HEAD / height,
        title,
        ha="center",
        va="center",
        fontsize=max(11, 72 * SMALLEST * width),
        parse_math=False,
    )
    return figure


def _describe(scene: Sliding, geometry: dict[str, Any]) -> str:
    rows, columns = np.flatnonzero(scene.given.any(axis=1)), np.flatnonzero(scene.given.any(axis=0))
    kind = "transposed, " if geometry.get("transposed") else ""
    defaults = (("stride", 1), ("padding", 0), ("dilation", 1))
    named = [(name, geometry.get(name, default), default) for name, default in defaults]
    rest = ", ".join(f"{name} {value}" for name, value, default in named if value != default)
    text = f"{kind}{by(len(rows), len(columns))} with {by(*scene.kernel.shape)}"
    return f"{text}{', ' + rest if rest else ''} → {by(*scene.output.shape)}"
