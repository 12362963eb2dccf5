"""The folder of a run: the files that a training leaves in it, or does not touch."""

from __future__ import annotations

import argparse
import errno
import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file
from support.command_line import Capture, fails
from support.saved_run import save_run, seeds_of

from pycnn import recipes
from pycnn._run_files import TRAINING
from pycnn._together import COMPLETE
from pycnn.cli import main, results, train
from pycnn.optim import Adam
from pycnn.report import sections
from pycnn.training import History

pytestmark = pytest.mark.usefixtures("own_folder", "undrawn")


def contents(folder: str) -> dict[str, bytes]:
    """Return the files of a run, without the checkpoint of a training that has not finished."""
    return {p.name: p.read_bytes() for p in Path(folder).iterdir() if p.name != TRAINING}


def test_a_training_without_a_finished_epoch_leaves_an_earlier_run_whole(
    data: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["train", "lenet5", "--data", data]
    assert main([*command, "--epochs", "1"]) == 0
    assert main(["report", "runs/lenet5"]) == 0
    before = contents("runs/lenet5")
    capsys.readouterr()

    diverging = ["--optimizer", "sgd", "--lr", "1e20", "--json", "result.json"]
    assert main([*command, *diverging]) == 1
    out, err = capsys.readouterr()
    assert out.endswith("\nnothing saved: no epoch was finished\n")
    assert err.startswith("pycnn: error: training stopped: epoch 1, step ")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Adam, "step", interrupted)
    assert main(command) == 130
    out, err = capsys.readouterr()
    line = "interrupted before the end of the first epoch; nothing saved: no epoch was finished"
    assert out.endswith(f"\n{line}\n")
    assert err == ""
    assert contents("runs/lenet5") == before
    assert not Path("result.json").exists()


def test_a_run_that_cannot_be_saved_leaves_an_earlier_one_whole(
    data: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["train", "lenet5", "--data", data, "--epochs", "1"]
    assert main(command) == 0
    before = contents("runs/lenet5")
    capsys.readouterr()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "history.json")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(History, "to_json", full)
        assert main([*command, "--seed", "1"]) == 2
    assert capsys.readouterr().err == "pycnn: error: No space left on device: history.json\n"
    assert contents("runs/lenet5") == before
    with monkeypatch.context() as patch:
        patch.setattr(results, "learning_curve", interrupted)
        assert main([*command, "--seed", "1"]) == 130
    assert capsys.readouterr().err == (
        "pycnn: interrupted while the results were being written: "
        "this training is not saved to runs/lenet5, but --resume goes on with it\n"
    )
    assert contents("runs/lenet5") == before
    assert main([*command, "--seed", "1", "--resume"]) == 0
    assert contents("runs/lenet5") != before
    assert not Path("runs/lenet5", TRAINING).exists()


def test_a_new_run_leaves_no_pictures_of_an_earlier_one(
    data: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["train", "lenet5", "--data", data, "--epochs", "1"]
    assert main(command) == 0
    assert main(["report", "runs/lenet5"]) == 0
    first = contents("runs/lenet5")
    assert main([*command, "--seed", "1"]) == 0
    second = contents("runs/lenet5")
    assert first.keys() - second.keys() == {"report.html"}
    assert first["learning_curve.png"] != second["learning_curve.png"]

    def missing(*_: object, **__: object) -> None:
        raise ImportError("no matplotlib")

    monkeypatch.setattr(results, "learning_curve", missing)
    assert main(command) == 0
    assert second.keys() - contents("runs/lenet5").keys() == {"learning_curve.png"}


def test_a_report_replaces_pages_only(data: str, capsys: Capture) -> None:
    assert main(["train", "lenet5", "--data", data, "--epochs", "1", "--out", "run"]) == 0
    Path("link.html").symlink_to("run/model.safetensors")
    before = contents("run")
    capsys.readouterr()
    for target in ("link.html", *(f"run/{name}" for name in before)):
        text = fails(capsys, "report", "run", "--out", target)
        assert f"{target} cannot be written: the file's name must end in .html" in text
    assert contents("run") == before
    assert main(["report", "run", "--out", "page.HTML"]) == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("run/settings.json", "is a file of the run itself"),
        ("run/../run/history.json", "is a file of the run itself"),
        ("run/model.safetensors", "must end in .json, got 'model.safetensors'"),
        ("{data}/train-labels-idx1-ubyte", "must end in .json, got 'train-labels-idx1-ubyte'"),
        ("{data}/notes.json", "lies in the folder of the data"),
        ("link.json", "must end in .json, got 'train-labels-idx1-ubyte'"),
    ],
)
def test_json_replaces_no_file_of_the_run_or_of_the_data(
    name: str, text: str, data: str, capsys: Capture
) -> None:
    Path(data, "notes.json").write_text("{}")
    Path("link.json").symlink_to(Path(data, "train-labels-idx1-ubyte"))
    before = contents(data)
    target = name.format(data=data)
    command = ["train", "lenet5", "--data", data, "--epochs", "1", "--out", "run"]
    assert text in fails(capsys, *command, "--json", target)
    assert not Path("run").exists()
    assert contents(data) == before


