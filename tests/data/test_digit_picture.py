"""Drawn and photographed digits: the paper is subtracted, edges, lines and specks are cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.drawn_digits import (
    MNIST,
    SPOILERS,
    drawn,
    fall_off,
    on_desk,
    on_paper,
    photographed,
    stroked,
)

import pycnn
from pycnn import datasets, models, optim, recipes
from pycnn.augment import RandomCrop
from pycnn.cli.predict import answer
from pycnn.datasets.idx import read_images, read_labels
from pycnn.layers import Module
from pycnn.recipes.digit_picture import read_digit
from pycnn.recipes.ink import parts
from pycnn.recipes.paper import contrast

# None of the drawings that the thresholds were chosen on.
SEED = 20_241


@pytest.fixture(scope="module")
def lenet5() -> Module:
    """Train as `pycnn train lenet5`, but for two epochs: 99 % on the test images."""
    model = models.lenet5(rng=0)
    shift = RandomCrop(28, padding=1)
    adam = optim.Adam(model.parameters())
    pycnn.fit(
        model, datasets.mnist()[0], optimizer=adam, schedule=optim.OneCycle(3e-3), augment=shift,
        batch_size=64, epochs=2, seed=0,
    )  # fmt: skip
    return model


def answers(model: Module, paths: list[Path]) -> list[int]:
    batch = recipes.get("lenet5").read(model, [str(path) for path in paths])
    return [int(guess) for guess in pycnn.predict(model, batch).argmax(1)]


@pytest.mark.parametrize("name", SPOILERS)
def test_a_digit_as_people_photograph_it_is_read(name: str, lenet5: Module, tmp_path: Path) -> None:
    rng = np.random.default_rng([SEED, len(name)])
    paths, labels = [], []
    for number, (ink, label) in enumerate(drawn(40, SEED + len(name))):
        # Every fourth is chalk on a board.
        page = SPOILERS[name](on_paper(ink, rng, dark=number % 4 == 3), rng)
        paths.append(tmp_path / f"{number}.png")
        photographed(page, rng).save(paths[-1])
        labels.append(label)
    right = sum(a == b for a, b in zip(answers(lenet5, paths), labels, strict=True))
    assert right >= 38


def boxed(ink: np.ndarray, inset: int) -> np.ndarray:
    """Scale a digit into a printed box, with five pixels of paper between."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    side, end = len(ink), len(ink) - inset
    scale = min(1, (side - 2 * inset - 14) / max(cut.shape))
    size = (round(cut.shape[1] * scale), round(cut.shape[0] * scale))
    small = Image.fromarray(cut.astype(np.float32)).resize(size, Image.Resampling.BOX)
    page = np.zeros_like(ink)
    page[inset:end, inset:end] = 1
    page[inset + 2 : end - 2, inset + 2 : end - 2] = 0
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    page[top : top + size[1], left : left + size[0]] = np.asarray(small)
    return page


def test_a_printed_box_around_a_digit_does_not_matter(lenet5: Module, tmp_path: Path) -> None:
    rng = np.random.default_rng(SEED)
    paths, labels = [], []
    for number, (ink, label) in enumerate(drawn(52, SEED)):
        inset = 5 + number // 2
        page = on_paper(boxed(ink, inset), rng, dark=number % 4 == 3)
        paths.append(tmp_path / f"{number}.png")
        photographed(page, rng).save(paths[-1])
        labels.append(label)
    right = sum(a == b for a, b in zip(answers(lenet5, paths), labels, strict=True))
    assert right >= 48


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("dark", [False, True])
def test_digits_that_are_cut_to_their_strokes_are_read(
    large: bool, dark: bool, lenet5: Module, tmp_path: Path
) -> None:
    paths = []
    for number, image in enumerate(read_images(MNIST / "t10k-images-idx3-ubyte.gz")[:60, 0]):
        rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        cut = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        picture = Image.fromarray(cut if dark else 255 - cut)
        if large:
            picture = picture.resize((7 * picture.width, 7 * picture.height))
        paths.append(tmp_path / f"{number}.png")
        picture.save(paths[-1])
    labels = read_labels(MNIST / "t10k-labels-idx1-ubyte.gz", 10)[:60]
    right = sum(a == b for a, b in zip(answers(lenet5, paths), labels, strict=True))
    assert right >= 57


