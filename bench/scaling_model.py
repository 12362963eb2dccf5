"""The cost of a step of data-parallel training: a model of three terms, fitted to measurements.

Summing m bytes over n ranks takes

    T(n, m) = alpha * rounds(n) + beta * 2 (n - 1) / n * m

with alpha the latency of a message and beta the seconds per byte. Each rank must send and receive
at least 2 (n - 1) / n * m bytes (Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms for
clusters of workstations", 2009). Rabenseifner's algorithm, which MPI libraries use for long arrays,
achieves this in 2 ceil(log2 n) rounds; a ring, or pairs of ranks in turn, in 2 (n - 1) (Thakur,
Rabenseifner and Gropp, "Optimization of Collective Communication Operations in MPICH", 2005). The
time to add the numbers grows with the bytes: a fit includes it in beta.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# The backward pass is about two thirds of a step's work: two products for each one of the forward
# pass.
BACKWARD = 2 / 3
HALF = 0.5


def halving_rounds(ranks: Any) -> Any:
    """Return the rounds of Rabenseifner's algorithm: up and down a binary tree."""
    return 2 * np.ceil(np.log2(ranks))


def pairwise_rounds(ranks: Any) -> Any:
    """Return the rounds of a sum in which each rank exchanges pieces with every other one."""
    return 2 * (np.asarray(ranks, float) - 1)


def volume(ranks: Any, size: Any) -> Any:
    """Return the least bytes that a rank must send for a sum."""
    return 2 * (np.asarray(ranks, float) - 1) / ranks * size


@dataclass(frozen=True)
class Line:
    """Seconds as ``first * u + second * v``, with the largest relative error of the fit."""

    first: float
    second: float
    error: float = 0.0


def fit(u: Iterable[float], v: Iterable[float], seconds: Iterable[float]) -> Line:
    """Fit `Line` by least squares of relative errors, with no coefficient below 0.

    Errors are relative so that times of a few microseconds count as much as those of a second.
    """
    terms = np.array([list(u), list(v)], float).T
    times = np.array(list(seconds), float)
    if len(times) == 0 or not (np.isfinite(times).all() and (times > 0).all()):
        raise ValueError("[fit] needs times, finite and above 0")
    scaled = terms / times[:, None]
    best = np.linalg.lstsq(scaled, np.ones(len(times)), rcond=None)[0]
    if (best < 0).any():
        # With one coefficient at its limit, 0, the other is fitted alone.
        alone = [
            scaled[:, i] @ np.ones(len(times)) / max(_square(scaled[:, i]), 1e-300) for i in (0, 1)
        ]
        choices = [np.array([alone[0], 0.0]), np.array([0.0, alone[1]])]
        best = min(choices, key=lambda choice: _square(scaled @ choice - 1))
    errors = np.abs(scaled @ best - 1)
    return Line(float(best[0]), float(best[1]), float(errors.max()))


def _square(values: Array) -> float:
    return float(values @ values)


def fit_sums(
    measured: Sequence[tuple[int, int, float]], rounds: Callable[[Any], Any] = halving_rounds
) -> Line:
    """Fit alpha and beta to (ranks, bytes, seconds); `first` is alpha, `second` beta."""
    return fit(
        [float(rounds(n)) for n, _, _ in measured],
        [float(volume(n, size)) for n, size, _ in measured],
        [seconds for _, _, seconds in measured],
    )


def fit_compute(measured: Sequence[tuple[int, float]]) -> Line:
    """Fit the seconds of a step without ranks: `first` per step, `second` per sample."""
    return fit(
        [1.0] * len(measured),
        [float(batch) for batch, _ in measured],
        [seconds for _, seconds in measured],
    )


@dataclass(frozen=True)
class Link:
    """A network: its name, the seconds per message, and the seconds per byte."""

    name: str
    alpha: float
    beta: float


def ethernet(gigabits: float, microseconds: float) -> Link:
    """Return a link with this many Gbit/s each way, and an assumed latency per message."""
    return Link(f"{gigabits:g} Gbit/s", microseconds * 1e-6, 8 / (gigabits * 1e9))


# Latencies are assumptions: TCP on common switches, good ones, and RDMA.
LINKS = (ethernet(10, 20), ethernet(25, 10), ethernet(100, 2))


