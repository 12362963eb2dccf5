"""Promise: ``pycnn train --resume`` in a loop ends like a run that was never killed."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.command_line import start

from pycnn.report import Run

# Kills of a command in the short and in the long form.
KILLS = {"short": 2, "long": 20}


def left(folder: Path) -> dict[str, Any]:
    """Return a run's output without times and threads."""
    history = json.loads((folder / "history.json").read_text())
    for epoch in history["epochs"]:
        del epoch["seconds"], epoch["samples_per_second"]
    settings = json.loads((folder / "settings.json").read_text())
    del settings["threads"]
    model = (folder / "model.safetensors").read_bytes()
    return {"model": model, "history": history, "settings": settings}


@pytest.mark.usefixtures("own_folder")
def test_a_command_that_is_killed_and_repeated_ends_with_the_run_that_nobody_killed(
    form: str, data: str, tried: Callable[[str, int, str], None]
) -> None:
    """An earlier run in the folder stays whole until the new one takes its place."""
    rng = random.Random(2)
    command = ["train", "lenet5", "--data", data, "--epochs", "12"]

    def run(*options: str, kill_after: float | None = None) -> bool:
        """Return whether the command ended by itself; it is killed a while after its first line."""
        with start(*command, *options) as process:
            assert process.stdout is not None
            process.stdout.readline()
            if kill_after is not None:
                time.sleep(kill_after)
                process.send_signal(signal.SIGKILL)
            process.communicate(timeout=600)
        assert process.returncode in (0, -signal.SIGKILL)
        return process.returncode == 0

    begun = time.perf_counter()
    assert run("--out", "plain")
    seconds = time.perf_counter() - begun
    plain, killed, finished = left(Path("plain")), 0, 0
    while killed < KILLS[form] or not finished:
        out, threads = f"run{finished}", str(rng.randint(1, 3))
        options = ["--out", out, "--resume", "--checkpoint-every", "3", "--threads", threads]
        wait = rng.uniform(0, seconds / 2) if killed < KILLS[form] else None
        if not run(*options, kill_after=wait):
            killed += 1
            if Path(out, "settings.json").exists():  # then the run is whole
                Run(out).model  # noqa: B018
            continue
        finished += 1
        assert left(Path(out)) == plain
        assert not [name for name in os.listdir(out) if name.startswith((".", "training"))]
    tried("pycnn train --resume", killed, f"{finished} finished with the same bits")
