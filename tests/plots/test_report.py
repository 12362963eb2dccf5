"""The report: one self-contained page with everything known about a run."""

from __future__ import annotations

import io as bytes_io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from support.html_page import Page, pictures

from pycnn import datasets, io, models, predict
from pycnn.report import Run, page, write_report
from pycnn.report.sections import sections
from pycnn.training import EpochRecord, History


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short training."""
    out = tmp_path_factory.mktemp("run")
    io.save(out / "model.safetensors", models.lenet5(rng=0))
    history = History()
    history.records.append(EpochRecord(1, 0.5, 0.75, 0.25, 0.875, 0.003, 2.0, 100.0))
    history.records.append(EpochRecord(2, float("nan"), None, None, None, 0.001, 3.0, 200.0))
    history.to_json(out / "history.json")
    return out


@pytest.fixture
def run_folder(folder: Path, tmp_path: Path, data: str) -> Path:
    copy = tmp_path / "run & <copy>"
    shutil.copytree(folder, copy)
    settings = {"model": "lenet5", "epochs": 2, "lr": 0.003, "augment": False, "data": data}
    (copy / "settings.json").write_text(json.dumps(settings))
    return copy


def test_the_page_holds_everything_and_needs_nothing(run_folder: Path, data: str) -> None:
    path = write_report(run_folder)
    assert path == run_folder / "report.html"
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    found = Page(text)
    for forbidden in ("script", "link", "iframe", "object", "base"):
        assert found.all(forbidden) == []
    # Namespaces of SVG are inside the base64; nothing else has an address.
    assert "http" not in text
    assert all(link["href"].startswith("#") for link in found.all("a"))
    places = {attributes["id"] for _, attributes in found.tags if "id" in attributes}
    assert {link["href"][1:] for link in found.all("a")} <= places
    assert found.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in found.all(
        "meta"
    )
    assert "prefers-color-scheme: dark" in text

    kinds = []
    for kind, content in pictures(found):
        kinds.append(kind)
        if kind == "png":
            with Image.open(bytes_io.BytesIO(content)) as picture:
                picture.load()
        else:
            assert ElementTree.fromstring(content).tag.endswith("svg")
    # Curve, confusion, mistakes, feature maps, filters, architecture.
    assert kinds == ["svg+xml", "svg+xml", "png", "png", "png", "svg+xml"]
    assert all(len(image["alt"]) > 20 for image in found.all("img"))

    test = datasets.mnist(data)[1]
    right = (
        predict(io.load_model(path.parent / "model.safetensors"), test).argmax(1) == test.y
    ).sum()
    lines = found.text.split("\n")
    assert lines[lines.index("test accuracy") + 1] == f"{right / 100:.2%}"
    assert lines[lines.index("mistakes") + 1] == str(100 - right)
    assert {"61,706", "5.0 s", "160", "75.00%", "nan", "0.003"} <= set(lines)
    assert models.lenet5().summary((1, 28, 28)) in found.text
    assert f"pycnn train lenet5 --epochs 2 --lr 0.003 --data {data}" in lines

    # The same run gives the same page.
    again = write_report(run_folder / "model.safetensors", run_folder / "other.html")
    assert again.read_text(encoding="utf-8") == text


def test_a_checkpoint_alone_has_a_report(folder: Path, tmp_path: Path, data: str) -> None:
    shutil.copy(folder / "model.safetensors", tmp_path)
    found = Page(write_report(tmp_path, data=data).read_text())
    assert "There is no finished epoch to draw." in found.text
    assert "The folder has no settings.json." in found.text
    assert len(pictures(found)) == 5


def test_one_word_names_the_data_measured_after_each_epoch(run_folder: Path) -> None:
    history = History()
    history.records.append(EpochRecord(1, 0.5, 0.75, 0.25, 0.875, 0.003, 2.0, 100.0))
    history.to_json(run_folder / "history.json")
    body = next(sections(Run(run_folder))).body
    assert "over 1 epoch; the last: loss 0.5000, accuracy 75.00%, test loss 0.2500" in body
    assert "test accuracy" in body
    assert "validation" not in body


def test_a_training_that_ended_early_is_told(run_folder: Path) -> None:
    history = History()
    history.interrupted, history.stop_reason = True, "loss is <nan>"
    history.to_json(run_folder / "history.json")
    training = next(sections(Run(run_folder)))
    assert (
        "The training was interrupted: the model has also learned in the unfinished"
        in training.body
    )
    assert "The training was stopped: loss is &lt;nan&gt;." in training.body


def test_text_of_all_kinds_is_escaped() -> None:
    body = page.table(("<a>",), [("<b>", "&c")], '"d"<e>') + page.code("<f>", '"g"')
    text = page.page("<h>", page.tiles([("<i>", "<j>")]), [page.Section("<k>", body)], "<l>")
    found = Page(text)
    for letter in "abefhijkl":
        assert f"<{letter}>" in found.text
    assert {tag for tag, _ in found.tags} & set("cdefghjkl") == set()


def write(name: str, content: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(content)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "No model.safetensors in"),
        (write("model.safetensors", "x"), "not a readable safetensors file"),
        (write("settings.json", "[]"), "settings.json is not a file of settings"),
        (write("settings.json", "{"), "settings.json is not a file of settings"),
        (write("settings.json", '{"data": "/nowhere"}'), "/nowhere"),
        (write("history.json", "{}"), "history.json is not a history of pycnn"),
        (write("history.json", '{"epochs": [{}]}'), "history.json is not a history of pycnn"),
    ],
)
def test_a_broken_folder_is_an_error_that_names_the_file(
    run_folder: Path, damage: Callable[[Path], object], text: str
) -> None:
    damage(run_folder)
    with pytest.raises((OSError, ValueError), match=text):
        write_report(run_folder)
    assert not (run_folder / "report.html").exists()


def test_a_run_reads_what_it_needs_only(run_folder: Path) -> None:
    write("settings.json", '{"data": "/nowhere"}')(run_folder)
    run = Run(run_folder)
    assert run.name == "lenet5"
    assert len(run.history) == 2
    assert np.isnan(run.history["loss"][1])
    with pytest.raises(OSError, match="/nowhere"):
        _ = run.test