@dataclass(frozen=True)
class Training:
    """A training step as the model sees it.

    Attributes
    ----------
    compute : Line
        Seconds of a step on one rank: `first`, plus `second` per sample.
    buckets : tuple of int
        Sizes of the parts of the gradient that are summed separately, in this order, if sums
        overlap with the backward pass.
    bytes_each : int
        Bytes of a number in a message: 4 for float32, 2 for bfloat16.
    every : int
        Steps per sum: 1, or more for local SGD.
    overlap : bool
        Whether buckets are summed while the backward pass is running.
    rounds : function
        Rounds of a sum over n ranks.
    """

    compute: Line
    buckets: tuple[int, ...]
    bytes_each: int = 4
    every: int = 1
    overlap: bool = False
    rounds: Callable[[Any], Any] = halving_rounds

    @property
    def parameters(self) -> int:
        """Number of elements of the gradient."""
        return sum(self.buckets)

    def communication(self, ranks: Any, link: Link) -> Any:
        """Return the seconds of the sum of a gradient."""
        calls = len(self.buckets) if self.overlap else 1
        return self._sums(ranks, link, calls, self.parameters)

    def step(self, ranks: Any, samples: Any, link: Link) -> Any:
        """Return the seconds of a step in which each rank has `samples` samples.

        With overlap, all sums but the last hide behind the backward pass.
        """
        compute = self.compute.first + self.compute.second * np.asarray(samples, float)
        shown = self.communication(ranks, link)
        if self.overlap:
            last = self._sums(ranks, link, 1, self.buckets[-1])
            shown = np.maximum(last, shown - BACKWARD * compute)
        return compute + shown / self.every

    def efficiency(self, ranks: Any, batch: float, link: Link, *, weak: bool = False) -> Any:
        """Return the speed of n ranks divided by n times that of one.

        `batch` is the batch of all ranks together, or with `weak` that of each.
        """
        samples = batch if weak else batch / np.asarray(ranks, float)
        share = 1.0 if weak else np.asarray(ranks, float)
        return self.step(1, batch, link) / self.step(ranks, samples, link) / share

    def useful(self, batch: int, link: Link) -> int:
        """Return the most ranks that share a batch with an efficiency of 50 % or more."""
        ranks = np.arange(1, batch + 1)
        # Rounds grow at powers of two, so that a few more ranks may be worthwhile again.
        return int(ranks[self.efficiency(ranks, batch, link) >= HALF].max())

    def fastest(self, batch: int, link: Link) -> int:
        """Return the number of ranks beyond which a step of this batch does not get faster."""
        ranks = np.arange(1, batch + 1)
        return int(ranks[np.argmin(self.step(ranks, batch / ranks, link))])

    def speedup(self, ranks: int, batch: int, link: Link) -> float:
        """Return the speed of n ranks that share a batch, divided by that of one."""
        return float(self.efficiency(ranks, batch, link) * ranks)

    def _sums(self, ranks: Any, link: Link, calls: int, numbers: int) -> Any:
        size = numbers * self.bytes_each
        return link.alpha * self.rounds(ranks) * calls + link.beta * volume(ranks, size)


def factors(training: Training, batch: int, large: int) -> list[tuple[str, Training, int]]:
    """Return changes that move the limit of scaling: a name, the changed training, and its batch.

    Parameters
    ----------
    training : Training
        Training as pycnn does it on several machines.
    batch, large : int
        A usual batch of all ranks, and a large one that layer-wise rates (LARS, LAMB) can train.
    """
    more = min(8192, large)
    return [
        ("as it is", training, batch),
        ("overlap=True", replace(training, overlap=True), batch),
        ("deterministic=True", replace(training, rounds=pairwise_rounds), batch),
        (f"batch {more:,}: linear scaling and warm-up (Goyal et al. 2017)", training, more),
        (f"batch {large:,}: LARS, LAMB (You et al. 2017, 2020)", training, large),
        ("bfloat16 gradients: half the bytes", replace(training, bytes_each=2), batch),
        (
            "local SGD, a sum every 8 steps (Stich 2019)",
            replace(training, every=8, overlap=False),  # of parameters, after the step
            batch,
        ),
    ]