def test_images_of_mnist_as_pictures_keep_their_bits(tmp_path: Path) -> None:
    images = read_images(MNIST / "t10k-images-idx3-ubyte.gz")[:1000, 0]
    path = str(tmp_path / "image.png")
    for image in images:
        Image.fromarray(image).save(path, compress_level=0)
        np.testing.assert_array_equal(read_digit(path), image)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("dark", [False, True])
def test_dark_edges_do_not_matter(width: int, dark: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(width)
    page = on_paper(stroked(5, rng), rng, dark)
    found = []
    for spoiled in (False, True):
        if spoiled:
            page[:width], page[:, -width:] = 10, 10
        path = tmp_path / "page.png"
        Image.fromarray(np.uint8(page)).save(path)
        found.append(read_digit(str(path)).astype(int))
    # A digit moves by rounding at most; its pixels stay unchanged.
    assert abs(found[0] - found[1]).mean() < 3


@pytest.mark.parametrize("angle", [0, 5, -5])
def test_ruled_and_squared_paper_leaves_no_lines(angle: int, tmp_path: Path) -> None:
    page = np.full((200, 200), 235, np.uint8)
    page[10::24] = page[:, 8::24] = 150
    page[11::24] = 150
    page[60:140, 95:105] = 40
    picture = Image.fromarray(page).rotate(angle, Image.Resampling.BICUBIC, fillcolor=235)
    picture.crop((20, 20, 180, 180)).save(tmp_path / "squared.png")
    digit = read_digit(str(tmp_path / "squared.png"))
    rows, columns = np.flatnonzero(digit.max(1) > 60), np.flatnonzero(digit.max(0) > 60)
    assert np.ptp(rows) + 1 >= 19
    assert np.ptp(columns) + 1 <= 7


def test_closely_cut_bars_are_no_lines_of_the_paper(tmp_path: Path) -> None:
    page = np.full((90, 60), 240, np.uint8)
    page[:12] = 20  # the bar of a seven, from side to side
    for row in range(12, 90):
        left = 48 - (row - 12) * 30 // 78
        page[row, left : left + 12] = 20
    Image.fromarray(page).save(tmp_path / "seven.png")
    digit = read_digit(str(tmp_path / "seven.png"))
    assert (digit > 128).sum(axis=1).max() >= 12


def test_paper_without_a_digit_is_refused(tmp_path: Path) -> None:
    y, x = np.mgrid[:120, :120]
    rng = np.random.default_rng(0)
    for name, page in (
        ("even", np.full((120, 120), 200.0)),
        ("lit", 230.0 - 0.7 * x),
        ("corners", 230.0 - 0.01 * ((x - 60.0) ** 2 + (y - 60.0) ** 2)),
        ("one pixel", np.full((1, 1), 7.0)),
    ):
        noisy = page + rng.normal(0, 0.5 * (page.size > 1), page.shape)
        path = tmp_path / f"{name}.png"
        Image.fromarray(np.uint8(np.clip(noisy, 0, 255))).save(path)
        with pytest.raises(ValueError, match=rf"{name}\.png shows no digit"):
            read_digit(str(path))


DESKS: dict[str, dict[str, Any]] = {
    "dark": {"tone": 70, "angle": 0, "share": 0.6},
    "grey": {"tone": 140, "angle": 4, "share": 0.7},
    "turned": {"tone": 50, "angle": -10, "share": 0.5},
    "beside": {"tone": 80, "angle": 0, "share": 1.0, "middle": (0.7, 0.5)},
}


@pytest.mark.parametrize("name", DESKS)
def test_a_digit_on_a_sheet_is_read_with_the_desk_around_it(
    name: str, lenet5: Module, tmp_path: Path
) -> None:
    rng = np.random.default_rng(SEED)
    paths, labels = [], []
    for number, (ink, label) in enumerate(drawn(8, SEED)):
        page = on_desk(on_paper(ink, rng), **DESKS[name])
        paths.append(tmp_path / f"{number}.jpg")
        photographed(fall_off(page, rng) if number % 2 else page, rng).save(paths[-1])
        labels.append(label)
    right = sum(a == b for a, b in zip(answers(lenet5, paths), labels, strict=True))
    assert right >= 7
    photographed(on_desk(np.full((160, 160), 230.0), **DESKS[name]), rng).save(paths[0])
    with pytest.raises(ValueError, match="shows no digit"):
        read_digit(str(paths[0]))


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_blank_pages_with_uneven_light_or_lines_are_refused(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:400, :400] / 400
    squared = np.full((400, 400), 232.0)
    squared[::40] = squared[:, ::40] = 145
    for name, page in (
        ("side", 232 * (1 - 0.4 * x)),
        ("vignette", 232 * (1 - ((x - 0.5) ** 2 + (y - 0.5) ** 2))),
        ("squared", squared),
    ):
        path = tmp_path / f"{name}.{kind}"
        noisy = page + rng.normal(0, 4, page.shape)
        Image.fromarray(np.uint8(np.clip(noisy, 0, 255))).save(path)
        with pytest.raises(ValueError, match=rf"{name}\.{kind} shows no digit"):
            read_digit(str(path))


def test_pencil_that_the_noise_nearly_hides_is_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    page = 225 - 32 * stroked(0, rng, 400)
    Image.fromarray(np.uint8(page + rng.normal(0, 13, page.shape))).save(tmp_path / "pencil.png")
    zero = read_digit(str(tmp_path / "pencil.png"))
    assert parts(zero > 100)[1] == 1
    assert (zero[8:20] > 100).sum(axis=1).max() < 14  # it is not filled


def test_several_digits_side_by_side_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    for digits in ((1, 7), (2, 0, 2, 6)):
        page = np.hstack([stroked(digit, rng) for digit in digits])
        Image.fromarray(np.uint8(240 - 200 * page)).save(tmp_path / "digits.png")
        with pytest.raises(ValueError, match=rf"shows {len(digits)} drawings side by side: cut"):
            read_digit(str(tmp_path / "digits.png"))


def test_contrast_does_not_depend_on_the_light() -> None:
    page = np.full((100, 100), 220.0)
    page[40:60, 45:50] = 66
    light = np.linspace(1, 0.6, 100)
    plain, uneven = contrast(page), contrast(page * light)
    np.testing.assert_allclose(plain[45:55, 46:49], 0.7, atol=0.02)
    np.testing.assert_allclose(uneven[45:55, 46:49], 0.7, atol=0.04)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (13, 17)])
