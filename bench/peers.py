"""The libraries' processes, and how they take turns."""

from __future__ import annotations

import base64
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from case import Array, Case

# After a block, a library's threads may spin for a while before they sleep.
_SETTLE_SECONDS = 0.01
_PEAK_SECONDS = 0.02


class WorkerError(RuntimeError):
    """A worker could not start, failed to answer a request, or died."""


class Worker:
    """A process that runs cases with one library; see worker.py."""

    def __init__(self, library: str, python: str = sys.executable, threads: int | None = None):
        arguments = [python, str(Path(__file__).with_name("worker.py")), library]
        environment = dict(os.environ)
        if threads is not None:
            arguments.append(str(threads))
            # Read when the library loads: some pools cannot be resized later.
            for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "PYCNN_NUM_THREADS"):
                environment[variable] = str(threads)
        self.library = library
        try:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                text=True,
            )
        except OSError as error:
            raise WorkerError(f"cannot start {python}: {error}") from None
        try:
            self.about: dict[str, Any] = self._receive()
        except WorkerError:
            self.close()
            raise

    def ask(self, do: str, **arguments: Any) -> Any:
        """Send a request and wait for its answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(f"the {self.library} process has ended") from None
        return self._receive()

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise WorkerError(f"the {self.library} process has ended (exit status {code})")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer["result"]

    def close(self) -> None:
        """End the process: closing its stdin makes it leave its loop."""
        self._process.communicate()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            # After an error or Ctrl-C, do not wait for a block that may be running.
            self._process.terminate()
        self.close()


@dataclass
class Entrant:
    """One side of a comparison: a worker and a memory format, with the times of its blocks."""

    worker: Worker
    layout: str
    times: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Return the time of one call, the median over the blocks."""
        return statistics.median(self.times)

    def prepare(self, case: Case, check: bool) -> dict[str, Any]:
        """Bind the case; return a sample of its results, their error, and how it runs."""
        answer: dict[str, Any] = self.worker.ask(
            "prepare", case=case.name, layout=self.layout, check=check
        )
        answer["outputs"] = [_decode(text) for text in answer["outputs"]]
        return answer


def _decode(text: str) -> Array:
    return np.frombuffer(base64.b64decode(text), np.float32)


def take_turns(entrants: list[Entrant], rounds: int, seconds: float) -> float:
    """Time all entrants in turn, `rounds` times, in blocks of about `seconds`.

    Taking turns spreads a passing disturbance of the machine over all entrants, and keeps the ratio
    of neighbouring blocks meaningful even if the machine's speed drifts.

    Returns
    -------
    float
        The FMA peak at that time, in FLOP/s: the highest measured in the first entrant's process
        just before each of its blocks.
    """
    for entrant in entrants:
        entrant.worker.ask("warm_up", layout=entrant.layout, seconds=seconds / 2)
    peaks: list[float] = []
    for _ in range(rounds):
        time.sleep(_SETTLE_SECONDS)
        peaks.append(entrants[0].worker.ask("peak", seconds=_PEAK_SECONDS))
        for entrant in entrants:
            time.sleep(_SETTLE_SECONDS)
            entrant.times.append(entrant.worker.ask("run", layout=entrant.layout, seconds=seconds))
    return max(peaks)


def median_ratio(slow: list[float], fast: list[float]) -> float:
    """Return the median over the rounds of slow / fast."""
    return statistics.median(s / f for s, f in zip(slow, fast, strict=True))
