"""The history that training leaves behind."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from toy import blobs, small_net

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
    assert history.images_per_second == 0
    for epoch, (seconds, rate) in enumerate([(1.0, 100.0), (3.0, 300.0)], start=1):
        history.records.append(
            EpochRecord(epoch, float("nan"), 0.5, None, None, 0.1, seconds, rate)
        )
    assert history.seconds == 4
    assert history.images_per_second == 250
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


@pytest.mark.parametrize("change", [{"loss": "x"}, {"accuracy": "a"}, {"epoch": [1]}])
def test_a_history_of_other_things_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    model, path = small_net(), tmp_path / "history.json"
    fit(model, blobs(40), progress=False).to_json(path)
    content = json.loads(path.read_text())
    content["epochs"][0] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"history\.json is not a history of pycnn"):
        History.from_json(path)
