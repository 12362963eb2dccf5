"""Old files load: a file of each version of the format, kept since that version was written."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from support.small_training import same_bits, small_net

from pycnn import __version__, io, models
from pycnn._format import FORMAT
from pycnn.cli import results
from pycnn.layers import Module
from pycnn.report import Run
from pycnn.training import History

DATA = Path(__file__).parents[1] / "support" / "old_files"
# The files of a run with each version, in one folder each: `run_VERSION`.
RUNS = sorted(DATA.glob("run_*"))

VOCABULARY = ["<pad>", "<unk>", "good", "b\u00e4d"]


def kept_model() -> Module:
    return models.textcnn(VOCABULARY, dim=3, filters=2, widths=[1, 2], rng=0)


def test_there_is_a_file_of_every_version() -> None:
    assert [folder.name for folder in RUNS] == [f"run_{n}" for n in range(FORMAT + 1)]


@pytest.mark.parametrize("folder", RUNS, ids=lambda folder: folder.name)
def test_old_files_load(folder: Path, form: str, tried: Callable[[str, int, str], None]) -> None:
    run = Run(folder)
    assert same_bits(run.model.state_dict(), kept_model().state_dict())
    assert run.model.metadata == {"classes": ["negative", "positive"]}
    assert run.settings["optimizer"] == "adadelta"
    assert run.settings["lr"] == 1.0
    assert "format" not in run.settings
    first, second = run.history.records
    assert math.isnan(first.loss)
    assert second[:5] == (2, 0.25, 0.875, 0.5, 0.75)
    assert run.history.self_organization == 1.5
    tried("old files load", 3, f"those of {folder.name} ({form} form)")


def test_the_first_checkpoints_load() -> None:
    """The first commit sorted its header, and had no metadata."""
    model = small_net(1)
    io.load(DATA / "checkpoint_0_first.safetensors", model)
    assert same_bits(model.state_dict(), small_net(0).state_dict())


def test_what_is_written_today_is_the_newest_version(tmp_path: Path) -> None:
    """The committed files of the newest version are what this pycnn writes."""
    newest = RUNS[-1]
    model = kept_model()
    model.metadata = {"classes": ["negative", "positive"]}
    settings = json.loads((newest / "settings.json").read_text())
    assert settings.pop("format") == FORMAT
    results._write(tmp_path, model, History.from_json(newest / "history.json"), settings)
    for name in ("settings.json", "history.json"):
        assert (tmp_path / name).read_bytes() == (newest / name).read_bytes()
    with open(newest / "model.safetensors", "rb") as file:
        assert f'\\"format\\": {FORMAT}' in file.read(500).decode("latin-1")


def newer_checkpoint(folder: Path) -> Path:
    path = folder / "model.safetensors"
    save_file({"a": np.zeros(1)}, path, {"pycnn": json.dumps({"format": FORMAT + 1})})
    return path


def newer_json(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": FORMAT + 1}))
    return path


@pytest.mark.parametrize(
    ("make", "read"),
    [
        (newer_checkpoint, lambda folder: io.load_model(folder)),
        (newer_checkpoint, lambda folder: io.load(folder, small_net())),
        (lambda folder: newer_json(folder, "settings.json"), lambda folder: Run(folder).settings),
        (lambda folder: newer_json(folder, "history.json"), lambda folder: Run(folder).history),
    ],
)
def test_a_newer_file_is_refused_in_words_that_name_both_versions(
    tmp_path: Path, make: Callable[[Path], Path], read: Callable[[Path], object]
) -> None:
    folder = shutil.copytree(RUNS[-1], tmp_path / "run")
    path = make(folder)
    with pytest.raises(ValueError, match=f"version {FORMAT + 1} of the format") as info:
        read(folder)
    assert str(path) in str(info.value)
    assert f"pycnn {__version__} reads versions up to {FORMAT}" in str(info.value)


@pytest.mark.parametrize("value", ["1", -1, 1.0, True, None, [1]])
def test_a_format_that_is_no_version(tmp_path: Path, value: object) -> None:
    folder = shutil.copytree(RUNS[-1], tmp_path / "run")
    content = json.loads((folder / "history.json").read_text()) | {"format": value}
    (folder / "history.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"history\.json is corrupt: its format is .*, no version"):
        History.from_json(folder / "history.json")
