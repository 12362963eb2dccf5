"""Show results as an aligned table on the terminal, and write them to a JSON file."""

from __future__ import annotations

import datetime
import json
import os
import platform
import sys
from collections.abc import Sequence
from typing import Any

from goals import GOALS
from measure import RUNTIMES, Result, Settings

from pycnn._files import atomic_write

_TITLES = {
    "network": "Whole networks (training: forward, loss, backward, SGD with momentum or Adam)",
    "convolution": "Convolutions",
    "linear": "Linear layers",
    "memory": "Pooling, ReLU, normalisation, dropout, loss, optimizers (bytes, each counted once)",
}


class Table:
    """Prints results as they arrive, in columns of fixed width; `devices` excludes the CPU."""

    def __init__(self, devices: Sequence[str], peers: Sequence[str]) -> None:
        self._devices = devices
        self._peers = peers
        self._group = ""

    def head(self) -> None:
        """Print the names of the columns."""
        cells = [f"{'':41}", f"{'error':>6}"]
        cells += [f"{'time':>9}", f"{'cpu':>14}", f"{'of bound':>10}"]
        cells += [f"{device:>14}" for device in self._devices]
        if "torch" in self._peers:
            titles = ("torch", "ch.last", "x default", "x better")
            cells += [f"{title:>9}" for title in titles]
        cells += [f"{name:>11}" for name in self._runtimes()]
        if self._peers:
            cells += [f"{title:>9}" for title in ("x best", "goal", "differs")]
        cells += ["round trip", "how"]
        print("  ".join(cells).rstrip())

    def row(self, result: Result) -> None:
        """Print one result, after the title of its group if it is the first."""
        case = result.case
        if case.group != self._group:
            self._group = case.group
            print(f"\n{_TITLES[case.group]}")
        cells = [f"{case.name:41}", f"{result.error:6.2f}"]
        cells += _cpu_cells(result)
        for device in self._devices:
            seconds = result.devices.get(device)
            rate = "-" if seconds is None else f"{_number(result, seconds)} {unit(result)}"
            cells.append(f"{rate:>14}")
        if "torch" in self._peers:
            cells += _torch_cells(result)
        for name in self._runtimes():
            peer = result.peers.get(name)
            cells.append(f"{_number(result, peer.seconds) if peer else '':>11}")
        if self._peers:
            cells += _best_cells(result)
        # Another program between the two makes one of them long.
        trip = min(result.round_trips, default=None)
        cells.append(f"{'-' if trip is None else f'{trip:.0f} ns':>10}")
        cells.append(result.how.partition(":")[0])
        print("  ".join(cells).rstrip(), flush=True)

    def _runtimes(self) -> list[str]:
        return [name for name in self._peers if name in RUNTIMES]


def _cpu_cells(result: Result) -> list[str]:
    if result.seconds is None or result.share is None:
        return [f"{'WRONG':>9}", f"{'-':>14}", f"{'-':>10}"]
    bound = "FMA " if result.case.flops else "copy"
    return [
        f"{duration(result.seconds):>9}",
        f"{_number(result, result.seconds) + ' ' + unit(result):>14}",
        f"{result.share:5.0%} {bound}",
    ]


def _torch_cells(result: Result) -> list[str]:
    better, default = result.better, result.peers.get("contiguous")
    if better is None or default is None:
        return ["-".rjust(9)] * 4
    cells = []
    for layout in ("contiguous", "channels_last"):
        peer = result.peers.get(layout)
        cells.append(f"{_number(result, peer.seconds) if peer else '':>9}")
    return [*cells, f"{default.ratio:9.2f}", f"{better.ratio:9.2f}"]


def _best_cells(result: Result) -> list[str]:
    goal = GOALS.get(result.case.name)
    wanted = f"{'' if goal is None else f'{goal:g}':>9}"
    if result.best is None:
        return ["-".rjust(9), wanted, "-".rjust(9)]
    worst = f"{max(result.differences):.0e}" if result.differences else "random"
    return [f"{result.best[1].ratio:9.2f}", wanted, f"{worst:>9}"]


def unit(result: Result) -> str:
    """Return the unit of the rate of a case."""
    return "img/s" if result.case.images else "GFLOP/s" if result.case.flops else "GB/s"


def _number(result: Result, seconds: float) -> str:
    rate = result.rate(seconds)
    return f"{rate:,.0f}" if result.case.images else f"{rate / 1e9:.1f}"


def duration(seconds: float) -> str:
    """Format a time with its unit."""
    return f"{seconds * 1e6:.1f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def cpu_model() -> str:
    """Return the processor's name as Linux reports it, else as Python does."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith(("model name", "Processor", "Model")):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine() -> dict[str, Any]:
    """Return a description of the computer, and how busy it is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": cpu_model(),
        "cores": cores,
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": os.getloadavg()[0],
    }


def as_json(
    results: list[Result],
    workers: list[dict[str, Any]],
    settings: Settings,
    computer: dict[str, Any],
    roofline: dict[str, float],
    devices: Sequence[str],
) -> dict[str, Any]:
    """Return everything known about a run."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        # Only the names of files: the folders of this machine are private.
        "command": [os.path.basename(word) for word in sys.argv],
        "machine": computer,
        "libraries": workers,
        "settings": vars(settings),
        "roofline": roofline,
        "devices": ["cpu", *devices],
        "results": [_result_json(result) for result in results],
    }


def _result_json(result: Result) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": result.case.name,
        "group": result.case.group,
        "op": result.case.op,
        "right": result.right,
        "error_over_bound": result.error,
        "flops": result.case.flops,
        "bytes": result.case.traffic,
        "images": result.case.images,
    }
    if result.seconds is not None:
        data |= {
            "seconds": result.seconds,
            "rate": result.rate(result.seconds),
            "unit": {"img/s": "images/s", "GFLOP/s": "FLOP/s", "GB/s": "bytes/s"}[unit(result)],
            "share_of_bound": result.share,
            "fma_peak_at_the_time": result.peak,
        }
    if result.devices:
        data["devices"] = {
            device: {"seconds": seconds, "rate": result.rate(seconds)}
            for device, seconds in result.devices.items()
        }
    if result.how:
        data["how"] = result.how
    if result.round_trips:
        data["round_trips_ns"] = result.round_trips
    peers = {
        name: {
            "seconds": peer.seconds,
            "rate": result.rate(peer.seconds),
            "times_pycnn": peer.ratio,
            "difference": peer.difference,
        }
        for name, peer in result.peers.items()
    }
    data |= {name: peers.pop(name) for name in RUNTIMES if name in peers}
    if result.better:
        data["torch"] = peers
        data["speedup_over_default"] = result.peers["contiguous"].ratio
        data["speedup_over_better"] = result.better.ratio
    if result.best:
        data["best_peer"], data["speedup_over_best"] = result.best[0], result.best[1].ratio
    return data


def write_json(path: str, data: dict[str, Any]) -> None:
    """Write the run to a file, either complete or not at all."""
    with atomic_write(path) as file:
        file.write((json.dumps(data, indent=2, allow_nan=True) + "\n").encode())