@pytest.mark.parametrize("options", [[], ["--seed", "3", "--epochs", "2", "--data", "a folder"]])
@pytest.mark.parametrize("name", recipes.available())
def test_the_command_of_a_report_repeats_the_settings(name: str, options: list[str]) -> None:
    recipe = recipes.get(name)
    parser = argparse.ArgumentParser()
    train.add_arguments(parser)
    settings = train.make_settings(parser.parse_args([name, *options]), recipe)
    run = SimpleNamespace(name=name, recipe=recipe, settings=settings)
    words = shlex.split(sections._command(run))  # type: ignore[arg-type]
    assert words[:2] == ["pycnn", "train"]
    assert train.make_settings(parser.parse_args(words[2:]), recipe) == settings
    assert ("lr" in settings) == ("optimizer" in settings) == (name != "neocognitron")


# Files of others in the folder ----------------------------------------------------------------


@pytest.mark.parametrize("page", ["<html>mine</html>", "", "<footer>pycnn 1</footer> and more"])
def test_a_page_that_is_no_report_of_pycnn_stays(page: str, data: str) -> None:
    Path("run").mkdir()
    Path("run/report.html").write_text(page)
    assert main(["train", "lenet5", "--data", data, "--epochs", "1", "--out", "run"]) == 0
    assert Path("run/report.html").read_text() == page


def test_a_page_of_others_stays_where_a_kill_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_run(tmp_path / "run", 0, monkeypatch)
    (tmp_path / "run").rename(tmp_path / COMPLETE)
    (tmp_path / "report.html").write_text("mine")
    assert seeds_of(tmp_path) == {0}
    assert not (tmp_path / COMPLETE).exists()
    assert (tmp_path / "report.html").read_text() == "mine"


@pytest.mark.parametrize("name", ["model.safetensors", "training.safetensors"])
@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_arrays_of_others_are_not_replaced_by_a_training(
    name: str, resume: list[str], data: str, capsys: Capture
) -> None:
    Path("run").mkdir()
    save_file({"a": np.ones(3)}, f"run/{name}")
    before = Path("run", name).read_bytes()
    text = fails(capsys, "train", "lenet5", "--data", data, "--out", "run", *resume)
    assert f"run/{name} is not a file of a run of pycnn" in text
    assert "give another folder with --out" in text
    assert Path("run", name).read_bytes() == before


@pytest.mark.parametrize("name", ["settings.json", "history.json", "history.csv"])
@pytest.mark.parametrize("content", ['{"mine": 1}', "a,b\n1,2\n", "\0", "[" * 9999])
def test_tables_and_settings_of_others_are_not_replaced_by_a_training(
    name: str, content: str, data: str, capsys: Capture
) -> None:
    Path("run").mkdir()
    Path("run", name).write_text(content)
    text = fails(capsys, "train", "lenet5", "--data", data, "--out", "run")
    assert f"run/{name} is not a file of a run of pycnn" in text
    assert Path("run", name).read_text() == content


@pytest.mark.parametrize("version", ["run_0", "run_1"])
def test_runs_of_every_version_are_replaced(version: str, data: str) -> None:
    shutil.copytree(Path(__file__).parents[1] / "support" / "old_files" / version, "run")
    assert main(["train", "lenet5", "--data", data, "--epochs", "1", "--out", "run"]) == 0
