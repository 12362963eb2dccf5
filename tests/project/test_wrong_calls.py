"""Calls as people write them by mistake: the error says what to write."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.dataset_files import picture_folder
from support.small_training import blobs, small_net

import pycnn
from pycnn.data import ArrayDataset
from pycnn.datasets import ImageFolder
from pycnn.text import SentenceDataset
from pycnn.training import BestCheckpoint, CSVLog, evaluate, fit


@pytest.mark.parametrize("kind", [ArrayDataset, ImageFolder, SentenceDataset])
def test_a_data_set_says_how_one_goes_through_it(kind: type, tmp_path: Path) -> None:
    makers: dict[type, Callable[[], Any]] = {
        ArrayDataset: lambda: blobs(4),
        ImageFolder: lambda: ImageFolder(picture_folder(tmp_path, 2), 32),
        SentenceDataset: lambda: SentenceDataset(["a", "b"], np.zeros(2, np.int64), ("x",)),
    }
    data = makers[kind]()
    words = rf"^\[{kind.__name__}\] .*iterate with pycnn\.DataLoader\(data, batch_size="
    for call in (lambda: next(iter(data)), lambda: list(data), lambda: [x for x, _ in data]):
        with pytest.raises(TypeError, match=words):
            call()
    for index in (0, np.int64(1)):
        with pytest.raises(
            TypeError, match=rf"got .*{index}\)?: data\[{index}:{index + 1}\] is that"
        ):
            data[index]
        assert len(data[index : index + 1]) == 1


def test_samples_without_labels_are_told_how_to_be_given() -> None:
    data = blobs(4)
    with pytest.raises(TypeError, match=r"^\[evaluate\] .*evaluate\(model, x, y\)"):
        evaluate(small_net(), data.x)
    with pytest.raises(TypeError, match=r"^\[evaluate\] y goes with samples x alone"):
        evaluate(small_net(), data, data.y)
    assert evaluate(small_net(), data) == evaluate(small_net(), data.x, data.y)


@pytest.mark.parametrize("wrong", [3, b"x", None, ["x"]])
def test_what_is_no_path_is_refused_by_name(wrong: Any) -> None:
    model = small_net()
    calls: dict[str, Callable[[], Any]] = {
        "[BestCheckpoint] path": lambda: BestCheckpoint(wrong),
        "[CSVLog] path": lambda: CSVLog(wrong),
        "[save] path": lambda: pycnn.save(wrong, model),
        "[load] path": lambda: pycnn.load(wrong, model),
        "[load_model] path": lambda: pycnn.load_model(wrong),
    }
    if wrong is not None:
        calls["[fit] checkpoint"] = lambda: fit(model, blobs(4), checkpoint=wrong)
    for name, call in calls.items():
        with pytest.raises(TypeError, match=rf"^{re.escape(name)} must be a path, "):
            call()


def test_the_optimizer_that_an_error_names_is_there() -> None:
    with pytest.raises(TypeError, match="such as") as info:
        fit(small_net(), blobs(4), optimizer=pycnn.optim.Adam)  # type: ignore[arg-type]
    named = re.search(r"such as pycnn\.optim\.(\w+)\(", str(info.value))
    assert named
    assert hasattr(pycnn.optim, named[1])
