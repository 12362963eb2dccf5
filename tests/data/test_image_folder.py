"""Folders of pictures: sizes, modes, classes, and files that are broken."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.dataset_files import picture_folder

from pycnn.augment import Normalise
from pycnn.data import Dataset
from pycnn.datasets import ImageFolder
from pycnn.datasets.picture import read_picture, read_squares
from pycnn.layers import Flatten, Linear, Sequential
from pycnn.loader import DataLoader
from pycnn.training import evaluate, predict

RED, GREEN, BLUE, WHITE = (200, 40, 10), (20, 180, 30), (10, 20, 220), (255, 255, 255)


def save(path: Path, pixels: Any, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.uint8(pixels))
    picture.save(path, **options)
    return path


def plain(colour: tuple[int, ...], size: tuple[int, int] = (9, 7)) -> Image.Image:
    return Image.new("RGB", size, colour)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes: three pictures of blue things, one deeper, and two of red ones."""
    for name in ("blue/b.png", "blue/a.PNG", "blue/more/c.png"):
        save(tmp_path / name, plain(BLUE))
    for name in ("red/1.png", "red/2.bmp"):
        save(tmp_path / name, plain(RED))
    (tmp_path / "red/notes.txt").write_text("no picture")
    (tmp_path / "red/.hidden.png").write_text("no picture")
    (tmp_path / ".git").mkdir()
    return tmp_path


def test_classes_are_the_sub_folders_by_name(root: Path) -> None:
    data = ImageFolder(root, size=4)
    assert isinstance(data, Dataset)
    assert (data.classes, data.name, len(data)) == (("blue", "red"), root.name, 5)
    assert data.y.tolist() == [0, 0, 0, 1, 1]
    assert [Path(path).name for path in data.paths] == ["a.PNG", "b.png", "c.png", "1.png", "2.bmp"]
    x = data.gather(np.array([3, 0]))
    assert x.dtype == np.float32
    assert x.shape == (2, 3, 4, 4)
    np.testing.assert_array_equal(x[0, :, 1, 1], RED)
    np.testing.assert_array_equal(x[1, :, 3, 0], BLUE)
    part = data[np.array([4, 1])]
    assert part.y.tolist() == [1, 0]
    np.testing.assert_array_equal(part.gather(np.arange(2))[:, :, 0, 0], [RED, BLUE])
    assert len(data[1:3]) == 2
    assert "5 pictures of 2 classes, shape (3, 4, 4)" in repr(data)


def test_the_shorter_side_is_scaled_and_the_middle_cut_out(root: Path) -> None:
    ramp = np.tile(np.arange(0, 240, 4), (30, 1))  # 60 wide, 30 high: 4 brighter each pixel
    path = str(save(root / "red/ramp.png", np.stack([ramp] * 3, axis=2)))
    x = read_squares([path], 15, 15)[0]
    # Columns 15 to 44 two by two, as the triangle filter averages them: the means of the pairs.
    np.testing.assert_array_equal(x[1, 3], ramp[0, 15:45].reshape(15, 2).mean(axis=1))
    np.testing.assert_array_equal(read_squares([path], 15, 5)[0], x[:, 5:10, 5:10])
    turned = str(save(root / "red/high.png", np.stack([ramp.T] * 3, axis=2)))
    np.testing.assert_array_equal(read_squares([turned], 15, 15)[0], x.transpose(0, 2, 1))


@pytest.mark.parametrize("shape", [(30, 60), (30, 61), (31, 30)])
def test_pictures_of_the_size_are_cut_pixel_by_pixel(root: Path, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3))
    path = str(save(root / "red/noise.png", pixels))
    top, left = (shape[0] - 30) // 2, (shape[1] - 30) // 2
    expected = pixels[top : top + 30, left : left + 30].transpose(2, 0, 1)
    np.testing.assert_array_equal(read_squares([path], 30, 30)[0], expected)


