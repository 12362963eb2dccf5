"""Digits as people draw and photograph them: strokes on paper, and what spoils a picture."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pycnn import datasets

Plane = npt.NDArray[np.float64]
Spoiler = Callable[[Plane, np.random.Generator], Plane]

SIDE = 160
MNIST = Path(datasets.__file__).parent / "mnist_data"


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> list[list[float]]:
    """Return points of an ellipse's arc; degrees from the right, clockwise as y grows downwards."""
    angles = np.radians(np.linspace(start, end, 24))
    return [[x + rx * np.cos(a), y + ry * np.sin(a)] for a in angles]


# The strokes of each digit in a box from (0, 0) to (0.6, 1), as hands write them in schools.
STROKES: dict[int, list[list[list[float]]]] = {
    0: [_arc(0.3, 0.5, 0.28, 0.5, -90, 270)],
    1: [[[0.15, 0.2], [0.33, 0.0], [0.33, 1.0]]],
    2: [[*_arc(0.3, 0.28, 0.27, 0.28, 190, 400), [0.02, 1.0], [0.58, 1.0]]],
    3: [[*_arc(0.27, 0.26, 0.27, 0.26, 200, 440), *_arc(0.27, 0.74, 0.3, 0.26, -80, 160)]],
    4: [[[0.4, 0.0], [0.0, 0.65], [0.6, 0.65]], [[0.44, 0.35], [0.42, 1.0]]],
    5: [[[0.08, 0.0], [0.05, 0.45], *_arc(0.25, 0.7, 0.32, 0.3, -110, 150)],
        [[0.08, 0.0], [0.55, 0.0]]],
    6: [[[0.45, 0.0], [0.15, 0.35], *_arc(0.29, 0.72, 0.27, 0.28, 200, 560)]],
    7: [[[0.02, 0.02], [0.58, 0.0], [0.22, 1.0]]],
    8: [[*_arc(0.3, 0.25, 0.22, 0.25, 90, 450), *_arc(0.3, 0.75, 0.28, 0.25, -90, 270)]],
    9: [[*_arc(0.3, 0.28, 0.26, 0.28, 0, 360), [0.54, 0.35], [0.42, 1.0]]],
}  # fmt: skip


def stroked(digit: int, rng: np.random.Generator, side: int = SIDE) -> Plane:
    """Draw a digit with a pen: ink from 0 to 1, somewhere on a square of paper."""
    height = rng.uniform(0.45, 0.75) * side
    width = rng.uniform(0.05, 0.13) * height
    slant = rng.uniform(-0.12, 0.2)
    stretch = rng.uniform(0.85, 1.15)
    left = rng.uniform(0.2, 0.8) * (side - 0.7 * height)
    top = rng.uniform(0.2, 0.8) * (side - height)
    fine = 4
    page = Image.new("L", (side * fine, side * fine), 0)
    pen = ImageDraw.Draw(page)
    for stroke in STROKES[digit]:
        x, y = np.array(stroke).T
        x, y = stretch * x + slant * (0.5 - y), y.copy()
        # A hand is not a ruler: points wander together, as a slow wave.
        wave = rng.uniform(0, 6.28, 2)
        along = np.linspace(0, 5, len(x))
        x = x + 0.02 * np.sin(along + wave[0])
        y = y + 0.02 * np.sin(along + wave[1])
        points = [
            (fine * (left + height * (a + 0.05)), fine * (top + height * b))
            for a, b in zip(x, y, strict=True)
        ]
        pen.line(points, fill=255, width=max(1, round(fine * width)), joint="curve")
        radius = fine * width / 2
        for a, b in (points[0], points[-1]):
            pen.ellipse((a - radius, b - radius, a + radius, b + radius), fill=255)
    return np.asarray(page.resize((side, side), Image.Resampling.BOX), np.float64) / 255


def enlarged(index: int, rng: np.random.Generator, side: int = SIDE) -> tuple[Plane, int]:
    """Enlarge a test image of MNIST to sharp-edged ink on paper; return it and its label."""
    with gzip.open(MNIST / "t10k-images-idx3-ubyte.gz") as file:
        file.seek(16 + 784 * index)
        pixels = np.frombuffer(file.read(784), np.uint8).reshape(28, 28)
    with gzip.open(MNIST / "t10k-labels-idx1-ubyte.gz") as file:
        file.seek(8 + index)
        label = file.read(1)[0]
    size = int(rng.uniform(0.7, 1.0) * side)
    large = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
    ink = np.clip((np.asarray(large, np.float64) / 255 - 0.4) / 0.2, 0, 1)
    page = np.zeros((side, side))
    top, left = rng.integers(0, side - size + 1, 2)
    page[top : top + size, left : left + size] = ink
    return page, label


