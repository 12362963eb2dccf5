"""The work that is counted: steps of three networks, run under callgrind by work.py.

Usage: ``valgrind --tool=callgrind --instr-atstart=no python work_steps.py LIBRARY``, where LIBRARY
is callgrind.cpp, compiled. Prints a line of JSON: the calls of each kind of step.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np
from running import inference, training
from small_cifar import small_cifar

import pycnn

PACKAGE = os.path.dirname(pycnn.__file__) + os.sep


def works() -> Iterator[tuple[str, Callable[[], Any], str]]:
    """Yield the name of each kind of step, the step, and how pycnn runs it.

    Batches and pictures are small, since valgrind is slow; what a step costs besides its
    multiply-adds weighs all the more.
    """
    networks: list[tuple[str, Callable[[], pycnn.Module], tuple[int, ...], tuple[int, int]]] = [
        ("LeNet-5", lambda: pycnn.models.lenet5(rng=0), (1, 28, 28), (8, 8)),
        ("small CIFAR net", small_cifar, (3, 32, 32), (2, 2)),
        # One picture leaves the last batch norms one value a channel, which training refuses.
        ("MobileNetV2 @32", lambda: pycnn.models.mobilenet_v2(10, rng=0), (3, 32, 32), (1, 2)),
    ]
    for title, build, sample, (n, batch) in networks:
        rng = np.random.default_rng(0)
        x = rng.standard_normal((max(n, batch), *sample)).astype(np.float32)
        target = rng.integers(0, 10, batch)
        call, how = inference(build(), x[:n])
        yield f"{title} inference N={n}", call, how
        model = build()
        optimizer = pycnn.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
        step, how = training(model, pycnn.CrossEntropyLoss(), optimizer, x[:batch], target)
        yield f"{title} training step N={batch}", step, how


def count_calls(step: Callable[[], Any]) -> dict[str, int]:
    """Count the functions that a step calls: those of the compiled module, and pycnn's in Python.

    Comprehensions are left out, since some versions of Python call a function for one.
    """
    found: Counter[str] = Counter(compiled_calls=0, python_calls=0)

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event == "c_call":
            module = getattr(argument, "__module__", None) or ""
            found["compiled_calls"] += module.startswith("pycnn._core")
        elif event == "call" and code.co_filename.startswith(PACKAGE):
            found["python_calls"] += not code.co_name.startswith("<")

    sys.setprofile(profile)
    try:
        step()
    finally:
        sys.setprofile(None)
    return dict(found)


def main() -> None:
    """Count each kind of step; the dumps of callgrind bear its name."""
    callgrind = ctypes.CDLL(sys.argv[1])
    answer = {}
    for name, step, how in works():
        step()  # takes its memory, and makes what later ones keep
        answer[name] = {"how": how, **count_calls(step)}
        callgrind.start_counting()
        step()
        callgrind.stop_counting(name.encode())
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