def test_large_jpegs_are_decoded_in_part_and_look_the_same(root: Path) -> None:
    y, x = np.mgrid[:800, :1000] / 1000
    pixels = np.stack([255 * x, 255 * y, 255 * (1 - x)], axis=2)
    path = save(root / "red/large.jpg", pixels, quality=95)
    assert read_picture(path, 64).size == (250, 200)
    small = read_squares([path], 64, 64)[0]
    exact = Image.fromarray(np.uint8(pixels)).resize((80, 64)).crop((8, 0, 72, 64))
    assert abs(small - np.asarray(exact).transpose(2, 0, 1)).max() <= 3


def picture(mode: str) -> Image.Image:
    """Return a picture in this mode: red, or grey without red; RGBA half transparent."""
    if mode == "I;16":
        return Image.fromarray(np.full((5, 5), 128 * 257, np.uint16))
    if mode == "RGBA":
        return Image.new(mode, (5, 5), (*RED, 0))
    return plain(RED, (5, 5)).quantize() if mode == "P" else plain(RED, (5, 5)).convert(mode)


@pytest.mark.parametrize(
    ("mode", "suffix", "expected"),
    [
        ("RGB", "png", RED),
        ("L", "png", (84, 84, 84)),
        ("1", "png", None),
        ("LA", "png", (84, 84, 84)),
        ("P", "gif", RED),
        ("CMYK", "tif", RED),
        ("CMYK", "jpg", RED),
        ("RGBA", "png", WHITE),
        ("I;16", "png", (128, 128, 128)),
        ("I;16", "tif", (128, 128, 128)),
    ],
)
def test_every_mode_becomes_red_green_blue(
    root: Path, mode: str, suffix: str, expected: tuple[int, ...] | None
) -> None:
    path = save(root / f"red/new.{suffix}", picture(mode))
    found = read_picture(path)
    assert found.mode == "RGB"
    if expected is not None:
        tolerance = 3 if suffix in ("jpg", "gif") else 1
        assert abs(np.asarray(found).reshape(-1, 3) - np.array(expected)).max() <= tolerance
    assert read_squares([path], 3, 3).shape == (1, 3, 3, 3)


def test_transparent_palettes_are_white_and_cameras_are_held_upright(tmp_path: Path) -> None:
    palette = plain(GREEN).quantize()
    path = save(tmp_path / "clear.png", palette, transparency=palette.getpixel((0, 0)))
    np.testing.assert_array_equal(np.asarray(read_picture(path))[0, 0], WHITE)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate clockwise
    path = save(tmp_path / "turned.png", plain(GREEN, (9, 7)), exif=exif)
    assert read_picture(path).size == (7, 9)


def test_mean_and_deviation(root: Path) -> None:
    data = ImageFolder(root, 4)
    mean = data.mean_colour()
    np.testing.assert_allclose(mean, (3 * np.array(BLUE) + 2 * np.array(RED)) / 5)
    x = data.prepared(normalise=Normalise(mean, (1, 2, 4))).gather(np.arange(5))
    np.testing.assert_allclose(x.mean(axis=(0, 2, 3)), 0, atol=1e-4)
    assert data.prepared(crop=3).gather(np.arange(1)).shape == (1, 3, 3, 3)
    expected = (np.array(RED) - np.array(mean)) / (1, 2, 4)
    np.testing.assert_allclose(x[4, :, 0, 0], expected, rtol=1e-6)
    assert data.normalise.mean == 0
    assert data.mean_colour(1) == tuple(map(float, BLUE))
    with pytest.raises(ValueError, match="the data set is empty"):
        data[:0].mean_colour()


