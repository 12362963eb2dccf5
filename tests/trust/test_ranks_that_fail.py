"""A rank that gets into trouble: all end within seconds, with its message; none waits for ever."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable

import pytest
from support.mpi_ranks import attempt, command, environment, job, needs_mpi, ranks_of

pytestmark = needs_mpi

# Seconds from the beginning of the training to the end of all processes: the steps before the
# trouble, two in which a rank waits whether others fail, too, and a machine that has other work.
SOON = 30.0


def ends(kind: str, ranks: int = 2, **options: int) -> subprocess.CompletedProcess[str]:
    """Run a job with trouble on rank 1; it ends soon after it has begun."""
    done = attempt("distributed_jobs.py", ranks, "trouble", json.dumps({"kind": kind, **options}))
    begun = next(line for line in done.stdout.splitlines() if line.startswith("begun"))
    assert time.time() - float(begun.split()[1]) < SOON
    return done


def test_a_rank_that_raises_ends_all_with_its_message() -> None:
    done = ends("raise", 3)
    assert done.returncode != 0
    assert "pycnn: error: rank 1 of 3: Traceback" in done.stderr
    assert "KeyError: 'boom'" in done.stderr


def test_a_rank_that_leaves_ends_all() -> None:
    done = ends("exit")
    assert done.returncode != 0
    assert "rank 1 of 2: left the training (SystemExit: 0)" in done.stderr


@pytest.mark.parametrize("kind", ["interrupt twice", "keyboard"])
def test_a_rank_that_is_forced_to_end_ends_all(kind: str) -> None:
    """By a second signal, which does not wait for the step of the others, or by its own code."""
    done = ends(kind)
    assert done.returncode != 0
    assert "rank 1 of 2: left the training (KeyboardInterrupt" in done.stderr


def test_a_rank_that_never_trains_is_not_waited_for() -> None:
    done = ends("ended")
    assert done.returncode != 0
    assert "rank 1 has ended, without training with the others" in done.stderr


@pytest.mark.parametrize("ranks", [2, 4])
def test_a_rank_that_is_killed_at_any_moment_ends_all(
    ranks: int, form: str, tried: Callable[[str, int, str], None]
) -> None:
    """At random moments, from the start of the processes to some hundred steps."""
    rng = random.Random(ranks)
    kills = 10 if form == "long" else 1
    for _ in range(kills):
        job = subprocess.Popen(
            command("distributed_jobs.py", ranks, "trouble", '{"kind": "none", "epochs": 10000}'),
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        assert job.stdout is not None
        try:
            children = ranks_of(job.pid, ranks)
            time.sleep(rng.uniform(0, 4))
            os.kill(rng.choice(children), signal.SIGKILL)
            killed = time.monotonic()
            job.communicate(timeout=SOON)
            assert job.returncode != 0
            assert time.monotonic() - killed < SOON
        finally:
            if job.poll() is None:
                os.killpg(job.pid, signal.SIGKILL)

    tried(f"a killed one of {ranks} ranks ends all", kills, "none waited")


def test_all_stop_at_the_step_in_which_one_sees_nan() -> None:
    found = job("trouble", 2, kind="nan")
    assert found["epochs"] == 0
    assert found["reason"].startswith("rank 1: epoch 1, step 6: the loss is nan: x of batch 6")


def test_a_callback_of_one_rank_stops_all() -> None:
    found = job("trouble", 3, kind="stop")
    assert found == {"epochs": 0, "reason": "rank 1: enough", "interrupted": [False] * 3}


def test_a_signal_to_one_rank_ends_all_after_the_same_step() -> None:
    found = job("trouble", 3, kind="interrupt")
    assert found == {"epochs": 0, "reason": None, "interrupted": [True] * 3}


def test_a_model_that_one_rank_changes_is_noticed() -> None:
    found = job("trouble", 2, kind="change")
    assert found["error"] == "RuntimeError"
    assert "0.weight of rank 1 is not that of rank 0 any more" in found["text"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("lengths", "rank 1: the ranks differ: samples: 330 on rank 0, 300 on rank 1"),
        ("seeds", "rank 1: the ranks differ: seed: 0 on rank 0, 1 on rank 1"),
        ("models", "rank 1: the ranks differ: model: "),
        ("versions", "rank 1: the ranks differ: pycnn: "),
        ("epochs", "rank 1: the ranks differ: epochs: 2 on rank 0, 3 on rank 1"),
    ],
)
def test_ranks_that_differ_are_refused_at_the_start(kind: str, text: str) -> None:
    found = job("trouble", 2, kind=kind)
    assert found["error"] == "DistributedError"
    assert found["text"].startswith(text)


def test_a_rank_with_fewer_batches_is_named() -> None:
    done = attempt("distributed_jobs.py", 2, "own_batches", '{"short": true}')
    assert done.returncode != 0
    assert "rank 1 has no batch 8 of this epoch, rank 0 has" in done.stderr
