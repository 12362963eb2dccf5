"""EMNIST: its images lie on their side in the files, its letters are numbered from 1."""

from __future__ import annotations

import gzip
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.command_line import Capture, fails
from support.dataset_files import idx_bytes, random_bytes
from support.drawn_digits import MNIST

from pycnn import datasets, io, recipes
from pycnn.cli import main
from pycnn.data import ArrayDataset
from pycnn.datasets import emnist
from pycnn.datasets.idx import read_images, read_labels
from pycnn.recipes.digit_picture import GROUND, LIGHT, NOTE, box_of, read_digit, read_digits
from pycnn.report import Run

pytestmark = pytest.mark.usefixtures("own_folder")


def write(
    folder: Path, train: str, test: str, *, transposed: bool, first: int = 0, count: int = 3000
) -> np.ndarray:
    """Write some of MNIST as files of these names; return the test images, upright."""
    folder.mkdir(parents=True, exist_ok=True)
    for source, name, number in (("train", train, count), ("t10k", test, 200)):
        images = read_images(MNIST / f"{source}-images-idx3-ubyte.gz")[:number, 0]
        labels = read_labels(MNIST / f"{source}-labels-idx1-ubyte.gz", 10)[:number] + first
        stored = np.ascontiguousarray(images.swapaxes(1, 2)) if transposed else images
        pairs = (("images-idx3", stored), ("labels-idx1", labels.astype(np.uint8)))
        for kind, array in pairs:
            path = folder / f"{name}-{kind}-ubyte"
            data = idx_bytes(array)
            if name.endswith("z"):
                path, data = folder / f"{name[:-1]}-{kind}-ubyte.gz", gzip.compress(data, 1)
            path.write_bytes(data)
    return images


def upright(data: ArrayDataset, images: np.ndarray) -> bool:
    expected = ((images / 255 - 0.1307) / 0.3081).astype(np.float32)
    return np.array_equal(data.x[:, 0], expected)


def test_files_with_the_names_of_emnist_are_turned_upright() -> None:
    images = write(Path("a/gzip"), "emnist-digits-trainz", "emnist-digits-testz", transposed=True)
    for folder in ("a", "a/gzip"):
        train, test = datasets.mnist(folder)
        assert upright(test, images)
        assert train.classes == tuple("0123456789")
    assert not upright(datasets.mnist("a", transposed=False)[1], images)
    with pytest.raises(TypeError, match="transposed must be True or False"):
        datasets.mnist("a", transposed=1)  # type: ignore[arg-type]


