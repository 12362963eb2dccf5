"""Convolution arithmetic, step by step: padding, kernel, stride and dilation at work."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pycnn._arguments import integer
from pycnn._files import atomic_write
from pycnn.plot.canvas import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PALE_BLUE,
    PALE_GREEN,
    PathLike,
    by,
    finish,
    grid_shape,
    new_figure,
    render,
)
from pycnn.plot.convolution_geometry import Size, Sliding, sliding

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches of a cell and of the title, and cells between input and output.
CELL, HEAD, GAP = 0.24, 0.35, 2.2
MOST_STEPS = 100


def convolution_arithmetic(
    image: npt.ArrayLike | Size,
    kernel: npt.ArrayLike | Size,
    path: PathLike | None = None,
    *,
    title: str = "",
    columns: int = 3,
    **geometry: Any,
) -> Figure:
    """Draw every step of a convolution of one channel: the window, and the output it gives.

    Blue is the image, dashed the padding, the orange frame the kernel, green the output. With
    numbers given, each cell has its own, and the weights stand small in the cells they multiply.

    Parameters
    ----------
    image, kernel : (H, W) and (R, S) arrays, or sizes
        Numbers; or an int or (height, width) for a picture without numbers.
    path : path, optional
        Picture to write; its ending gives the format.
    title : str
        Heading; the sizes by default.
    columns : int
        Steps side by side.
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
        If an argument is not as above, no window fits, or there are more than 100 steps.
    OSError
        If the file cannot be written.

    References
    ----------
    Dumoulin, Visin: A guide to convolution arithmetic for deep learning, 2016.
    """
    scene = _scene(image, kernel, geometry)
    integer("convolution_arithmetic", "columns", columns, 1)
    rows, columns = grid_shape(len(scene), columns)
    width, height = _extent(scene)
    size = columns * width * CELL, rows * height * CELL + HEAD
    figure = _titled_figure(*size, title or _describe(scene, geometry))
    for number in range(len(scene)):
        _draw_step(figure.add_subplot(rows, columns, number + 1), scene, number)
    return finish(figure, path)


def convolution_animation(
    image: npt.ArrayLike | Size,
    kernel: npt.ArrayLike | Size,
    path: PathLike,
    *,
    title: str = "",
    milliseconds: int = 700,
    **geometry: Any,
) -> int:
    """Write the steps of a convolution as an animated GIF that repeats for ever.

    Parameters
    ----------
    image, kernel, title, **geometry
        As for `convolution_arithmetic`.
    path : path
        GIF to write.
    milliseconds : int
        Time of a step; the last one stays for three.

    Returns
    -------
    int
        Number of frames: one for each output.

    Raises
    ------
    ImportError
        If matplotlib or Pillow is not installed.
    TypeError, ValueError
        As for `convolution_arithmetic`.
    OSError
        If the file cannot be written.
    """
    integer("convolution_animation", "milliseconds", milliseconds, 20)
    scene = _scene(image, kernel, geometry)
    title = title or _describe(scene, geometry)
    first, *others = [_frame(scene, number, title) for number in range(len(scene))]
    times = [milliseconds] * len(others) + [3 * milliseconds]
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, duration=times, loop=0)
    with atomic_write(path) as target:
        target.write(file.getvalue())
    return len(times)


def _scene(image: Any, kernel: Any, geometry: dict[str, Any]) -> Sliding:
    scene = sliding(image, kernel, **geometry)
    if len(scene) > MOST_STEPS:
        raise ValueError(f"{len(scene)} steps are too many to draw; up to {MOST_STEPS}")
    return scene


def _frame(scene: Sliding, number: int, title: str) -> Any:
    """Draw one step as a picture of Pillow, with a palette of its own."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"a GIF needs Pillow: pip install 'pycnn[plot]' ({error})") from None
    width, height = _extent(scene)
    figure = _titled_figure(1.5 * width * CELL, 1.5 * height * CELL + HEAD, title)
    _draw_step(figure.add_subplot(), scene, number, scale=1.5)
    picture = Image.open(io.BytesIO(render(figure, "png", 100))).convert("RGB")
    return picture.quantize(32, dither=Image.Dither.NONE)


