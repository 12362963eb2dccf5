"""Measure how fast pycnn is, per op and for whole networks, against the machine and its peers.

Run ``python bench/throughput.py --help``; README.md in this folder explains the figures.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import report
import roofline
from cases import all_cases
from goals import GOALS
from measure import Result, Settings, measure
from peers import Worker, WorkerError
from round_trip import RoundTrip

from pycnn._files import check_writable
from pycnn.devices import EXTENSIONS, extension

FULL = Settings(rounds=7, seconds=0.2)
QUICK = Settings(rounds=3, seconds=0.05)
PEERS = {"torch": "PyTorch", "onnxruntime": "onnxruntime", "openvino": "OpenVINO"}
RESULTS = Path(__file__).parent / "results"
# A load average above this means that something else is using the cores.
_BUSY = 0.7


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--device",
        nargs="+",
        choices=("cpu", *EXTENSIONS, *(f"{name}+graph" for name in EXTENSIONS)),
        default=["cpu"],
        help="columns of the table; the CPU's is always there, and +graph takes training steps "
        "in a CUDA graph",
    )
    parser.add_argument(
        "--compare",
        nargs="+",
        choices=PEERS,
        default=[],
        help="measure these on the same work; runtimes, on inference of networks",
    )
    parser.add_argument(
        "--python",
        nargs="+",
        default=[],
        metavar="LIBRARY=PATH",
        help="the Python interpreter that has a library of --compare (default: this one)",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="default: pycnn's own choice")
    parser.add_argument("--only", metavar="TEXT", help="only the rows whose names contain TEXT")
    parser.add_argument("--goals", action="store_true", help="only the rows that have a goal")
    parser.add_argument("--quick", action="store_true", help="short blocks: rough figures")
    parser.add_argument(
        "--json",
        metavar="FILE",
        help="write all measurements (a full run: results/CPU.json by default)",
    )
    parser.add_argument(
        "--picture",
        metavar="FILE",
        help="draw a bar chart, needs matplotlib (a full run: results/CPU.png by default)",
    )
    options = parser.parse_args(arguments)
    if options.threads is not None and options.threads < 1:
        parser.error("--threads must be at least 1")
    rows = [case for case in all_cases() if case.name in GOALS or not options.goals]
    options.cases = [case for case in rows if (options.only or "").lower() in case.name.lower()]
    if not options.cases:
        names = "\n  ".join(case.name for case in rows)
        parser.error(f"no row contains {options.only!r}; the rows are\n  {names}")
    options.interpreters = {}
    for text in options.python:
        library, _, path = text.partition("=")
        if library not in PEERS or not path:
            parser.error(f"--python takes LIBRARY=PATH, one of {', '.join(PEERS)}; got {text!r}")
        options.interpreters[library] = path
    if not (options.quick or options.only or options.goals):
        name = re.sub(r"[^a-z0-9]+", "-", report.machine()["cpu"].lower()).strip("-")
        options.json = options.json or str(RESULTS / f"{name}.json")
        options.picture = options.picture or str(RESULTS / f"{name}.png")
    return options


def start_peer(library: str, python: str, threads: int) -> Worker:
    """Start a peer's process; failing is an error, because the comparison was asked for."""
    try:
        return Worker(library, python, threads)
    except WorkerError as error:
        raise WorkerError(
            f"cannot compare with {PEERS[library]}: {error} "
            f"(--python {library}=PATH names an interpreter that has it)"
        ) from None


def main(arguments: list[str] | None = None) -> int:
    """Run the bench; return 1 when a result was wrong, 2 when it could not run."""
    options = parse(arguments)
    settings = QUICK if options.quick else FULL
    try:
        RESULTS.mkdir(exist_ok=True)
        devices = [name for name in options.device if name != "cpu"]
        for name in devices:
            extension(name.removesuffix("+graph"))
        for path in filter(None, (options.json, options.picture)):
            # Better now than after minutes of measuring.
            check_writable(path)
        with ExitStack() as stack:
            mine = stack.enter_context(Worker("pycnn", threads=options.threads))
            threads = int(mine.about["threads"])
            theirs = []
            for library in dict.fromkeys(options.compare):
                python = options.interpreters.get(library, sys.executable)
                theirs.append(stack.enter_context(start_peer(library, python, threads)))
            trip = stack.enter_context(RoundTrip()).nanoseconds if threads > 1 else lambda: None
            return run(options, settings, mine, theirs, threads, devices, trip)
    except (WorkerError, OSError, RuntimeError) as error:
        print(f"throughput.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def run(
    options: argparse.Namespace,
    settings: Settings,
    mine: Worker,
    theirs: list[Worker],
    threads: int,
    devices: list[str],
    round_trip: Callable[[], float | None],
) -> int:
    """Measure, print and write; return the exit status."""
    computer = report.machine()
    limits = {
        "fma_peak": roofline.fma_peak(mine, settings.seconds),
        "copy_bandwidth": roofline.copy_bandwidth(threads),
    }
    config: dict[str, Any] = mine.about["config"]
    about = [worker.about for worker in (mine, *theirs)]
    title = ", ".join([computer["cpu"], f"threads: {threads}", *(a["library"] for a in about)])
    print(title)
    print(
        f"ISA {config['isa']}; measured FMA peak {limits['fma_peak'] / 1e9:.1f} GFLOP/s, "
        f"copy {limits['copy_bandwidth'] / 1e9:.1f} GB/s"
    )
    if computer["load_average"] > _BUSY:
        print(
            f"The load average is {computer['load_average']:.1f}: "
            "next to other programs, figures are low and uneven."
        )
    print()

    table = report.Table(devices, [worker.library for worker in theirs])
    table.head()
    results: list[Result] = []
    for case in options.cases:
        bandwidth = limits["copy_bandwidth"]
        results.append(measure(case, mine, theirs, settings, bandwidth, devices, round_trip))
        table.row(results[-1])

    # The best figure seen at any time is the machine's peak.
    limits["fma_peak"] = max([limits["fma_peak"], *(r.peak for r in results if r.peak)])
    if options.json:
        data = report.as_json(results, about, settings, computer, limits, devices)
        report.write_json(options.json, data)
    if options.picture:
        draw_picture(options.picture, results, title, limits)
    wrong = [result.case.name for result in results if not result.right]
    if wrong:
        print(f"\nWRONG: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


def draw_picture(path: str, results: list[Result], title: str, limits: dict[str, float]) -> None:
    """Draw the chart, or print what is missing for it."""
    import picture

    try:
        bounds = {"GFLOP/s": limits["fma_peak"], "GB/s": limits["copy_bandwidth"]}
        picture.draw(path, results, title, bounds)
    except ImportError as error:
        print(f"no picture: {error} (pip install matplotlib)", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
