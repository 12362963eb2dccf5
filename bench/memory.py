"""Measure the peak memory of training steps, each in a process of its own.

    python bench/memory.py --only resnet18 --python torch=/path/to/python

The peak is the largest resident memory of the process during some steps, less what it had before
the model was made, with all libraries loaded by a step of a small network. So it holds parameters,
gradients, momentum, the batch, activations and what an allocator keeps.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from networks import NETWORKS, Network

BATCHES = {"alexnet": 16, "resnet18": 32, "mobilenet_v2": 16, "vgg11_bn": 32, "lenet5": 256}
WAYS = ("eager", "captured", "fit", "torch", "torch channels_last")
STEPS = 6  # by the third one a plan is made and replayed
SMALL = "small_cifar"  # loads what the libraries load late


def main() -> None:
    """Print a table of megabytes, or as a child the bytes of one way."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=BATCHES, help="one network")
    parser.add_argument("--python", metavar="torch=PATH", help="an interpreter that has PyTorch")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured(*options.measure)))
        return
    torch = options.python.removeprefix("torch=") if options.python else None
    ways = [way for way in WAYS if torch or not way.startswith("torch")]
    print(f"{'MB':<24} {'parameters':>10} {'plan':>8}", *(f"{way:>10}" for way in ways))
    for name in [options.only] if options.only else BATCHES:
        found = {way: _child(name, way, torch) for way in ways}
        numbers = found["captured"]["parameters"], found["captured"]["plan"]
        title = f"{NETWORKS[name].title} N={BATCHES[name]}"
        print(f"{title:<24} {_mb(numbers[0]):>10} {_mb(numbers[1]):>8}", end=" ")
        print(*(f"{_mb(found[way]['peak']):>{max(10, len(way))}}" for way in ways), flush=True)


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f}" if size >= 1e7 else f"{size / 1e6:.1f}"


def _child(name: str, way: str, torch: str | None) -> dict[str, int]:
    python = torch if torch and way.startswith("torch") else sys.executable
    command = [python, str(Path(__file__)), "--measure", name, way]
    path = str(Path(__file__).parents[1])
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path}
    )
    found: dict[str, int] = json.loads(done.stdout)
    return found


def measured(name: str, way: str) -> dict[str, int]:
    """Return the peak of this process, the bytes of the parameters, and what the plan says."""
    steps = _torch_steps if way.startswith("torch") else _pycnn_steps
    for _ in steps(NETWORKS[SMALL], 2, way):
        pass
    before = _status("VmRSS")
    each = steps(NETWORKS[name], BATCHES[name], way)
    parameters, plan = next(each)
    # The numbers drawn for a model are larger than the model for a moment: count the peak anew.
    Path("/proc/self/clear_refs").write_text("5")
    for _, size in each:
        plan = max(plan, size)
    return {"peak": _status("VmHWM") - before, "parameters": parameters, "plan": plan}


def _status(name: str) -> int:
    """Return a figure of this process, such as its resident memory, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return 1024 * int(line.split()[1])
    raise ValueError(f"[memory] /proc/self/status does not say {name}")


def _batch(network: Network, n: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, *network.sample), dtype=np.float32)
    return x, rng.integers(0, network.classes, n)


def _pycnn_steps(network: Network, n: int, way: str) -> Iterator[tuple[int, int]]:
    """Yield bytes of parameters and plan once the model is made, and after each step."""
    import running
    from small_cifar import small_cifar

    import pycnn

    model: Any = small_cifar()
    if network.model != SMALL:
        model = pycnn.models.create(network.model, **network.arguments)
    x, y = _batch(network, n)
    optimizer = pycnn.optim.SGD(model.train().parameters(), lr=1e-3, momentum=0.9)
    criterion = pycnn.CrossEntropyLoss()
    parameters = sum(p.data.nbytes for p in model.parameters())
    yield parameters, 0
    if way == "fit":
        rows = [(x, y)] * STEPS
        pycnn.fit(model, rows, epochs=1, optimizer=optimizer, loss=criterion, progress=False)
        yield parameters, 0
        return
    captured = pycnn.training.CapturedStep(model, criterion, optimizer)
    step: Callable[[], Any] = lambda: captured(x, y)  # noqa: E731
    if way == "eager":
        step = running.eager_step(model, criterion, optimizer, x, y)
    for _ in range(STEPS):
        step()
        yield parameters, captured.memory


def _torch_steps(network: Network, n: int, way: str) -> Iterator[tuple[int, int]]:
    """Do `_pycnn_steps` with PyTorch, which has no plan."""
    import importlib

    import torch_networks

    torch: Any = importlib.import_module("torch")
    layout = torch.channels_last if way.endswith("channels_last") else torch.contiguous_format
    zeros = {name: np.zeros(shape, np.float32) for name, shape in network.state.items()}
    model = torch_networks.build(network, zeros).to(memory_format=layout).train()
    zeros.clear()
    x, y = map(torch.from_numpy, _batch(network, n))
    x = x.contiguous(memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    criterion = torch.nn.CrossEntropyLoss()
    parameters = sum(4 * p.numel() for p in model.parameters())
    yield parameters, 0
    for _ in range(STEPS):
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
        yield parameters, 0


if __name__ == "__main__":
    main()