def _titled_figure(width: float, height: float, title: str) -> Figure:
    """Make a figure whose panels fill all that the title leaves."""
    figure = new_figure(max(3.4, width), height, arranged=False)
    figure.subplots_adjust(0, 0, 1, 1 - HEAD / height, 0, 0)
    figure.text(
        0.5, 1 - 0.5 * HEAD / height, title, ha="center", va="center", fontsize=9, parse_math=False
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


def _extent(scene: Sliding) -> tuple[float, float]:
    """Width and height of the drawing of a step, in cells, with a margin."""
    height = max(scene.padded.shape[0], scene.output.shape[0])
    return scene.padded.shape[1] + GAP + scene.output.shape[1] + 0.8, height + 0.8


def _draw_step(panel: Axes, scene: Sliding, number: int, scale: float = 1.0) -> None:
    """Draw the image under the kernel, and the output up to this step."""
    from matplotlib.patches import Rectangle

    panel.set_axis_off()
    height, width = scene.padded.shape
    size = 8.5 * scale * min(1.0, 3 / max(3, _letters(scene)))
    taps = {(row, column): (r, s) for row, column, r, s in scene.taps(number)}
    for row, column in np.ndindex(height, width):
        inside = bool(scene.given[row, column])
        under = (row, column) in taps
        _cell(panel, column, row, (BLUE if under else PALE_BLUE) if inside else "white",
              alpha=0.55 if under and inside else 1.0, dashed=not inside)  # fmt: skip
        if under and not inside:
            panel.add_patch(Rectangle((column, row), 1, 1, color=BLUE, alpha=0.15, linewidth=0))
        if scene.numbered:
            value = _number(scene.padded[row, column])
            colour = INK if inside else FAINT
            panel.text(
                column + 0.45, row + 0.45, value, ha="center", va="center", color=colour,
                fontsize=size,
            )  # fmt: skip
            if under:
                weight = _number(scene.kernel[taps[row, column]])
                panel.text(
                    column + 0.95, row + 0.94, weight, ha="right", va="bottom",
                    color="#9c3a0b", fontsize=0.6 * size, fontweight="bold",
                )  # fmt: skip
    for row, column in taps:
        _cell(panel, column, row, "none", edge=ORANGE, line=1.3 * scale)

    p, q = scene.output.shape
    left, top = width + GAP, (height - p) / 2
    now = scene.step(number)
    for row, column in np.ndindex(p, q):
        done = (row, column) <= now
        current = (row, column) == now
        colour = GREEN if current else PALE_GREEN if done else "white"
        _cell(panel, left + column, top + row, colour, alpha=0.6 if current else 1.0)
        if scene.numbered and done:
            panel.text(
                left + column + 0.5, top + row + 0.5, _number(scene.output[row, column]),
                ha="center", va="center", color=INK, fontsize=size,
            )  # fmt: skip
    middle = (width + GAP / 2, height / 2)
    arrow = {"arrowstyle": "-|>", "color": FAINT, "linewidth": 1.2 * scale}
    panel.annotate("", (middle[0] + 0.6, middle[1]), (middle[0] - 0.6, middle[1]), arrowprops=arrow)
    panel.set_xlim(-0.3, left + q + 0.3)
    panel.set_ylim(max(height, top + p) + 0.3, min(0.0, top) - 0.3)
    panel.set_aspect("equal")


def _cell(
    panel: Axes, column: float, row: float, colour: str, *,
    alpha: float = 1.0, dashed: bool = False, edge: str = FAINT, line: float = 0.7,
) -> None:  # fmt: skip
    from matplotlib.patches import Rectangle

    if colour != "none":
        panel.add_patch(Rectangle((column, row), 1, 1, color=colour, alpha=alpha, linewidth=0))
    panel.add_patch(
        Rectangle((column, row), 1, 1, fill=False, edgecolor=edge, linewidth=line,
                  linestyle=(0, (2, 2)) if dashed else "solid")
    )  # fmt: skip


def _number(value: np.float32) -> str:
    """Write a number as short as it can be read in a cell."""
    return f"{value:.3g}" if np.isfinite(value) else str(value)


def _letters(scene: Sliding) -> int:
    """Letters of the longest number."""
    planes = (scene.padded, scene.kernel, scene.output)
    return max(len(_number(value)) for plane in planes for value in plane.ravel())
