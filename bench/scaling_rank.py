"""One rank of a measurement of `scaling.py`; its argument is a plan in JSON.

Rank 0 prints the times as one line of JSON. A plan of one rank needs no launcher.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import pycnn
from pycnn.layers import BatchNorm2d, Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from pycnn.training import Callback, Run

# Steps at the beginning that are not counted, if there are enough: they allocate memory, count
# gradients for overlap, and fill caches.
WARM_UP = 4
MOST_EPOCHS = 50
LEAST_SUMS, MOST_SUMS = 3, 200
# Share of a launch's time for steps, if there are also sums to measure.
STEPS = 2 / 3


def small_batch_norm(*, rng: int) -> Sequential:
    """Build a network for 32 x 32 pictures that spends much of its time on batch normalisation."""
    return Sequential(
        Conv2d(3, 16, 3, padding=1, rng=rng), BatchNorm2d(16), ReLU(), MaxPool2d(2),
        Conv2d(16, 32, 3, padding=1, rng=rng), BatchNorm2d(32), ReLU(), MaxPool2d(2),
        Conv2d(32, 64, 3, padding=1, rng=rng), BatchNorm2d(64), ReLU(), MaxPool2d(2),
        Flatten(), Linear(64 * 4 * 4, 10, rng=rng),
    )  # fmt: skip


# How to build a network, its samples, its classes, and the steps of an epoch.
NETWORKS: dict[str, tuple[Callable[..., Sequential], tuple[int, ...], int, int]] = {
    "lenet5": (pycnn.models.lenet5, (1, 28, 28), 10, 16),
    "alexnet_cifar": (pycnn.models.alexnet_cifar, (3, 32, 32), 10, 16),
    "batch norm": (small_batch_norm, (3, 32, 32), 10, 16),
    "alexnet": (pycnn.models.alexnet, (3, 227, 227), 1000, 4),
}


class Clock(Callback):
    """Notes when each step ends."""

    def __init__(self) -> None:
        self.ends: list[tuple[int, float]] = []

    def on_step(self, run: Run) -> None:
        self.ends.append((run.batch_number, time.perf_counter()))

    def seconds(self) -> float:
        """Return the median seconds from the end of one step to the next in the same epoch."""
        pairs = zip(self.ends, self.ends[1:], strict=False)
        steps = [end - start for (_, start), (number, end) in pairs if number > 1]
        return statistics.median(steps[min(WARM_UP, len(steps) // 3) :])


def time_step(network: str, batch: int, seconds: float, processes: Any) -> tuple[float, int]:
    """Time a training step of `batch` samples over all ranks; also count the parameters."""
    build, sample, classes, steps = NETWORKS[network]
    rng = np.random.default_rng(0)
    count = batch * steps
    x = rng.standard_normal((count, *sample), dtype=np.float32)
    data = pycnn.ArrayDataset(x, rng.integers(0, classes, count), tuple(map(str, range(classes))))
    model = build(rng=0)
    parameters = list(model.parameters())

    def train(samples: int, epochs: int) -> float:
        clock = Clock()
        pycnn.fit(
            model,
            data[:samples],
            epochs=epochs,
            batch_size=batch,
            optimizer=pycnn.optim.SGD(parameters, lr=1e-4, momentum=0.9),
            callbacks=[clock],
            progress=False,
            distributed=processes,
        )
        return clock.seconds()

    rough = train(4 * batch, 1)
    epochs = max(1, min(MOST_EPOCHS, math.ceil(seconds / rough / steps)))
    if processes:
        epochs = processes.by_first(lambda: epochs)
    return train(count, epochs), sum(parameter.numel() for parameter in parameters)


def time_sum(name: str, size: int, seconds: float) -> float:
    """Return the seconds that all ranks take to sum arrays of `size` bytes."""
    from mpi4py import MPI

    from pycnn.distributed import sums

    comm, add = MPI.COMM_WORLD, getattr(sums, name)
    flat = np.zeros(size // 4, np.float32)

    def once() -> float:
        comm.Barrier()
        start = time.perf_counter()
        add(comm, flat)
        slowest = np.array([time.perf_counter() - start])
        comm.Allreduce(MPI.IN_PLACE, slowest, MPI.MAX)
        return float(slowest[0])

    once()  # touches pages and opens connections
    repetitions = int(max(LEAST_SUMS, min(MOST_SUMS, seconds / once())))
    return statistics.median(once() for _ in range(repetitions))


class Budget:
    """The seconds of a launch; all ranks leave out whatever would begin later."""

    def __init__(self, seconds: float, ranks: int) -> None:
        self._begin, self._seconds = time.perf_counter(), seconds
        self._ranks = ranks

    def left(self, share: float = 1.0) -> bool:
        """Return whether less than a share of the time has passed, by the clock of rank 0."""
        left = np.array([time.perf_counter() - self._begin < share * self._seconds])
        if self._ranks > 1:
            from mpi4py import MPI

            MPI.COMM_WORLD.Bcast(left)
        return bool(left[0])


def ranks_of(variant: str) -> Any:
    """Return the processes for a variant of training; False if there is only one."""
    if variant == "alone":
        return False
    from pycnn.distributed import Ranks

    return Ranks(overlap=variant == "overlap", sync_batch_norm=variant == "sync")


def measure(plan: dict[str, Any]) -> dict[str, Any]:
    """Take the measurements of a plan in its order; None for those that the time did not allow."""
    if plan["threads"] is not None:  # not through the environment, which ssh does not pass on
        pycnn.set_num_threads(plan["threads"])
    answer: dict[str, Any] = {
        "threads": pycnn.get_num_threads(),
        "steps": [],
        "sums": [],
        "parameters": {},
    }
    about = "one process"
    budget = Budget(plan["budget"], plan["ranks"])
    made: dict[str, Any] = {}
    for network, batch, variant in plan["steps"]:
        if variant not in made:
            made[variant] = ranks_of(variant)
        processes = made[variant]
        if not budget.left(STEPS if plan["sums"] else 1.0):
            answer["steps"].append(None)
            continue
        time_of_step, count = time_step(network, batch, plan["seconds"], processes)
        answer["steps"].append(time_of_step)
        answer["parameters"][network] = count
        about = processes.threads if processes else about
    for name, size in plan["sums"]:
        left = budget.left()
        answer["sums"].append(time_sum(name, size, plan["sum_seconds"]) if left else None)
    answer["about"] = about
    if plan["ranks"] > 1:
        from mpi4py import MPI

        answer["rank"] = MPI.COMM_WORLD.Get_rank()
        answer["mpi"] = MPI.Get_library_version().split(",")[0].strip("\0 \n")
    return answer


def main() -> None:
    """Measure; rank 0 prints."""
    warnings.simplefilter("ignore", RuntimeWarning)  # about the loss of random targets
    answer = measure(json.loads(sys.argv[1]))
    if answer.pop("rank", 0) == 0:
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