def drawn(count: int, seed: int, side: int = SIDE) -> Iterator[tuple[Plane, int]]:
    """Return this many digits, alternately drawn strokes and MNIST's."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        if number % 2:
            yield enlarged(int(rng.integers(10_000)), rng, side)
        else:
            digit = number // 2 % 10
            yield stroked(digit, rng, side), digit


def on_paper(ink: Plane, rng: np.random.Generator, dark: bool = False) -> Plane:
    """Write ink on paper of some tone; `dark` is chalk on a board."""
    ground, stroke = rng.uniform(190, 245), rng.uniform(20, 90)
    if dark:
        ground, stroke = rng.uniform(20, 60), rng.uniform(180, 250)
    return ground + (stroke - ground) * ink


def photographed(page: Plane, rng: np.random.Generator) -> Image.Image:
    """Add a camera's noise, and round."""
    noisy = page + rng.normal(0, 2.5, page.shape)
    return Image.fromarray(np.uint8(np.clip(np.round(noisy), 0, 255)))


def _grid(page: Plane) -> tuple[Plane, Plane]:
    y, x = np.mgrid[: page.shape[0], : page.shape[1]]
    return y / (page.shape[0] - 1), x / (page.shape[1] - 1)


def fall_off(page: Plane, rng: np.random.Generator) -> Plane:
    """Make the light 20 to 40 % weaker at one side."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = _grid(page)
    along = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)
    along = (along - along.min()) / np.ptp(along)
    return np.asarray(page * (1 - rng.uniform(0.2, 0.4) * along))


def vignette(page: Plane, rng: np.random.Generator) -> Plane:
    """Make the light weaker towards the corners."""
    y, x = _grid(page)
    return page * (1 - rng.uniform(0.3, 0.5) * 2 * ((x - 0.5) ** 2 + (y - 0.5) ** 2))


def dark_edge(page: Plane, rng: np.random.Generator) -> Plane:
    """Draw dark lines of 1 to 4 pixels along one side, or all round."""
    page, width = page.copy(), int(rng.integers(1, 5))
    tone = rng.uniform(0, 60)
    for turn in range(4) if rng.random() < 0.5 else rng.choice(4, 1):
        np.rot90(page, turn)[:width] = tone
    return page


def speckles(page: Plane, rng: np.random.Generator) -> Plane:
    """Draw forty dots of 1 to 3 pixels."""
    page = page.copy()
    for _ in range(40):
        size = int(rng.integers(1, 4))
        y, x = (int(rng.integers(0, length - size)) for length in page.shape)
        page[y : y + size, x : x + size] = rng.uniform(20, 120)
    return page


def ruled(page: Plane, rng: np.random.Generator) -> Plane:
    """Draw lines across the paper, lighter than ink."""
    page, gap, width = page.copy(), int(rng.integers(18, 40)), int(rng.integers(1, 3))
    share = rng.uniform(0.6, 0.8)
    for y in range(int(rng.integers(4, gap)), len(page) - width, gap):
        page[y : y + width] = np.minimum(page[y : y + width], share * np.median(page))
    return page


def turned(page: Plane, rng: np.random.Generator) -> Plane:
    """Turn by 5 degrees to one side, the corners filled with paper."""
    picture = Image.fromarray(page.astype(np.float32))
    angle = 5.0 if rng.random() < 0.5 else -5.0
    ground = float(np.median(page))
    return np.asarray(picture.rotate(angle, Image.Resampling.BICUBIC, fillcolor=ground), np.float64)


def even(page: Plane, _: np.random.Generator) -> Plane:
    """Leave the paper unchanged."""
    return page


def on_desk(
    page: Plane, tone: float, angle: float, share: float, middle: tuple[float, float] = (0.5, 0.5)
) -> Plane:
    """Lay a page on a desk of 450 x 600 pixels, turned, and as high as this share of the desk."""
    desk = Image.new("F", (600, 450), tone)
    side = round(share * desk.height)
    sheet = Image.fromarray(page.astype(np.float32)).resize((side, side))
    turned = sheet.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    inside = Image.new("L", sheet.size, 255).rotate(angle, Image.Resampling.BICUBIC, expand=True)
    place = (middle[0] * desk.width - turned.width / 2, middle[1] * desk.height - turned.height / 2)
    desk.paste(turned, (round(place[0]), round(place[1])), inside)
    return np.asarray(desk, np.float64)


SPOILERS: dict[str, Spoiler] = {
    f.__name__: f for f in (even, fall_off, vignette, dark_edge, speckles, ruled, turned)
}
