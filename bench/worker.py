"""A process that runs cases for one library: requests and answers are lines of JSON.

Usage: ``python worker.py {pycnn,torch,onnxruntime,openvino} [threads]``, started by `peers.Worker`.
Two libraries in one process would share thread pools, allocators and the floating-point state;
separate processes do not. Between requests the process sleeps in a read and costs nothing.
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import signal
import sys
from typing import Any, TextIO

import numpy as np
from case import Array, Bound
from cases import all_cases
from timing import block, calibrate

# Results are thinned out to about this many values before they go to the other process.
_SAMPLES = 20_000


class Server:
    """Answers requests; `library` is the module `with_pycnn` or that of a peer."""

    def __init__(self, library: Any, threads: int | None) -> None:
        self._library = library
        self._about: dict[str, Any] = library.setup(threads)
        self._cases = {case.name: case for case in all_cases()}
        self._ready: dict[str, tuple[Bound, int]] = {}

    def about(self) -> dict[str, Any]:
        """Return a description of the library and its settings."""
        return self._about

    def peak(self, seconds: float) -> float:
        """Measure the FMA peak (pycnn only)."""
        return float(self._library.fma_peak(seconds))

    def prepare(self, case: str, layout: str, check: bool) -> dict[str, Any]:
        """Bind a case; return a sample of its results, their error if `check`, and how it runs."""
        bound = self._library.bind(self._cases[case], layout)
        outputs = bound.outputs()
        samples = [_encode(_sample(array)) for array in outputs]
        answer: dict[str, Any] = {"outputs": samples, "how": bound.how}
        if check:
            # Imported here because PyTorch's interpreter may lack pycnn, and so the reference.
            oracle = importlib.import_module("oracle")
            answer["error"] = oracle.check(self._cases[case], outputs)
        self._ready[layout] = bound, 0
        return answer

    def warm_up(self, layout: str, seconds: float) -> None:
        """Run a prepared case for a while and find out how long one call takes."""
        bound, _ = self._ready[layout]
        self._ready[layout] = bound, calibrate(bound.run, seconds)

    def run(self, layout: str, seconds: float) -> float:
        """Time one block; return the seconds per call."""
        bound, calls = self._ready[layout]
        return block(bound.run, calls, seconds)

    def drop(self) -> None:
        """Forget the prepared cases and their arrays."""
        self._ready.clear()


def _sample(array: Array) -> Array:
    # An odd step visits all rows and columns of the usual even sizes.
    return array.reshape(-1)[:: array.size // _SAMPLES | 1].astype(np.float32)


def _encode(array: Array) -> str:
    return base64.b64encode(array.tobytes()).decode()


def serve(server: Server, requests: TextIO, answers: TextIO) -> None:
    """Answer each line with one line, until the requests end."""
    for line in requests:
        request = json.loads(line)
        try:
            result = getattr(server, request.pop("do"))(**request)
            answer = {"result": result}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Serve on stdin and stdout; what a library prints goes to stderr."""
    # Ctrl-C reaches every process of the terminal; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    name = sys.argv[1]
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else None
    try:
        server = Server(importlib.import_module(f"with_{name}"), threads)
    except ImportError as error:
        answers.write(json.dumps({"error": f"{type(error).__name__}: {error}"}) + "\n")
        return
    answers.write(json.dumps({"result": server.about()}) + "\n")
    answers.flush()
    serve(server, sys.stdin, answers)


if __name__ == "__main__":
    main()
