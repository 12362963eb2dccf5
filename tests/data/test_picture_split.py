"""The part of a folder of pictures that the recipes keep for testing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.dataset_files import picture_folder

from pycnn import recipes
from pycnn.datasets import ImageFolder
from pycnn.recipes.pictures import picture_sets, split_note

pytestmark = pytest.mark.usefixtures("own_folder")


def test_training_and_test_pictures_have_nothing_in_common() -> None:
    folder = picture_folder(Path("pets"), 10)
    train, test = picture_sets(folder, 32, 28)
    assert (len(train), len(test)) == (16, 4)
    assert not set(train.paths) & set(test.paths)
    assert np.bincount(test.y).tolist() == [2, 2]
    assert picture_sets(folder, 32, 28)[1].paths == test.paths
    assert train.gather(np.arange(1)).shape == (1, 3, 32, 32)
    assert test.gather(np.arange(1)).shape == (1, 3, 28, 28)
    # "train" is a class here, because there is no "test" next to it.
    picture_folder(Path("vehicles"), 5, classes={"train": (0, 0, 0), "ship": (9, 9, 9)})
    assert picture_sets("vehicles", 32, 32)[0].classes == ("ship", "train")


@pytest.mark.parametrize("name", ["alexnet", "alexnet_cifar"])
def test_whatever_comes_or_goes_no_picture_of_the_training_is_tested(name: str) -> None:
    recipe = recipes.get(name)
    folder = picture_folder(Path("pets"), 20)
    train, test = recipe.data(folder)
    assert isinstance(train, ImageFolder)
    assert isinstance(test, ImageFolder)
    model = recipe.build(train, 0)
    noted = {**model.metadata, "classes": list(train.classes)}
    model.metadata = json.loads(json.dumps(noted))  # as in a checkpoint

    def tested() -> set[str]:
        data = recipe.test_data(model, folder)
        assert isinstance(data, ImageFolder)
        return set(data.paths)

    assert tested() == set(test.paths)
    picture_folder(Path("pets"), 60)
    assert not tested() & set(train.paths)
    assert tested() > set(test.paths)
    for path in (*train.paths[::2], *test.paths[::2]):
        Path(path).unlink()
    assert not tested() & set(train.paths)
    assert tested() > set(test.paths[1::2])
    for path in tested():
        Path(path).unlink()
    with pytest.raises(ValueError, match="pets holds no picture that the training has kept for"):
        tested()
    for wrong, text in (([0.5], "has 2 classes, but its list"), ([0.5, "a"], "has no list")):
        model.metadata = {**noted, "test_below": wrong}
        with pytest.raises(ValueError, match=f"the checkpoint {text} 'test_below'"):
            tested()


def test_nothing_is_chosen_where_there_are_test_data() -> None:
    picture_folder(Path("data/train"), 2)
    picture_folder(Path("data/test"), 2)
    train, test = picture_sets("data", 32, 32)
    assert (len(train), len(test)) == (4, 4)
    assert split_note(train) == {}


def test_a_class_with_one_picture_cannot_be_split() -> None:
    picture_folder(Path("pets"), 2)
    Path("pets/red/0.png").unlink()
    with pytest.raises(ValueError, match="pets has one picture only of the class 'red'"):
        picture_sets("pets", 32, 32)


def test_broken_pictures_do_not_change_what_is_kept_for_testing(damaged: list[str]) -> None:
    every = picture_sets("pets", 32, 32)
    with pytest.warns(RuntimeWarning, match="skipped"):
        whole = picture_sets("pets", 32, 32, skip_broken=True)
    for before, after, broken in zip(every, whole, damaged, strict=True):
        assert after.paths == tuple(path for path in before.paths if path != broken)
    picture_folder(Path("parts/train"), 2)
    picture_folder(Path("parts/test"), 2)
    Path("parts/test/red/0.png").write_text("no picture")
    with pytest.warns(RuntimeWarning, match="parts/test/red/0.png"):
        train, test = recipes.get("alexnet").data("parts", skip_broken=True)
    assert (len(train), len(test)) == (4, 3)


@pytest.mark.filterwarnings("ignore:.*skipped")
def test_a_class_without_a_whole_picture_for_training_is_named() -> None:
    train, _ = picture_sets(picture_folder(Path("pets"), 5), 32, 32)
    for label, path in zip(train.y, train.paths, strict=True):
        if train.classes[label] == "red":
            Path(path).write_text("no picture")
    with pytest.raises(ValueError, match="pets: every training picture of the class 'red' is"):
        picture_sets("pets", 32, 32, skip_broken=True)
