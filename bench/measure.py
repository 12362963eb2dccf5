"""Measure one case: check it, compare it, time it, and relate the time to its bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import oracle
from case import Case
from peers import Entrant, Worker, median_ratio, take_turns

# Peers that run inference alone, in layouts of their own choice.
RUNTIMES = ("onnxruntime", "openvino")
# A difference between two libraries that both round to float32: see oracle._NETWORK_TOLERANCE.
_MOST_DIFFERENCE = 1e-4
# In a network, a unit whose input is zero up to rounding may pass ReLU in one library and not in
# the other; the gradients of its weights then differ by the share of a sample. float64 decides.
_MOST_NETWORK_DIFFERENCE = 0.05


@dataclass(frozen=True)
class Settings:
    """How long to measure: `rounds` blocks of `seconds` for each entrant."""

    rounds: int
    seconds: float


@dataclass
class Peer:
    """A peer's result in one memory format; no difference if both draw random numbers."""

    seconds: float
    ratio: float  # its time over pycnn's, median over the rounds
    difference: float | None


@dataclass
class Result:
    """The figures measured for a case; None where a wrong result was not timed.

    `share` is the fraction of the bound that was reached: of `peak`, the FMA peak while the case
    ran, or of the copy bandwidth if the case hardly computes. `how` says which of pycnn's ways the
    call took. `round_trips` are the nanoseconds of a cache line between two cores, before and
    after. `peers` has PyTorch's results by memory format, those of `RUNTIMES` by their names.
    """

    case: Case
    error: float
    seconds: float | None = None
    share: float | None = None
    peak: float | None = None
    how: str = ""
    round_trips: list[float] = field(default_factory=list)
    devices: dict[str, float] = field(default_factory=dict)  # seconds of pycnn on other devices
    peers: dict[str, Peer] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Whether pycnn agrees with the reference and with its peers."""
        most = _MOST_NETWORK_DIFFERENCE if self.case.group == "network" else _MOST_DIFFERENCE
        return self.error <= 1 and all(d <= most for d in self.differences)

    @property
    def differences(self) -> list[float]:
        """The meaningful differences from the peers."""
        return [peer.difference for peer in self.peers.values() if peer.difference is not None]

    @property
    def better(self) -> Peer | None:
        """PyTorch's result in its better format, by the reported ratio."""
        formats = [peer for name, peer in self.peers.items() if name not in RUNTIMES]
        return min(formats, key=lambda peer: peer.ratio, default=None)

    @property
    def best(self) -> tuple[str, Peer] | None:
        """The name and the result of the best peer, by the reported ratio."""
        return min(self.peers.items(), key=lambda peer: peer[1].ratio, default=None)

    def rate(self, seconds: float) -> float:
        """Return the images, operations or bytes per second at `seconds` per call."""
        return (self.case.images or self.case.flops or self.case.traffic) / seconds


def measure(
    case: Case,
    mine: Worker,
    theirs: Sequence[Worker],
    settings: Settings,
    bandwidth: float,
    devices: Sequence[str] = (),
    round_trip: Callable[[], float | None] = lambda: None,
) -> Result:
    """Check and time `case` in pycnn's worker and in those of its peers.

    pycnn is measured on the CPU and on other `devices`; with "+graph" only cases that a CUDA graph
    can hold, and the column stays empty for others. A case that fails the check against the
    reference is not timed.
    """
    entrant = Entrant(mine, "contiguous")
    answer = entrant.prepare(case, check=True)
    others = [
        Entrant(mine, device)
        for device in devices
        if case.captured or not device.endswith("+graph")
    ]
    errors = [other.prepare(case, check=True)["error"] for other in others]
    result = Result(case, max([answer["error"], *errors]), how=answer["how"])
    if result.error > 1:
        mine.ask("drop")
        return result

    peers = [Entrant(worker, name) for worker in theirs for name in _formats(case, worker)]
    theirs_outputs = [peer.prepare(case, check=False)["outputs"] for peer in peers]
    differences = [
        None if case.random else oracle.difference(case, answer["outputs"], outputs)
        for outputs in theirs_outputs
    ]
    trips = [round_trip()]
    result.peak = take_turns([entrant, *others, *peers], settings.rounds, settings.seconds)
    trips.append(round_trip())
    result.round_trips = [trip for trip in trips if trip is not None]
    for worker in {entrant.worker, *(peer.worker for peer in peers)}:
        worker.ask("drop")

    result.seconds = entrant.seconds
    result.devices = {other.layout: other.seconds for other in others}
    result.share = (
        case.flops / entrant.seconds / result.peak
        if case.flops
        else case.traffic / entrant.seconds / bandwidth
    )
    for peer, difference in zip(peers, differences, strict=True):
        ratio = median_ratio(peer.times, entrant.times)
        result.peers[peer.layout] = Peer(peer.seconds, ratio, difference)
    return result


def _formats(case: Case, worker: Worker) -> tuple[str, ...]:
    """Return the memory formats in which a peer runs a case: none where it cannot."""
    if worker.library in RUNTIMES:
        return (worker.library,) if case.op == "infer" else ()
    return case.layouts
