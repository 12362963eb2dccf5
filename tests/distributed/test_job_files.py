"""The job files in examples/jobs/: their syntax, and the options of pycnn that they use."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pycnn.cli import train

JOBS = Path(__file__).parents[2] / "examples" / "jobs"
SHELL = ("one_machine.sh", "slurm.sbatch")
JOB = "kubernetes_mpijob.yaml"
# Options of sbatch, as its manual has them, with the form of their values.
SBATCH = {
    "account": r"\S+",
    "cpus-per-task": r"\d+",
    "error": r"\S+",
    "exclusive": r"|user",
    "gpus-per-task": r"\d+",
    "job-name": r"\S+",
    "mem-per-cpu": r"\d+[KMGT]?",
    "nodes": r"\d+(-\d+)?",
    "ntasks": r"\d+",
    "ntasks-per-node": r"\d+",
    "open-mode": r"append|truncate",
    "output": r"\S+",
    "partition": r"\S+",
    "requeue": r"",
    "signal": r"([RB]+:)?[A-Z0-9]+(@\d+)?",
    "time": r"(\d+-)?\d+(:\d\d){0,2}",
}
# Fields of an MPIJob, v2beta1, at its places.
FIELDS = {
    (): {"apiVersion", "kind", "metadata", "spec"},
    ("spec",): {
        "launcherCreationPolicy", "mpiImplementation", "mpiReplicaSpecs", "runLauncherAsWorker",
        "runPolicy", "slotsPerWorker", "sshAuthMountPath",
    },
    ("spec", "runPolicy"): {
        "activeDeadlineSeconds", "backoffLimit", "cleanPodPolicy", "managedBy", "schedulingPolicy",
        "suspend", "ttlSecondsAfterFinished",
    },
    ("spec", "mpiReplicaSpecs"): {"Launcher", "Worker"},
    ("spec", "mpiReplicaSpecs", "Launcher"): {"replicas", "restartPolicy", "template"},
    ("spec", "mpiReplicaSpecs", "Worker"): {"replicas", "restartPolicy", "template"},
}  # fmt: skip


def statements(name: str) -> list[list[str]]:
    """Return the commands of a shell script as lists of words, without comments."""
    text = (JOBS / name).read_text().replace("\\\n", " ")
    return [words for line in text.splitlines() if (words := shlex.split(line, comments=True))]


def options_of(words: list[str]) -> list[str]:
    """Return the arguments of the pycnn command in another's words, but not a script's own."""
    return [word for word in words[words.index("pycnn") + 1 :] if word != "$@"]


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Parse arguments of pycnn as the command does."""
    assert arguments[0] == "train"
    parser = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
    train.add_arguments(parser)
    try:
        known, unknown = parser.parse_known_args(arguments[1:])
    except SystemExit:
        pytest.fail(f"pycnn {shlex.join(arguments)} is refused")
    assert unknown == []
    return known


def job() -> dict[str, Any]:
    """Read the MPIJob."""
    yaml = pytest.importorskip("yaml", reason="pip install pyyaml")
    content: dict[str, Any] = yaml.safe_load((JOBS / JOB).read_text())
    return content


def test_every_job_file_is_tested() -> None:
    assert {path.name for path in JOBS.iterdir()} == {*SHELL, JOB}


@pytest.mark.parametrize("name", SHELL)
def test_bash_reads_the_script(name: str) -> None:
    done = subprocess.run(
        ["bash", "-n", JOBS / name], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", SHELL)
def test_pycnn_takes_the_options_of_the_script(name: str) -> None:
    commands = [words for words in statements(name) if "pycnn" in words]
    assert commands
    for words in commands:
        args = parsed(options_of(words))
        assert args.distributed
        assert args.resume


def test_sbatch_knows_the_options() -> None:
    lines = (JOBS / "slurm.sbatch").read_text().splitlines()
    assert lines[0].startswith("#!")
    commands = [i for i, line in enumerate(lines) if line and not line.startswith("#")]
    options = {}
    for number, line in enumerate(lines):
        if line.startswith("#SBATCH"):
            found = re.fullmatch(r"#SBATCH --([a-z-]+)(?:=(\S+))?", line)
            assert found, line
            assert number < commands[0], "sbatch reads none behind the first command"
            options[found[1]] = found[2] or ""
    assert not options.keys() - SBATCH.keys()
    for name, value in options.items():
        assert re.fullmatch(SBATCH[name], value), f"--{name}={value}"
    ranks = int(options["nodes"]) * int(options["ntasks-per-node"])
    (srun,) = [words for words in statements("slurm.sbatch") if words[0] == "srun"]
    assert parsed(options_of(srun)).batch_size >= ranks > 1


def test_the_mpi_operator_knows_the_fields_of_the_job() -> None:
    content = job()
    assert (content["apiVersion"], content["kind"]) == ("kubeflow.org/v2beta1", "MPIJob")
    assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", content["metadata"]["name"])
    for path, known in FIELDS.items():
        place = content
        for key in path:
            place = place[key]
        assert not place.keys() - known, path
    spec = content["spec"]
    assert spec["runPolicy"]["cleanPodPolicy"] in ("All", "Running", "None")
    assert spec["launcherCreationPolicy"] in ("AtStartup", "WaitForWorkersReady")
    replicas = spec["mpiReplicaSpecs"]
    assert replicas["Launcher"]["replicas"] == 1
    assert replicas["Worker"]["replicas"] >= 1
    for replica in replicas.values():
        assert replica.get("restartPolicy", "Never") in ("Never", "OnFailure")
        pod = replica["template"]["spec"]
        volumes = {volume["name"] for volume in pod.get("volumes", ())}
        assert pod["containers"]
        for container in pod["containers"]:
            assert isinstance(container["image"], str)
            assert isinstance(container["name"], str)
            words = [*container["command"], *container["args"]]
            assert all(isinstance(word, str) for word in words), "a number wants quotes"
            assert {mount["name"] for mount in container.get("volumeMounts", ())} <= volumes
            assert container["resources"]["limits"].keys() >= {"cpu", "memory"}


def test_the_job_starts_one_rank_in_each_slot() -> None:
    spec = job()["spec"]
    replicas = spec["mpiReplicaSpecs"]
    (launcher,) = replicas["Launcher"]["template"]["spec"]["containers"]
    words = launcher["args"]
    ranks = int(words[words.index("-n") + 1])
    assert ranks == replicas["Worker"]["replicas"] * spec["slotsPerWorker"]
    args = parsed(options_of(words))
    assert args.distributed
    assert args.resume
    assert args.batch_size >= ranks
    (worker,) = replicas["Worker"]["template"]["spec"]["containers"]
    places = [mount["mountPath"] for mount in worker["volumeMounts"]]
    assert any(str(args.out).startswith(f"{place}/") for place in places), "results would be lost"
    assert "/dev/shm" in places, "shared data would not fit"