def test_parts_are_the_connected_ones(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for share in (0.0, 0.2, 0.4, 0.7, 1.0):
        mask = rng.random(shape) < share
        labels, count = parts(mask)
        # Spread the largest number over neighbours until nothing changes.
        expected = np.where(mask, np.arange(1, mask.size + 1).reshape(shape), 0)
        while True:
            padded = np.pad(expected, 1)
            near = [padded[i : i + shape[0], j : j + shape[1]] for i in range(3) for j in range(3)]
            grown = np.where(mask, np.max(near, axis=0), 0)
            if np.array_equal(grown, expected):
                break
            expected = grown
        pairs = {(int(a), int(b)) for a, b in zip(labels.flat, expected.flat, strict=True)}
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
        assert count == len(set(labels[mask].tolist()))


def test_an_answer_names_two_classes_and_says_when_it_is_unsure() -> None:
    names = ["cat", "dog", "elk"]
    sure, unsure = np.array([[0.03, 0.9, 0.07], [0.3, 0.12, 0.58]], np.float32)
    assert answer(sure, names) == "dog (90.00%), elk (7.00%)"
    assert answer(unsure, names) == "elk (58.00%), cat (30.00%): unsure"
    assert answer(np.ones(1, np.float32), ["all"]) == "all (100.00%)"
