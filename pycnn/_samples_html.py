"""What a notebook shows of a data set: its first pictures, sentences or rows."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import _html
from pycnn._pixels import displayable

# Samples that are shown, and numbers or letters of a sample that is no picture.
MOST, NUMBERS, LETTERS = 10, 8, 200
# Sides of a picture in a notebook: a smaller one is enlarged, a larger one reduced.
LEAST_SIDE, MOST_SIDE = 64, 128

FIGURE = "display: inline-block; margin: 4px; text-align: center"
IMAGE = "image-rendering: pixelated; margin: 0"


def pictures_html(data: Any) -> str:
    """Return the first samples of a `Dataset` as pictures, or as rows of numbers."""
    head = _html.paragraph(repr(data))
    count = min(MOST, len(data))
    try:
        given = data.gather(np.arange(count))
        samples = np.asarray(given[0] if isinstance(given, tuple) else given)  # of several inputs
        labels = [_label(data, index) for index in range(count)]
        if samples.ndim == 4 and samples.size:
            return head + "".join(map(_picture, samples, labels))
    except (OSError, ValueError, ImportError):  # a picture that cannot be decoded; no Pillow
        return head
    rows = ((label, _numbers(sample)) for label, sample in zip(labels, samples, strict=True))
    return head + (_html.table(("class", "sample"), rows) if count else "")


def texts_html(data: Any, texts: Sequence[str]) -> str:
    """Return the first sentences of a `Dataset`."""
    rows = ((_label(data, index), text[:LETTERS]) for index, text in enumerate(texts[:MOST]))
    return _html.paragraph(repr(data)) + _html.table(("class", "sentence"), rows)


def _label(data: Any, index: int) -> str:
    """Return the name of a sample's class, or its target in a few words."""
    target = np.asarray(data.y[index])
    if target.ndim:
        return _numbers(target)
    value = target.item()
    is_named = isinstance(value, int) and 0 <= value < len(data.classes)
    return str(data.classes[value] if is_named else value)


def _numbers(sample: npt.NDArray[Any]) -> str:
    """Write the first numbers of an array."""
    shown = ", ".join(f"{number:.4g}" for number in sample.flat[:NUMBERS])
    return f"{shown}, ..." if sample.size > NUMBERS else shown


def _picture(image: npt.NDArray[Any], label: str) -> str:
    """Return an image (C, H, W) with its label below it, as HTML."""
    from PIL import Image

    picture = Image.fromarray(np.round(255 * displayable(image)).astype(np.uint8))
    picture.thumbnail((MOST_SIDE, MOST_SIDE))
    file = io.BytesIO()
    picture.save(file, "PNG")
    scale = max(1.0, LEAST_SIDE / max(picture.size))
    width, height = (round(scale * side) for side in picture.size)
    attributes = f' width="{width}" height="{height}" style="{IMAGE}"'
    shown = _html.image(file.getvalue(), label, attributes=attributes)
    return (
        f'<figure style="{FIGURE}">{shown}<figcaption>{_html.escape(label)}</figcaption></figure>'
    )
