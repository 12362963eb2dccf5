"""Compare training steps of LeNet-5: as a row of layers, as a `forward` of one's own, and frozen.

``python bench/forward.py --batch 64``; README.md explains the figures.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import block, calibrate
from with_pycnn import setup

import pycnn as nn
from pycnn import functional as F


class LeNet5(nn.Module):
    """The network of `pycnn.models.lenet5`, written as people write it for PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Any) -> Any:
        """Return a score for each digit."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(x.view(x.size(0), -1)))
        return self.fc3(F.relu(self.fc2(x)))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--batch", type=int, default=64, metavar="N")
    parser.add_argument("--threads", type=int, metavar="N", help="default: as pycnn chooses")
    parser.add_argument("--seconds", type=float, default=0.2, help="length of a block")
    parser.add_argument("--blocks", type=int, default=15, help="blocks of each kind")
    return parser.parse_args(arguments)


def step_of(model: nn.Module, x: Any, y: Any) -> Callable[[], None]:
    """Return a training step: forward, loss, backward, update."""
    loss = nn.CrossEntropyLoss()
    optimizer = nn.optim.SGD(model.parameters(), lr=1e-3)

    def step() -> None:
        loss(model.forward(x), y)
        optimizer.zero_grad()
        model.backward_parameters(loss.backward())
        optimizer.step()

    return step


def models() -> dict[str, nn.Module]:
    """Return the three networks, with the same initial values."""
    row, written = nn.models.lenet5(rng=0), LeNet5()
    state = dict(zip(written.state_dict(), row.state_dict().values(), strict=True))
    written.load_state_dict(state)
    frozen = nn.models.lenet5(rng=0)
    frozen.freeze()
    last = list(frozen)[-1]
    last.unfreeze()
    return {"Sequential": row, "forward": written, "all but the last layer frozen": frozen}


def main(arguments: list[str] | None = None) -> None:
    """Print the times, and their ratios to that of the row of layers."""
    args = parse(arguments)
    setup(args.threads)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((args.batch, 1, 28, 28)).astype(np.float32)
    y = rng.integers(0, 10, args.batch)
    steps = {name: step_of(model, x, y) for name, model in models().items()}
    calls = {name: calibrate(step, args.seconds) for name, step in steps.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(args.blocks):
        for name, step in steps.items():
            times[name].append(block(step, calls[name], args.seconds))
    base = times["Sequential"]
    print(f"LeNet-5, training step, batch {args.batch}, {nn.get_num_threads()} threads")
    for name, found in times.items():
        ratio = statistics.median(a / b for a, b in zip(found, base, strict=True))
        print(f"{name:30} {statistics.median(found) * 1e6:8.0f} us   x {ratio:.3f}")


if __name__ == "__main__":
    main()
