"""The history that training leaves behind."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.small_training import blobs, small_net

from pycnn.training import (
    EpochRecord,
    History,
    fit,
)


def test_history_as_csv_and_json(tmp_path: Path) -> None:
    history = fit(small_net(), blobs(64), epochs=2)
    history.to_csv(tmp_path / "h.csv")
    with open(tmp_path / "h.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [float(row["loss"]) for row in rows] == history["loss"]
    assert rows[0]["val_loss"] == ""
    history.to_json(tmp_path / "h.json")
    content = json.loads((tmp_path / "h.json").read_text())
    assert content["epochs"][1] == history.records[1]._asdict()
    assert content["interrupted"] is False
    assert {path.name for path in tmp_path.iterdir()} == {"h.csv", "h.json"}


def test_history_figures() -> None:
    history = History()
    assert history.samples_per_second == 0
    for epoch, (seconds, rate) in enumerate([(1.0, 100.0), (3.0, 300.0)], start=1):
        history.records.append(
            EpochRecord(epoch, float("nan"), 0.5, None, None, 0.1, seconds, rate)
        )
    assert history.seconds == 4
    assert history.samples_per_second == 250
    assert [record.epoch for record in history] == [1, 2]
    with pytest.raises(KeyError, match="no field 'acc'; there are epoch, loss"):
        history["acc"]


def test_json_has_null_for_nan(tmp_path: Path) -> None:
    history = History()
    history.records.append(EpochRecord(1, float("nan"), 0.5, float("inf"), None, 0.1, 1, 1))
    history.to_json(tmp_path / "h.json")

    def refuse(text: str) -> None:
        raise AssertionError(text)

    content = json.loads((tmp_path / "h.json").read_text(), parse_constant=refuse)
    assert content["epochs"][0]["loss"] is None
    assert content["epochs"][0]["val_loss"] is None


@pytest.mark.parametrize("method", ["to_csv", "to_json"])
def test_a_history_that_cannot_be_written_leaves_no_file(tmp_path: Path, method: str) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("here")
    with pytest.raises(OSError, match="Not a directory"):
        getattr(History(), method)(blocker / "h")
    with pytest.raises(IsADirectoryError):
        getattr(History(), method)(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.fixture
def history(tmp_path: Path) -> Any:
    """Return the content that `to_json` writes, and a function that reads it back."""
    path = tmp_path / "history.json"
    fit(small_net(), blobs(40), progress=False).to_json(path)

    def read(content: object) -> History:
        path.write_text(json.dumps(content))
        return History.from_json(path)

    return json.loads(path.read_text()), read


@pytest.mark.parametrize("field", EpochRecord._fields)
def test_a_null_is_read_where_it_has_a_meaning(history: Any, field: str) -> None:
    content, read = history
    content["epochs"][0][field] = None
    if field in ("accuracy", "val_loss", "val_accuracy"):
        assert getattr(read(content).records[0], field) is None
    elif field == "loss":
        assert np.isnan(read(content).records[0].loss)
    else:
        with pytest.raises(ValueError, match=rf"history\.json is not .*: .*{field} must be an? "):
            read(content)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"loss": "x"}, "loss must be a number, got str"),
        ({"accuracy": "a"}, "accuracy must be a number, got str"),
        ({"epoch": [1]}, "epoch must be a number, got list"),
        ({"epoch": 1.5}, "epoch must be an int, got float"),
        ({"seconds": True}, "seconds must be a number, got bool"),
        ({"seconds": 10**400}, "seconds is out of range"),
        ({"colour": 1}, "unexpected keyword argument 'colour'"),
    ],
)
def test_an_epoch_of_other_things_is_refused(history: Any, change: Any, text: str) -> None:
    content, read = history
    content["epochs"][0] |= change
    with pytest.raises(ValueError, match=rf"history\.json is not a history of pycnn: .*{text}"):
        read(content)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"stop_reason": 5}, "stop_reason must be a text, got 5"),
        ({"interrupted": None}, "interrupted must be True or False, got None"),
        ({"self_organization": "3"}, "self_organization must be a number, got str"),
        ({"epochs": 5}, "'int' object is not iterable"),
        ({"epochs": [5]}, "must be a mapping, not int"),
    ],
)
def test_a_history_of_other_things_is_refused(history: Any, change: Any, text: str) -> None:
    content, read = history
    with pytest.raises(ValueError, match=rf"history\.json is not a history of pycnn: .*{text}"):
        read(content | change)
    for wrong in ([content], 5, {**content, "epochs": [{}]}, {"interrupted": False}):
        with pytest.raises(ValueError, match=r"history\.json is not a history of pycnn: "):
            read(wrong)


def test_a_figure_that_nothing_can_draw_is_refused(tmp_path: Path) -> None:
    history = History()
    history.records = [EpochRecord(1, 1e300, None, None, None, 0.1, 1.0, 1.0)]
    history.to_json(tmp_path / "h.json")
    with pytest.raises(ValueError, match=r"h\.json is not a history .* loss is out of range"):
        History.from_json(tmp_path / "h.json")