def test_renamed_files_are_known_by_their_digits() -> None:
    images = write(Path("b"), "train", "t10k", transposed=True)
    with pytest.warns(RuntimeWarning, match="the digits in b lie on their side"):
        assert upright(datasets.mnist("b", classes=None)[1], images)
    assert upright(datasets.mnist("b", transposed=True)[1], images)
    images = write(Path("c"), "train", "t10k", transposed=False)
    assert upright(datasets.mnist("c")[1], images)
    # Noise, and digits with the labels of others, are like MNIST neither way.
    for array in (random_bytes(3000, 28, 28), random_bytes(3000, 28, 20), random_bytes(0, 28, 28)):
        Path("c/train-images-idx3-ubyte").write_bytes(idx_bytes(array))
        labels = random_bytes(len(array), high=10)
        Path("c/train-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            datasets.mnist("c")


@pytest.mark.parametrize(
    ("split", "count", "last"),
    [("balanced", 47, "t"), ("byclass", 62, "z"), ("letters", 26, "Zz"), ("mnist", 10, "9")],
)
def test_classes_have_the_names_of_their_split(split: str, count: int, last: str) -> None:
    first = int(split == "letters")
    write(Path("d"), f"emnist-{split}-train", f"emnist-{split}-test", transposed=True,
          first=first, count=100)  # fmt: skip
    expected = read_labels(MNIST / "train-labels-idx1-ubyte.gz", 10)[:100]
    for classes in (None, tuple("0123456789")):
        train = datasets.mnist("d", classes=classes)[0]
        if classes is None:
            assert len(train.classes) == count
            assert train.classes[-1] == last
        np.testing.assert_array_equal(train.y, expected)
    assert len(datasets.mnist("d")[0].classes) == count


def test_the_mapping_file_names_the_classes_and_a_broken_one_is_named() -> None:
    write(Path("e"), "emnist-letters-train", "emnist-letters-test", transposed=True,
          first=1, count=100)  # fmt: skip
    mapping = Path("e/emnist-letters-mapping.txt")
    mapping.write_text("\n".join(f"{i} {64 + i} {96 + i}" for i in range(1, 27)) + "\n")
    train, _ = datasets.mnist("e", classes=None)
    assert train.classes[:2] == ("Aa", "Bb")
    assert train.y.min() == 0
    # Users who count from 0 and give a name for it keep the numbers of the files.
    assert datasets.mnist("e", classes=["", *train.classes])[0].y.min() == 1
    mapping.write_bytes(b"\xef\xbb\xbf" + mapping.read_bytes())  # a byte order mark is not a digit
    assert datasets.mnist("e", classes=None)[0].classes == train.classes
    for text in ("", "1 65\n3 66", "1", "one 65", f"1 {2**40}", "1 7", "1 65\n" * 2000):
        mapping.write_text(text)
        with pytest.raises(ValueError, match=r"emnist-letters-mapping\.txt is no mapping"):
            datasets.mnist("e")


def test_a_run_on_emnist_reads_upright_pictures_as_it_was_trained(capsys: Capture) -> None:
    images = write(Path("f"), "train", "t10k", transposed=True, count=6000)
    train = ["train", "lenet5", "--data", "f", "--epochs", "2", "--out", "run"]
    assert main([*train, "--transposed"]) == 0
    assert json.loads(Path("run/settings.json").read_bytes())["transposed"] is True
    assert main(["evaluate", "run"]) == 0
    accuracy = float(capsys.readouterr().out.split("test accuracy ")[-1].split("%")[0])
    assert accuracy > 85
    names = [f"{number}.png" for number in range(40)]
    for name, image in zip(names, images, strict=False):
        Image.fromarray(image).save(name)
    assert main(["predict", "run", *names]) == 0
    guesses = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    labels = read_labels(MNIST / "t10k-labels-idx1-ubyte.gz", 10)[:40]
    assert sum(a == str(b) for a, b in zip(guesses, labels, strict=True)) >= 34
    assert main(["evaluate", "run", "--no-transposed"]) == 0
    assert float(capsys.readouterr().out.split("test accuracy ")[-1].split("%")[0]) < 50
    assert "IDX files" in fails(capsys, "train", "textcnn", "--transposed")


def test_pictures_get_the_box_of_the_training_images() -> None:
    whole = np.zeros((5, 1, 28, 28), np.float32)
    whole[:, :, 2:26, 9:15] = 1
    assert box_of(ArrayDataset(whole, np.zeros(5, np.int64))) == {NOTE: 24}
    assert box_of(ArrayDataset(whole * 0, np.zeros(5, np.int64))) == {NOTE: 20}
    assert box_of(datasets.mnist()[1]) == {NOTE: 20}
    page = np.full((100, 100), 230, np.uint8)
    page[20:80, 40:50] = 30
    Image.fromarray(page).save("one.png")
    for box in (20, 24, 28):
        rows = np.flatnonzero(read_digit("one.png", box).any(axis=1))
        assert np.ptp(rows) + 1 == box
    # An image of the data set stays as it is: EMNIST's are central by their box, not their mass.
    image = (whole[0, 0] * 255).astype(np.uint8)
    image[2:6, 9:20] = 255
    Image.fromarray(image).save("image.png")
    np.testing.assert_array_equal(read_digit("image.png", 24), image)
    clothes = np.zeros((28, 28), np.uint8)
    clothes[0:28, 4:24] = np.arange(20) * 12
    Image.fromarray(clothes).save("shirt.png")
    np.testing.assert_array_equal(read_digit("shirt.png", 28), clothes)


@pytest.mark.parametrize("recipe", ["lenet5", "lenet5_1998"])
def test_a_model_of_dark_digits_on_white_reads_its_own_images(recipe: str) -> None:
    images = write(Path("g"), "train", "t10k", transposed=False)
    for name in ("train", "t10k"):
        path = Path(f"g/{name}-images-idx3-ubyte")
        path.write_bytes(idx_bytes(255 - read_images(path)[:, 0]))
    train = recipes.get(recipe).sets("g")[0]
    assert box_of(train) == {NOTE: 20, GROUND: LIGHT}
    model = recipes.get(recipe).build(train, 0)
    page = np.full((100, 100), 20, np.uint8)
    page[20:80, 45:52] = 230
    for number, image in enumerate((*images[:20], page)):
        for kind, shown in (("light", 255 - image), ("dark", image)):
            Image.fromarray(shown).save(f"{kind}{number}.png")
            found = read_digits(model, [f"{kind}{number}.png"])[0, 0]
            if number < 20:
                np.testing.assert_array_equal(found, 255 - image)
            assert (found[[0, -1]] == 255).all()
            assert found.min() < 50
    model.metadata = {**model.metadata, GROUND: "grey"}
    with pytest.raises(ValueError, match="'grey' for 'ground', which is no ground"):
        read_digits(model, ["dark0.png"])


def stored(folder: str, name: str, change: Callable[[np.ndarray, np.ndarray], Any]) -> None:
    """Change the training images and labels of a folder."""
    images = Path(folder) / f"{name}-images-idx3-ubyte"
    labels = Path(folder) / f"{name}-labels-idx1-ubyte"
    changed = change(read_images(images)[:, 0], read_labels(labels, 256))
    for path, array in zip((images, labels), changed, strict=True):
        path.write_bytes(idx_bytes(np.ascontiguousarray(array.astype(np.uint8))))


@pytest.mark.parametrize("names", [("train", "t10k"), ("emnist-mnist-train", "emnist-mnist-test")])
@pytest.mark.parametrize(
    ("way", "change"),
    [
        ("turned by 90 degrees to the left", lambda x: np.rot90(x, 1, (1, 2))),
        ("turned by 90 degrees to the right", lambda x: np.rot90(x, 3, (1, 2))),
        ("upside down", lambda x: x[:, ::-1, ::-1]),
        ("mirrored left to right", lambda x: x[:, :, ::-1]),
        ("mirrored top to bottom", lambda x: x[:, ::-1]),
        ("transposed and upside down", lambda x: x[:, ::-1, ::-1].swapaxes(1, 2)),
    ],
)
def test_digits_that_lie_in_another_way_are_named_and_left_alone(
    names: tuple[str, str], way: str, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    images = write(Path("h"), *names, transposed=False, count=1000)
    stored("h", names[0], lambda x, y: (change(x), y))
    with pytest.warns(RuntimeWarning, match=f"the digits in h are {way}: they are left"):
        assert upright(datasets.mnist("h")[1], images)


@pytest.mark.parametrize("split", ["digits", "mnist", "balanced", "bymerge", "byclass"])
def test_upright_digits_under_names_of_emnist_stay_upright(split: str) -> None:
    images = write(Path("i"), f"emnist-{split}-train", f"emnist-{split}-test", transposed=False,
                   count=1000)  # fmt: skip
    with pytest.warns(RuntimeWarning, match="the digits in i are upright"):
        assert upright(datasets.mnist("i")[1], images)


@pytest.mark.parametrize("kept", [(0, 1), (3, 7), (2, 4, 5), tuple(range(10))])
@pytest.mark.parametrize("inverted", [False, True])
def test_some_digits_among_other_classes_are_enough(kept: tuple[int, ...], inverted: bool) -> None:
    images = write(Path("k"), "train", "t10k", transposed=True)

    def change(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = x[np.isin(y, kept)], y[np.isin(y, kept)]
        noise = random_bytes(500, 28, 28)
        x = np.concatenate([255 - x if inverted else x, noise])
        return x, np.concatenate([y, 10 + np.arange(500) % 37])

    stored("k", "train", change)
    with pytest.warns(RuntimeWarning, match="the digits in k lie on their side"):
        assert upright(datasets.mnist("k", classes=None)[1], images)


def test_other_data_of_a_transposed_run_are_transposed_too() -> None:
    write(Path("l"), "train", "t10k", transposed=True, count=200)
    (run := Path("run")).mkdir()
    model = recipes.get("lenet5").build(datasets.mnist("l", transposed=True)[0], 0)
    io.save(run / "model.safetensors", model)
    settings = {"data": "l", "transposed": True, "format": 1}
    (run / "settings.json").write_text(json.dumps(settings))
    images = write(Path("m"), "train", "t10k", transposed=True, count=3)
    for data in (None, "m"):
        test = Run(run, data).test
        assert isinstance(test, ArrayDataset)
        assert upright(test, images)
    other = Run(run, "m", transposed=False).test
    assert isinstance(other, ArrayDataset)
    assert not upright(other, images)


def test_nobody_can_give_the_default_classes_by_chance() -> None:
    write(Path("n"), "emnist-byclass-train", "emnist-byclass-test", transposed=True, count=100)
    assert datasets.mnist("n", classes=emnist.DIGITS)[0].classes == emnist.DIGITS
    assert len(datasets.mnist("n")[0].classes) == 62
    assert datasets.mnist()[0].classes == emnist.DIGITS


@pytest.mark.parametrize("name", ["lenet5", "lenet5_1998", "neocognitron"])
def test_evaluation_needs_test_data_only(name: str, data: str) -> None:
    """The result is the same with training data next to them."""
    recipe = recipes.get(name)
    train, both = recipe.data(data)
    model = recipe.build(train, 0)
    for path in Path(data).glob("train-*"):
        path.unlink()
    alone = recipe.test_data(model, data)
    assert np.array_equal(alone.gather(np.arange(9)), both.gather(np.arange(9)))
    assert np.array_equal(alone.y, both.y)
    with pytest.raises(FileNotFoundError, match="has no train images"):
        recipe.data(data)
