"""Reading pictures back in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from pycnn.layers import (
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Parallel,
    ReLU,
    Residual,
    Sequential,
)


def png_pixels(path: Path) -> np.ndarray:
    """Return the pixels (H, W, 4) of a PNG, after checking that it has more than one colour."""
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture.convert("RGBA"))
    assert len(np.unique(pixels.reshape(-1, 4), axis=0)) > 2
    return pixels


def svg_root(path: Path) -> ElementTree.Element:
    root = ElementTree.parse(path).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return root


def texts(figure: Any) -> list[str]:
    """Return all texts of a figure, in no special order."""
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def images(figure: Any) -> list[np.ndarray]:
    """Return the arrays of the images in a figure, in the order of its panels."""
    return [np.asarray(image.get_array()) for panel in all_axes(figure) for image in panel.images]


def all_axes(figure: Any) -> list[Any]:
    """Return the panels of a figure and of its parts."""
    parts = (panel for part in figure.subfigs for panel in part.axes)
    return list(dict.fromkeys([*figure.axes, *parts]))


def branched_net() -> Sequential:
    """Return all kinds of containers, nested, for (3, 8, 8) images."""
    return Sequential(
        {
            "stem": Sequential(Conv2d(3, 8, 3, padding=1, rng=0), ReLU()),
            "block": Residual(Sequential(Conv2d(8, 8, 3, padding=1, rng=1), ReLU())),
            "down": Residual(Conv2d(8, 6, 3, 2, 1, rng=2), Conv2d(8, 6, 1, 2, rng=3)),
            "mixed": Parallel(
                Conv2d(6, 4, 1, rng=4),
                Sequential(Residual(ReLU()), Conv2d(6, 5, 3, padding=1, rng=5)),
            ),
            "pool": MaxPool2d(4),
            "flat": Flatten(),
            "head": Linear(9, 4, rng=6),
        }
    )
