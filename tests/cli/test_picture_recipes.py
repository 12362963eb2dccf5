"""The command line with folders of pictures: AlexNet, large and small."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.command_line import Capture, fails
from support.dataset_files import COLOURS, picture_folder

from pycnn import datasets, io, recipes
from pycnn.cli import main
from pycnn.data import ArrayDataset
from pycnn.datasets import ImageFolder
from pycnn.recipes.alexnet_cifar import NORMALISE
from pycnn.training import predict

pytestmark = pytest.mark.usefixtures("own_folder")


def test_the_small_network_is_trained_evaluated_and_asked(capsys: Capture) -> None:
    folder = picture_folder(Path("pets"), 20)
    arguments = ["--data", folder, "--epochs", "4", "--batch-size", "4", "--augment"]
    assert main(["train", "alexnet_cifar", *arguments]) == 0
    out = capsys.readouterr().out
    assert "32 training and 8 test samples" in out
    assert "test accuracy 100.00%" in out
    checkpoint = "runs/alexnet_cifar/model.safetensors"
    assert io.load_model(checkpoint).metadata["classes"] == ["green", "red"]
    assert main(["evaluate", checkpoint, "--data", folder]) == 0
    assert "test accuracy 100.00%" in (text := capsys.readouterr().out)
    assert "(8 samples): those of 40 pictures that training keeps for testing\n" in text
    # Another folder, with a part of the classes under test/ and any training data.
    picture_folder(Path("more/train"), 1)
    picture_folder(Path("more/test"), 3, classes={"red": COLOURS["red"]})
    assert main(["evaluate", checkpoint, "--data", "more"]) == 0
    assert "test accuracy 100.00%, loss" in (text := capsys.readouterr().out)
    assert "(3 samples)" in text
    # Test data alone are enough, whatever the folder is called.
    shutil.rmtree("more/train")
    for name in ("test", "val"):
        Path("more/test").rename(f"more/{name}")
        assert main(["evaluate", checkpoint, "--data", "more"]) == 0
        assert "(3 samples)\n" in capsys.readouterr().out
        Path(f"more/{name}").rename("more/test")
    assert main(["predict", checkpoint, "pets/red/0.png", "pets/green/1.png"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" (")[0] for line in lines] == [
        "pets/red/0.png: red", "pets/green/1.png: green"
    ]  # fmt: skip


def test_the_large_network_keeps_the_mean_of_its_pictures() -> None:
    picture_folder(Path("data/train"), 2, 60)
    picture_folder(Path("data/val"), 1, 60)
    recipe = recipes.get("alexnet")
    train, test = recipe.sets("data")
    assert (len(train), len(test)) == (4, 2)
    model = recipe.build(train, 0)
    mean = ImageFolder("data/train").mean_colour()
    np.testing.assert_allclose(model.metadata["mean"], mean, rtol=1e-6)
    plain = ImageFolder("data/val", 256, 227).gather(np.arange(2))
    expected = plain - np.array(mean, np.float32)[:, np.newaxis, np.newaxis]
    model.metadata = {**model.metadata, "classes": list(train.classes)}
    for data in (test, recipe.test_data(model, "data")):
        np.testing.assert_allclose(data.gather(np.arange(2)), expected, atol=1e-3)
    read = recipe.read(model, ["data/val/green/0.png"])
    np.testing.assert_allclose(read, expected[:1], atol=1e-3)
    assert predict(model, read).shape == (1, 2)
    model.metadata = {}
    with pytest.raises(ValueError, match="the checkpoint has no list 'mean' in its metadata"):
        recipe.read(model, ["data/val/green/0.png"])


def test_the_settings_of_the_paper_are_there() -> None:
    recipe = recipes.get("alexnet")
    assert recipe.rates["sgd"] == 0.01
    assert recipe.weight_decay == 5e-4
    assert recipe.always_augment
    x = np.random.default_rng(0).random((2, 3, 256, 256), np.float32)
    assert recipe.augment is not None
    assert recipe.augment(x, np.random.default_rng(0)).shape == (2, 3, 227, 227)


def test_without_a_folder_the_small_network_is_for_cifar(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def cifar10(folder: str | None) -> tuple[ArrayDataset, ArrayDataset]:
        asked.append(folder)
        x = np.zeros((2, 3, 32, 32), np.float32)
        data = ArrayDataset(x, np.zeros(2, np.int64), classes=("cat", "dog"))
        return data, data[:1]

    monkeypatch.setattr(datasets, "cifar10", cifar10)
    recipe = recipes.get("alexnet_cifar")
    assert len(recipe.sets(None)[0]) == 2
    Path("cifar").mkdir()
    Path("cifar/cifar-10-binary.tar.gz").touch()
    assert len(recipe.test_data(recipe.build(recipe.sets("cifar")[0], 0), "cifar")) == 1
    assert asked == [None, "cifar", "cifar"]
    # Pictures of one's own get CIFAR's mean and deviation.
    train, _ = recipe.sets(picture_folder(Path("pets"), 5))
    assert isinstance(train, ImageFolder)
    assert train.normalise is NORMALISE


def test_broken_pictures_are_left_out_with_a_warning(damaged: list[str], capsys: Capture) -> None:
    arguments = ["train", "alexnet_cifar", "--data", "pets", "--epochs", "1"]
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert "32 training and 8 test samples" in out
    assert err.startswith(f"pycnn: error: {damaged[0]} is not a readable picture")

    def warned(broken: list[str]) -> str:
        out, err = capsys.readouterr()
        for path, line in zip(broken, err.splitlines(), strict=True):
            assert line.startswith("pycnn: warning: [ImageFolder] skipped: ")
            assert f"{path} is not a readable picture" in line
        return out

    assert main([*arguments, "--skip-broken"]) == 0
    assert "31 training and 7 test samples" in warned(damaged)
    # Pictures left out of the training are left out of the test.
    assert main(["evaluate", "runs/alexnet_cifar"]) == 0
    assert "(7 samples)" in warned(damaged[1:])
    assert main(["report", "runs/alexnet_cifar"]) == 0
    warned(damaged[1:])
    assert "--skip-broken" in Path("runs/alexnet_cifar/report.html").read_text()

    Path("runs/alexnet_cifar/model.safetensors").rename("alone.safetensors")
    evaluate = ["evaluate", "alone.safetensors", "--data", "pets"]
    assert damaged[1] in fails(capsys, *evaluate)
    assert main([*evaluate, "--skip-broken"]) == 0
    assert "(7 samples)" in warned(damaged[1:])
    plot = ["plot", "confusion", "alone.safetensors", "--data", "pets"]
    assert main([*plot, "--skip-broken"]) == 0
    warned(damaged[1:])


def test_skipping_pictures_is_refused_where_there_are_none(
    data: str, checkpoint: str, capsys: Capture
) -> None:
    common = ["--data", data, "--skip-broken"]
    for command in (
        *(["train", name] for name in ("lenet5", "lenet5_1998", "neocognitron", "textcnn")),
        ["evaluate", checkpoint],
        ["plot", "confusion", checkpoint],
        ["report", checkpoint],
    ):
        assert "is for networks that read folders of pictures" in fails(capsys, *command, *common)


def test_wrong_folders_are_one_line(capsys: Capture) -> None:
    assert "needs pictures of your own: --data DIR" in fails(capsys, "train", "alexnet")
    assert "there is no folder none" in fails(capsys, "train", "alexnet", "--data", "none")
    Path("empty").mkdir()
    assert "empty has no sub-folders" in fails(capsys, "train", "alexnet_cifar", "--data", "empty")
    folder = picture_folder(Path("one"), 2, classes={"red": (255, 0, 0)})
    assert "one has one class only, 'red'" in fails(capsys, "train", "alexnet", "--data", folder)
    folder = picture_folder(Path("two"), 2)
    Path("two/red/0.png").write_text("no picture")
    text = fails(capsys, "train", "alexnet", "--data", folder)
    assert "two/red/0.png is not a readable picture" in text
