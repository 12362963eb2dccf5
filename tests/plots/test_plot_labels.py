"""Labels of drawings stand off the lines and arrows, as far as boxes around them tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.guide_example import IMAGE, KERNEL
from support.pictures import branched_net

from pycnn import models, plot
from pycnn.layers import Conv2d, Sequential


def two_rows() -> Sequential:
    """Return a network with more layers than fit side by side."""
    return Sequential(*(Conv2d(1, 1, 3, padding=1) for _ in range(12)))


DRAWINGS: dict[str, Callable[[], Any]] = {
    "lenet5": lambda: plot.architecture(models.lenet5(rng=0), (1, 28, 28)),
    "two rows": lambda: plot.architecture(two_rows(), (1, 12, 12)),
    "branches": lambda: plot.architecture(branched_net(), (3, 8, 8), title="branches"),
    "a convolution": lambda: plot.convolution_arithmetic(IMAGE[:3], KERNEL),
    "a padded convolution": lambda: plot.convolution_arithmetic(
        IMAGE[:3], KERNEL, padding=1, stride=(3, 2)
    ),
}


def labels(figure: Any) -> list[Any]:
    from matplotlib.text import Text

    return [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


def lines(figure: Any) -> list[Any]:
    """Return the paths of all lines and arrows, in dots."""
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

    drawn = [line for panel in figure.findobj(Axes) for line in panel.lines]
    arrows = [note.arrow_patch for note in figure.findobj(Annotation) if note.arrow_patch]
    return [one.get_transform().transform_path(one.get_path()) for one in (*drawn, *arrows)]


def crossed(figure: Any) -> list[str]:
    """Return the texts that a line or an arrow crosses."""
    figure.canvas.draw()
    paths = lines(figure)
    assert paths
    return [
        text.get_text()
        for text in labels(figure)
        if any(path.intersects_bbox(text.get_window_extent(), filled=False) for path in paths)
    ]


@pytest.mark.parametrize("name", DRAWINGS)
def test_no_line_or_arrow_goes_through_a_label(name: str) -> None:
    assert crossed(DRAWINGS[name]()) == []


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_label_that_is_shifted_onto_a_line_is_found(name: str) -> None:
    figure = DRAWINGS[name]()
    figure.canvas.draw()
    line, text = lines(figure)[0], labels(figure)[0]
    middle = line.interpolated(2).vertices[1]
    text.set_position(text.get_transform().inverted().transform(middle))
    assert text.get_text() in crossed(figure)
