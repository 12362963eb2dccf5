"""The command line: what it prints, what it leaves behind, and its exit codes."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command_line import Capture, start
from support.small_training import same_bits

import pycnn
from pycnn import datasets, io, models
from pycnn._run_files import FILES, REPORT
from pycnn.cli import main, results
from pycnn.plot import learning_curve
from pycnn.training import evaluate

pytestmark = pytest.mark.usefixtures("own_folder", "undrawn")


# train ---------------------------------------------------------------------------------------


def test_train_leaves_everything_in_its_folder(
    data: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "learning_curve", learning_curve)
    code = main(
        ["train", "lenet5", "--data", data, "--epochs", "4", "--batch-size", "20", "--out", "o/p",
         "--json", "o/result.json"]
    )  # fmt: skip
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == (
        "lenet5: 61,706 parameters, 300 training and 100 test samples, "
        f"threads: {pycnn.get_num_threads()}"
    )
    assert [line.partition(":")[0] for line in lines[1:5]] == [f"epoch {i}/4" for i in range(1, 5)]
    assert lines[5].startswith("test accuracy ")
    assert "samples/s); saved to o/p" in lines[5]
    assert {path.name for path in Path("o/p").iterdir()} == {
        "model.safetensors", "settings.json", "history.csv", "history.json", "learning_curve.png"
    }  # fmt: skip

    history = json.loads(Path("o/p/history.json").read_text())
    with open("o/p/history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [e["loss"] for e in history["epochs"]]
    result = json.loads(Path("o/result.json").read_text())
    assert result["settings"] == {
        "model": "lenet5", "epochs": 4, "batch_size": 20, "optimizer": "adam", "lr": 0.003,
        "augment": True, "data": data, "skip_broken": False, "transposed": None,
        "seed": 0,
        "threads": pycnn.get_num_threads(),
        "convolution": "fast",
        "device": "cpu",
    }  # fmt: skip
    assert result["history"] == history
    accuracy = result["results"]["test_accuracy"]
    assert f"test accuracy {accuracy:.2%} after" in out
    with Image.open("o/p/learning_curve.png") as picture:
        assert picture.size == (1080, 432)

    model = io.load_model("o/p/model.safetensors")
    assert evaluate(model, datasets.mnist(data)[1]).accuracy == accuracy
    for session in ([], ["--session"]):
        assert main(["evaluate", "o/p/model.safetensors", "--data", data, *session]) == 0
        assert f"test accuracy {accuracy:.2%}, loss" in capsys.readouterr().out


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_train_repeats_from_its_seed(data: str, optimizer: str, capsys: Capture) -> None:
    arguments = ["train", "lenet5", "--data", data, "--epochs", "1", "--optimizer", optimizer]
    files = []
    for seed in ("7", "7", "8"):
        assert main([*arguments, "--seed", seed]) == 0
        files.append(Path("runs/lenet5/model.safetensors").read_bytes())
    assert files[0] == files[1]
    assert files[0] != files[2]
    assert "test accuracy" in capsys.readouterr().out


def test_train_and_evaluate_take_the_number_of_classes_from_the_data(
    data: str, capsys: Capture
) -> None:
    labels = Path(data, "train-labels-idx1-ubyte")
    labels.write_bytes(labels.read_bytes()[:-1] + bytes([26]))  # as in EMNIST's letters
    assert main(["train", "lenet5", "--data", data, "--epochs", "1"]) == 0
    assert main(["evaluate", "runs/lenet5/model.safetensors", "--data", data]) == 0
    assert "63,151 parameters" in capsys.readouterr().out


def test_train_without_a_working_matplotlib(
    data: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "learning_curve", learning_curve)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["train", "lenet5", "--data", data, "--epochs", "1"]) == 0
    out, err = capsys.readouterr()
    assert "no learning_curve.png: " in out
    assert err == ""
    assert not Path("runs/lenet5/learning_curve.png").exists()
    assert Path("runs/lenet5/history.csv").exists()


def test_train_sets_the_threads(data: str, restore_threads: None) -> None:
    assert main(["train", "lenet5", "--data", data, "--epochs", "1", "--threads", "1"]) == 0
    assert pycnn.get_num_threads() == 1


def test_the_convolution_may_be_accurate(checkpoint: str, capsys: Capture) -> None:
    assert pycnn.get_convolution() == "fast"
    try:
        main(["evaluate", checkpoint, "--data", "nowhere", "--convolution", "accurate"])
        assert pycnn.get_convolution() == "accurate"
    finally:
        pycnn.set_convolution("fast")


def test_more_threads_than_cores_are_warned_of(
    checkpoint: str, restore_threads: None, capsys: Capture
) -> None:
    cores = len(os.sched_getaffinity(0))
    for threads, warned in ((cores, ""), (cores + 1, f"[threads] {cores + 1} threads, but only")):
        main(["evaluate", checkpoint, "--data", "nowhere", "--threads", str(threads)])
        warning, _, error = capsys.readouterr().err.rpartition("pycnn: error: ")
        assert warning.startswith(f"pycnn: warning: {warned}") if warned else warning == ""
        assert "nowhere" in error


def test_training_that_diverges_is_reported_and_saved(data: str, capsys: Capture) -> None:
    code = main(
        ["train", "lenet5", "--data", data, "--optimizer", "sgd", "--lr", "1e18",
         "--batch-size", "300", "--epochs", "9"]
    )  # fmt: skip
    out, err = capsys.readouterr()
    assert code == 1
    warning, error = err.splitlines()
    assert re.match(
        r"pycnn: warning: \[fit\] after epoch 1 the loss of the validation data", warning
    )
    assert re.match(r"pycnn: error: training stopped: epoch [2-9], step ", error)
    assert "saved to runs/lenet5" in out
    state = io.load_model("runs/lenet5/model.safetensors").state_dict()
    assert all(np.isfinite(array).all() for array in state.values())


def test_ctrl_c_leaves_a_usable_checkpoint(data: str) -> None:
    with start(
        "train", "lenet5", "--data", data, "--epochs", "100000", "--json", "result.json"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch 2/"):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == ""
    told = re.search(r"interrupted (in|after) epoch (\d+); saved to runs/lenet5(.*)", out)
    assert told
    inside = told[1] == "in"
    words = f": the model with what it learned in epoch {told[2]}, history"
    assert told[3].startswith(words if inside else "; --resume goes on")
    model = io.load_model("runs/lenet5/model.safetensors")
    assert not same_bits(model.state_dict(), models.lenet5(rng=0).state_dict())
    history = json.loads(Path("runs/lenet5/history.json").read_text())
    assert history["interrupted"] is True
    assert len(history["epochs"]) == int(told[2]) - inside >= 2
    assert json.loads(Path("result.json").read_text())["history"] == history


@pytest.mark.parametrize("command", ["train lenet5", "evaluate {run}", "report {run}"])
def test_ctrl_c_outside_of_the_epochs_is_one_word(
    command: str, checkpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets, "mnist", interrupted)
    monkeypatch.setattr("pycnn.recipes.lenet5.mnist_test", interrupted)
    assert main(command.format(run=checkpoint).split()) == 130
    assert capsys.readouterr() == ("", "pycnn: interrupted\n")
    assert not Path("runs").exists()


# RUN -----------------------------------------------------------------------------------------


def test_every_command_takes_the_folder_of_a_run_or_a_file_in_it(
    data: str, capsys: Capture
) -> None:
    assert main(["train", "lenet5", "--data", data, "--epochs", "1", "--out", "run"]) == 0
    capsys.readouterr()
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save("digit.png")
    commands = [
        (["evaluate"], []),
        (["predict"], ["digit.png"]),
        (["plot", "learning-curve"], []),
    ]
    for before, after in commands:
        said = set()
        for source in ("run", *(str(file) for file in Path("run").iterdir())):
            assert main([*before, source, *after]) == 0
            said.add(capsys.readouterr())
        assert len(said) == 1
    assert main(["report", "run/settings.json"]) == 0
    assert capsys.readouterr().out == "saved to run/report.html\n"
    # The data are those of the training.
    assert main(["evaluate", "run"]) == 0
    assert "(100 samples)" in capsys.readouterr().out


def test_a_batch_larger_than_the_data_is_told(data: str, capsys: Capture) -> None:
    command = ["train", "lenet5", "--data", data, "--epochs", "1", "--batch-size"]
    for size, told in (("301", True), ("10000000", True), ("300", False)):
        assert main([*command, size]) == 0
        line = capsys.readouterr().out.splitlines()[1]
        text = f"a batch of {int(size):,} is more than all 300 training samples: one step an epoch"
        assert (line == text) == told


# Standard output that goes away --------------------------------------------------------------


def test_a_reader_that_leaves_costs_a_training_nothing(data: str) -> None:
    command = ["train", "lenet5", "--data", data, "--epochs", "3"]
    assert main([*command, "--out", "expected"]) == 0
    expected = Path("expected/model.safetensors").read_bytes()
    for lines in range(3):
        run = f"run {lines}"
        with start(*command, "--out", run) as process:
            assert process.stdout is not None
            for _ in range(lines):
                process.stdout.readline()
            process.stdout.close()
            assert process.stderr is not None
            assert process.stderr.read() == "", run
        assert process.returncode == 0, run
        assert {path.name for path in Path(run).iterdir()} == set(FILES) - {REPORT}
        assert Path(run, "model.safetensors").read_bytes() == expected, run


def on_a_full_device(*arguments: str) -> tuple[int, str]:
    """Run a command whose standard output has no room; return its code and stderr."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with open("/dev/full", "w") as full, start(*arguments, stdout=full) as process:
        _, err = process.communicate(timeout=60)
    return process.returncode, err


def test_a_full_device_as_standard_output_is_one_line_that_names_it(
    checkpoint: str, data: str
) -> None:
    for command in (["info"], ["evaluate", checkpoint, "--data", data]):
        text = "pycnn: error: No space left on device: standard output\n"
        assert on_a_full_device(*command) == (2, text)


def test_a_full_device_as_standard_output_does_not_end_a_training(data: str) -> None:
    code, err = on_a_full_device("train", "lenet5", "--data", data, "--epochs", "2")
    assert (code, err.count("\n")) == (0, 1)
    assert err.startswith("pycnn: warning: [train] standard output cannot be written: No space")
    assert {path.name for path in Path("runs/lenet5").iterdir()} == set(FILES) - {REPORT}


def test_no_reader_at_all() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with start("info", stdout=write_end) as process:
        os.close(write_end)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 141
    assert err == ""
