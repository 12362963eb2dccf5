"""Shared by all pictures: figures without pyplot, whole files, pixels and grids of images."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pycnn._files import atomic_write
from pycnn._pixels import Pixels
from pycnn._printable import printable
from pycnn.plot.render import RESOLUTION, render

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PathLike: TypeAlias = "str | os.PathLike[str]"

# Muted text is darker than faint lines, because it must be readable.
INK, MUTED, FAINT = "#22303c", "#4d5a66", "#8a97a3"
BLUE, ORANGE, GREEN = "#2a6fb0", "#d4622a", "#2f8f5b"
PALE_BLUE, PALE_ORANGE, PALE_GREEN = "#cfe2f3", "#f7d9c6", "#cdead9"


def new_figure(width: float, height: float, *, arranged: bool = True) -> Figure:
    """Return a new figure, sized in inches; it is outside pyplot and leaves its windows alone.

    If `arranged`, matplotlib places the panels.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        with _quiet_import():
            import matplotlib.figure  # noqa: F401

            from pycnn.plot.picture import Picture
    except ImportError as error:
        text = f"pictures need matplotlib: pip install 'pycnn[plot]' ({error})"
        raise ImportError(text) from None
    return Picture(figsize=(width, height), layout="constrained" if arranged else None)


@contextmanager
def _quiet_import() -> Iterator[None]:
    """Silence matplotlib's messages about a read-only home and the search for fonts."""
    if "matplotlib" in sys.modules:
        yield
        return
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def finish(figure: Figure, path: PathLike | None, resolution: int = RESOLUTION) -> Figure:
    """Write a figure to a file, if a path is given, and return the figure.

    Raises
    ------
    ValueError
        If the ending of the path is not a format of still pictures.
    """
    if path is not None:
        kind = Path(path).suffix.lstrip(".").lower() or "png"
        if kind == "gif":
            raise ValueError(
                f"{os.fspath(path)}: a GIF is for the steps of a convolution "
                "(pycnn.plot.convolution_animation); end the name in .png, .svg or .pdf"
            )
        if kind not in figure.canvas.get_supported_filetypes():
            raise ValueError(
                f"{os.fspath(path)}: a picture is written as png, svg or pdf, and the steps of a "
                f"convolution as gif too; the name ends in .{kind}"
            )
        content = render(figure, kind, resolution)
        with atomic_write(path) as file:
            file.write(content)
    return figure


def bare(panel: Axes, frame: bool = False) -> None:
    """Remove the ticks of a panel, and its frame unless `frame`."""
    panel.set_xticks([])
    panel.set_yticks([])
    for spine in panel.spines.values():
        spine.set_visible(frame)
        spine.set_color(FAINT)
        spine.set_linewidth(0.5)


def grid_shape(count: int, columns: int) -> tuple[int, int]:
    """Return the rows and columns of a grid of `count` cells, at most `columns` wide."""
    width = max(1, min(count, columns))
    return max(1, -(-count // width)), width


def show_image(panel: Axes, pixels: Pixels) -> None:
    """Draw pixels from 0 to 1 unchanged and sharp, in grey or colour."""
    panel.imshow(pixels, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    bare(panel)


def by(*sizes: int) -> str:
    """Return sizes as people write them: 28\u00d728."""
    return "\u00d7".join(map(str, sizes))


def class_names(classes: Any, count: int) -> list[str]:
    """Return printable names of `count` classes: those given, then numbers."""
    if not isinstance(classes, list | tuple):
        raise ValueError(f"names of classes must be a list, got {classes!r}")
    return [*map(printable, classes[:count]), *map(str, range(len(classes), count))]