def test_broken_files_are_named(root: Path) -> None:
    whole = save(root / "red/0.jpg", np.random.default_rng(0).integers(0, 256, (64, 64, 3)))
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    (root / "blue/x.png").write_text("no picture at all")
    (root / "blue/y.gif").touch()
    data = ImageFolder(root, 4)
    assert len(data) == 8
    broken = [i for i, path in enumerate(data.paths) if path.endswith(("x.png", "y.gif", "0.jpg"))]
    assert len(broken) == 3
    for position in broken:
        with pytest.raises(ValueError, match="is not a readable picture") as caught:
            data.gather(np.array([0, position]))
        assert data.paths[position] in str(caught.value)
    with pytest.raises(ValueError, match=r"x\.png is not a readable picture"):
        list(DataLoader(data, 2))
    with pytest.warns(RuntimeWarning) as warned:
        rest = ImageFolder(root, 4, on_error="skip")
    assert len(rest) == 5
    texts = sorted(str(warning.message) for warning in warned)
    assert [name in text for name, text in zip(("x.png", "y.gif", "0.jpg"), texts, strict=True)]
    assert all(text.startswith("[ImageFolder] skipped: ") for text in texts)
    assert rest.gather(np.arange(5)).shape == (5, 3, 4, 4)
    with pytest.warns(RuntimeWarning, match=r"skipped: .*x\.png"):
        part = data[np.array([0, *broken[:1]])].without_broken()
    assert part.paths == data.paths[:1]
    with pytest.warns(RuntimeWarning, match=r"skipped: .*x\.png"):
        assert len(data[np.array(broken[:1])].without_broken()) == 0


def test_a_pipe_is_no_picture(root: Path) -> None:
    pipe = root / "red/pipe.png"
    os.mkfifo(pipe)
    (root / "red/link.png").symlink_to(root / "blue/b.png")
    (root / "red/nowhere.png").symlink_to(root / "missing.png")
    names = [Path(path).name for path in ImageFolder(root, 4).paths[3:]]
    assert names == ["1.png", "2.bmp", "link.png"]
    # If the pipe is opened after all, the reader gets an empty file and does not wait for ever.
    writer = threading.Thread(target=lambda: pipe.write_bytes(b""), daemon=True)
    writer.start()
    for path in (pipe, "/dev/null"):
        with pytest.raises(ValueError, match=f"{path} is no regular file: it is a device"):
            read_picture(path)
    assert pipe.read_bytes() == b""
    writer.join(10)


def test_test_data_has_the_numbers_of_the_trained_classes(root: Path) -> None:
    data = ImageFolder(root, 4, classes=("apple", "blue", "green", "red"))
    assert data.y.tolist() == [1, 1, 1, 3, 3]
    with pytest.raises(ValueError, match="has a class 'blue' that is none of green, red"):
        ImageFolder(root, 4, classes=("green", "red"))


def test_errors_name_the_folder(root: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing"):
        ImageFolder(root / "missing")
    with pytest.raises(NotADirectoryError, match=r"there is no folder .*notes\.txt"):
        ImageFolder(root / "red/notes.txt")
    with pytest.raises(ValueError, match="red has no sub-folders"):
        ImageFolder(root / "red")
    one = tmp_path / "one"
    save(one / "cat/a.png", plain(RED))
    with pytest.raises(ValueError, match="one has one class only, 'cat'"):
        ImageFolder(one)
    (one / "dog").mkdir()
    with pytest.raises(ValueError, match="dog has no pictures"):
        ImageFolder(one)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"size": 0}, ValueError, "size must be at least 1"),
        ({"crop": 5}, ValueError, "crop must be at most 4"),
        ({"size": "4"}, TypeError, "size must be an int"),
        ({"mean": (1, 2)}, ValueError, "must be one number or three"),
        ({"std": (1, 0, 1)}, ValueError, "std must be above 0"),
        ({"on_error": "ignore"}, ValueError, "on_error must be 'raise' or 'skip', got 'ignore'"),
    ],
)
def test_wrong_settings(
    root: Path, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        ImageFolder(root, **({"size": 4} | options))


def test_pictures_are_evaluated_and_predicted(root: Path) -> None:
    data = ImageFolder(root, 8)
    model = Sequential(Flatten(), Linear(192, 2, rng=0))
    outputs = predict(model, data, batch_size=2)
    assert outputs.shape == (5, 2)
    assert evaluate(model, data).accuracy == (outputs.argmax(1) == data.y).mean()


def test_what_macos_puts_into_archives_is_no_class_and_no_picture(tmp_path: Path) -> None:
    root = tmp_path / "pets"
    picture_folder(root, 2)
    picture_folder(root / "__MACOSX", 1)
    picture_folder(root / "red" / "__MACOSX", 1)
    Path(root, "red", "._0.png").write_bytes(b"no picture")
    data = ImageFolder(root, 32)
    assert data.classes == ("green", "red")
    assert len(data) == 4
