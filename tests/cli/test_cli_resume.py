"""`pycnn train`: interrupted, terminated, resumed, and results that cannot be written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command_line import Capture, fails
from support.small_disk import mounted

import pycnn
from pycnn._run_files import FILES, TRAINING
from pycnn._temporary import temporary_name
from pycnn.cli import main, results
from pycnn.cli.train import EpochLine
from pycnn.optim import Adam
from pycnn.training import EpochRecord, Run

RUN = Path("runs/lenet5")


@pytest.fixture(autouse=True)
def quick(
    own_folder: None, undrawn: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """Draw nothing, which takes long; put what goes to the user's folder into the test's."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", os.fspath(tmp_path / "home"))
    # Even where the tests run in the background, which ignores Ctrl-C, or under nohup.
    before = [
        signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.signal(signal.SIGHUP, signal.SIG_DFL),
    ]
    yield
    signal.signal(signal.SIGINT, before[0])
    signal.signal(signal.SIGHUP, before[1])


@pytest.fixture
def train(data: str) -> list[str]:
    """The command: 5 steps in each of 3 epochs."""
    return ["train", "lenet5", "--data", data, "--epochs", "3"]


def signalled(
    monkeypatch: pytest.MonkeyPatch, step: int, signum: signal.Signals, times: int = 1
) -> None:
    """Let a signal come within an update."""
    count, real = [0], Adam.step

    def update(self: Adam) -> None:
        count[0] += 1
        if count[0] == step:
            for _ in range(times):
                signal.raise_signal(signum)
        real(self)

    monkeypatch.setattr(Adam, "step", update)


