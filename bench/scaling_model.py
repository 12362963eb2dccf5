"""What a step of data-parallel training costs: a model of three terms, fitted to measurements.

To sum m bytes over n ranks takes

    T(n, m) = alpha * rounds(n) + beta * 2 (n - 1) / n * m

with alpha the latency of a message and beta the seconds of a byte. Each rank has to send and to
receive 2 (n - 1) / n * m bytes at least (Patarasuk and Yuan, "Bandwidth optimal all-reduce
algorithms for clusters of workstations", 2009). Rabenseifner's algorithm, which MPI libraries take
for long arrays, reaches this in 2 ceil(log2 n) rounds; a ring, or pairs of ranks in turn, in
2 (n - 1) (Thakur, Rabenseifner and Gropp, "Optimization of Collective Communication Operations in
MPICH", 2005). The time to add the numbers up grows as the bytes do: a fit has it in beta.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# The backward pass is about two thirds of the work of a step: it makes two products for each one of
# the forward pass.
BACKWARD = 2 / 3
HALF = 0.5


def halving_rounds(ranks: Any) -> Any:
    """Count the rounds of Rabenseifner's algorithm: there and back along a binary tree."""
    return 2 * np.ceil(np.log2(ranks))


def pairwise_rounds(ranks: Any) -> Any:
    """Count the rounds of a sum for which each rank exchanges pieces with every other one."""
    return 2 * (np.asarray(ranks, float) - 1)


def volume(ranks: Any, size: Any) -> Any:
    """Count the bytes that a rank sends for a sum, at least."""
    return 2 * (np.asarray(ranks, float) - 1) / ranks * size


@dataclass(frozen=True)
class Line:
    """Seconds as ``first * u + second * v``, with the largest relative error of the fit."""

    first: float
    second: float
    error: float = 0.0


def fit(u: Iterable[float], v: Iterable[float], seconds: Iterable[float]) -> Line:
    """Fit `Line` by least squares of relative errors, with no coefficient below 0.

    Relative, because times of a few microseconds count as much as those of a second.
    """
    terms = np.array([list(u), list(v)], float).T
    times = np.array(list(seconds), float)
    if len(times) == 0 or not (np.isfinite(times).all() and (times > 0).all()):
        raise ValueError("[fit] needs times, finite and above 0")
    scaled = terms / times[:, None]
    best = np.linalg.lstsq(scaled, np.ones(len(times)), rcond=None)[0]
    if (best < 0).any():
        # With one coefficient at its limit, 0, the other is a fit of its own.
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
    """Fit the seconds of a step without ranks: `first` of a step, `second` of a sample."""
    return fit(
        [1.0] * len(measured),
        [float(batch) for batch, _ in measured],
        [seconds for _, seconds in measured],
    )


@dataclass(frozen=True)
class Link:
    """A network: its name, the seconds of a message, and the seconds of a byte."""

    name: str
    alpha: float
    beta: float


def ethernet(gigabits: float, microseconds: float) -> Link:
    """Return a link of so many Gbit/s each way, with an assumed latency of a message."""
    return Link(f"{gigabits:g} Gbit/s", microseconds * 1e-6, 8 / (gigabits * 1e9))


# Latencies are assumptions: TCP on common switches, good ones, and RDMA.
LINKS = (ethernet(10, 20), ethernet(25, 10), ethernet(100, 2))


@dataclass(frozen=True)
class Training:
    """A training step as the model sees it.

    Attributes
    ----------
    compute : Line
        Seconds of a step on one rank: `first`, and `second` for each sample.
    buckets : tuple of int
        Numbers in each part of the gradient that is summed by itself, in this order, where sums
        overlap with the backward pass.
    bytes_each : int
        Of a number in a message: 4 for float32, 2 for bfloat16.
    every : int
        Steps for each sum: 1, and more for local SGD.
    overlap : bool
        Whether buckets are summed while the backward pass goes on.
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
        """Count the numbers in the gradient."""
        return sum(self.buckets)

    def communication(self, ranks: Any, link: Link) -> Any:
        """Return the seconds of the sum of a gradient."""
        calls = len(self.buckets) if self.overlap else 1
        return self._sums(ranks, link, calls, self.parameters)

    def step(self, ranks: Any, samples: Any, link: Link) -> Any:
        """Return the seconds of a step in which each rank has so many samples.

        Overlapped, sums hide behind the backward pass, but for the last one.
        """
        compute = self.compute.first + self.compute.second * np.asarray(samples, float)
        shown = self.communication(ranks, link)
        if self.overlap:
            last = self._sums(ranks, link, 1, self.buckets[-1])
            shown = np.maximum(last, shown - BACKWARD * compute)
        return compute + shown / self.every

    def efficiency(self, ranks: Any, batch: float, link: Link, *, weak: bool = False) -> Any:
        """Return the speed of n ranks over n times that of one.

        `batch` is that of all ranks together, or with `weak` that of each.
        """
        samples = batch if weak else batch / np.asarray(ranks, float)
        share = 1.0 if weak else np.asarray(ranks, float)
        return self.step(1, batch, link) / self.step(ranks, samples, link) / share

    def useful(self, batch: int, link: Link) -> int:
        """Return the most ranks that share a batch with an efficiency of 50 % or more."""
        ranks = np.arange(1, batch + 1)
        # Rounds grow at powers of two, so that a few ranks more may be worth more again.
        return int(ranks[self.efficiency(ranks, batch, link) >= HALF].max())

    def fastest(self, batch: int, link: Link) -> int:
        """Return the number of ranks beyond which a step of this batch does not get faster."""
        ranks = np.arange(1, batch + 1)
        return int(ranks[np.argmin(self.step(ranks, batch / ranks, link))])

    def speedup(self, ranks: int, batch: int, link: Link) -> float:
        """Return the speed of n ranks that share a batch over that of one."""
        return float(self.efficiency(ranks, batch, link) * ranks)

    def _sums(self, ranks: Any, link: Link, calls: int, numbers: int) -> Any:
        size = numbers * self.bytes_each
        return link.alpha * self.rounds(ranks) * calls + link.beta * volume(ranks, size)


def factors(training: Training, batch: int, large: int) -> list[tuple[str, Training, int]]:
    """Return what moves the limit of scaling: what it is, the training with it, and its batch.

    Parameters
    ----------
    training : Training
        As pycnn does it on several machines.
    batch, large : int
        A usual batch of all ranks, and one that layer-wise rates (LARS, LAMB) still train with.
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