def left(folder: Path) -> dict[str, Any]:
    """Return a run's output without times."""
    history = json.loads((folder / "history.json").read_text())
    for epoch in history["epochs"]:
        del epoch["seconds"], epoch["samples_per_second"]
    settings = json.loads((folder / "settings.json").read_text())
    return {
        "model": (folder / "model.safetensors").read_bytes(),
        "history": history,
        "settings": settings,
    }


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interrupted_run_is_saved_and_resumed_to_the_same_bits(
    signum: signal.Signals, code: int, train: list[str], capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert main([*train, "--out", "plain"]) == 0
    assert sorted(path.name for path in Path("plain").iterdir()) == sorted(
        set(FILES) - {"report.html"}
    )
    capsys.readouterr()
    with monkeypatch.context() as patch:
        signalled(patch, 8, signum)
        assert main(train) == code
    out, err = capsys.readouterr()
    assert out.endswith(
        "interrupted in epoch 2; saved to runs/lenet5: the model with what it learned in epoch 2, "
        "history and curve without it; --resume goes on\n"
    )
    assert err == ""
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    half = left(RUN)
    assert half["history"]["interrupted"]
    assert len(half["history"]["epochs"]) == 1
    assert main([*train, "--resume"]) == 0
    assert "\nresumed: goes on at epoch 2, step 9\n" in capsys.readouterr().out
    assert left(RUN) == left(Path("plain"))
    assert not (RUN / TRAINING).exists()


def test_a_run_interrupted_at_the_end_of_an_epoch_says_so(
    train: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = EpochLine.on_epoch_end

    def end(self: EpochLine, run: Run, record: EpochRecord) -> None:
        real(self, run, record)
        if run.epoch == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(EpochLine, "on_epoch_end", end)
    assert main(train) == 130
    out = capsys.readouterr().out
    assert out.endswith("interrupted after epoch 2; saved to runs/lenet5; --resume goes on\n")


def test_a_run_is_resumed_from_before_its_first_epoch(
    train: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*train, "--out", "plain"]) == 0
    with monkeypatch.context() as patch:
        signalled(patch, 2, signal.SIGTERM)
        assert main(train) == 143
    assert capsys.readouterr().out.endswith(
        "\ninterrupted before the end of the first epoch; no model is saved yet, but the training "
        "in runs/lenet5/training.safetensors; --resume goes on\n"
    )
    assert [path.name for path in RUN.iterdir()] == [TRAINING]
    pycnn.load_model(RUN / TRAINING)
    for command in (["evaluate"], ["predict", "--", "a.png"], ["report"]):
        text = fails(capsys, command[0], os.fspath(RUN), *command[1:])
        assert "No model.safetensors in the folder: its training has not finished an epoch" in text
        assert "--resume goes on with it, and runs/lenet5/training.safetensors holds" in text
    assert main(["evaluate", os.fspath(RUN / TRAINING), "--data", train[3]]) == 0
    assert "(100 samples)" in capsys.readouterr().out
    assert main([*train, "--resume"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "resumed: goes on at epoch 1, step 3"
    assert left(RUN) == left(Path("plain"))


def test_a_killed_run_loses_what_came_after_its_last_checkpoint_only(
    train: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*train, "--out", "plain"]) == 0
    steps: list[int] = []
    for option in ([], ["--checkpoint-every", "2"]):
        child = os.fork()
        if child == 0:
            signalled(monkeypatch, 10, signal.SIGKILL)
            main([*train, *option, "--out", f"killed{len(steps)}"])
            os._exit(1)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        taken, real = [0], Adam.step

        def count(self: Adam, real: Any = real, taken: list[int] = taken) -> None:
            taken[0] += 1
            real(self)

        folder = f"killed{len(steps)}"
        with monkeypatch.context() as patch:
            patch.setattr(Adam, "step", count)
            assert main([*train, "--out", folder, "--resume"]) == 0
        assert left(Path(folder)) == left(Path("plain"))
        steps.append(taken[0])
    assert steps == [10, 7]  # behind step 5, the end of the first epoch, and behind step 8


def test_a_finished_run_is_not_begun_again(
    train: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*train, "--resume"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "nothing to resume: the training begins"
    said = lines[-1]
    before = left(RUN)
    monkeypatch.setattr(Adam, "step", None)
    assert main([*train, "--resume", "--threads", "1"]) == 0
    done = "nothing to do, this training has finished already: "
    assert capsys.readouterr().out == f"{done}{said}\n"
    text = fails(capsys, *train[:-1], "5", "--resume")
    assert "runs/lenet5 holds a finished training with other settings, which cannot be" in text
    assert "epochs is 3 there, 5 here; without --resume a new training replaces it" in text
    assert left(RUN) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seed", "1"], "seed: 0 in the checkpoint, 1 here"),
        (["--batch-size", "32"], "batch_size: 64 in the checkpoint, 32 here"),
        (["--lr", "0.1"], "schedule: OneCycle(max_lr=0.003, "),
        (["--optimizer", "sgd"], "optimizer: Adam(betas=(0.9, 0.999), eps=1e-08, "),
        (["--epochs", "9"], "has a schedule over 15 steps, here it is over 45"),
    ],
)
def test_a_run_with_other_settings_is_not_resumed(
    options: list[str], words: str, train: list[str], monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:  # fmt: skip
    with monkeypatch.context() as patch:
        signalled(patch, 8, signal.SIGINT)
        assert main(train) == 130
    before = (RUN / TRAINING).read_bytes()
    capsys.readouterr()
    assert main([*train, "--resume", *options]) == 2
    assert words in capsys.readouterr().err
    assert (RUN / TRAINING).read_bytes() == before


def test_what_killed_trainings_left_is_removed_and_other_files_stay(train: list[str]) -> None:
    RUN.mkdir(parents=True)
    for name in ("model.safetensors", TRAINING):
        (RUN / temporary_name(name)).touch()
    (RUN / temporary_name("run")).mkdir()
    others = {"notes.txt", temporary_name("notes.txt"), ".hidden.tmp"}
    for name in others:
        (RUN / name).touch()
    assert main(train) == 0
    assert {path.name for path in RUN.iterdir()} == {*FILES, *others} - {"report.html"}


# Where the results go ------------------------------------------------------------------------


def elsewhere(err: str) -> Path:
    assert err.startswith("pycnn: warning: [train] ")
    return Path(err.split("the results are saved to ")[1].removesuffix(" instead\n"))


def test_results_that_do_not_fit_go_to_a_folder_that_is_named(
    train: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*train, "--out", "plain"]) == 0
    assert main([*train, "--seed", "1"]) == 0
    before = left(RUN)
    capsys.readouterr()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", os.fspath(RUN / "model.safetensors"))

    with monkeypatch.context() as patch:
        patch.setattr(results, "replace_together", full)
        assert main(train) == 3
    out, err = capsys.readouterr()
    folder = elsewhere(err)
    assert "runs/lenet5/model.safetensors: No space left on device" in err
    assert folder.parent == Path.home()
    assert out.endswith(f"; saved to {folder}\n")
    assert left(folder) == left(Path("plain"))
    assert left(RUN) == before
    assert (RUN / TRAINING).exists()  # to be saved there when there is room
    assert main([*train, "--resume"]) == 0
    assert left(RUN) == left(folder)


def test_a_disk_that_is_read_only_in_the_end(
    train: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Path("disk").absolute()
    if not mounted(place):
        pytest.skip("this process may not mount a file system")
    subprocess.run(["mount", "-o", "remount,size=9m", place], check=True)
    try:
        assert main([*train, "--out", "disk/run", "--seed", "1"]) == 0
        before = left(place / "run")
        real = results.save

        def remounted(*arguments: Any) -> Path:
            subprocess.run(["mount", "-o", "remount,ro", place], check=True)
            return real(*arguments)

        monkeypatch.setattr("pycnn.cli.train.save", remounted)
        capsys.readouterr()
        assert main([*train, "--out", "disk/run"]) == 3
        err = capsys.readouterr().err
        assert "Read-only file system" in err
        assert set(left(elsewhere(err))) == set(before)
        assert left(place / "run") == before
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_folder_that_was_removed_is_made_again(
    train: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    signalled(monkeypatch, 12, signal.SIGURG)

    def remove(*_: object) -> None:
        shutil.rmtree("runs")

    before = signal.signal(signal.SIGURG, remove)
    try:
        assert main(train) == 0
    finally:
        signal.signal(signal.SIGURG, before)
    assert "could not be written (No such file or directory)" in capsys.readouterr().err
    assert {path.name for path in RUN.iterdir()} == set(FILES) - {"report.html"}
