"""Measure how training scales over MPI ranks, and model it for networks of machines.

``python bench/scaling.py`` takes a few minutes; its tables are Markdown. README.md in this folder
explains the figures.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import report
import scaling_limits
import scaling_report
from scaling_plan import LaunchError, alone_steps, cores, launcher, run, steps_of, sums_of

from pycnn._files import check_writable

RESULTS = Path(__file__).parent / "results"
# Measurements by their subject: a time for each round, None if there was no time left.
Times = dict[tuple[Any, ...], list[float | None]]
MIB = 1 << 20
# Seconds after which a launch begins no further measurement, and after which it has failed: a busy
# machine, or a slow network, must not turn a run into hours.
BUDGET, TIMEOUT = 60.0, 240.0


def ranks_list(text: str) -> list[int]:
    """Read ``1,2,4``."""
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) > 0 for part in parts) or set(parts) == {"1"}:
        raise argparse.ArgumentTypeError(f"must be like 1,2,4, got {text!r}")
    return sorted({1, *map(int, parts)})


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0],
        epilog="What follows -- goes to mpiexec, such as -- --map-by node.",
    )
    parser.add_argument(
        "--ranks", type=ranks_list, default=[1, 2, 4], metavar="N,N", help="default: 1,2,4"
    )
    parser.add_argument(
        "--mpiexec",
        metavar="COMMAND",
        help='what starts ranks, such as "srun -n {ranks}" (default: mpiexec -n {ranks})',
    )
    parser.add_argument("--hosts", metavar="HOSTS", help="for mpiexec --host, such as a:2,b:2")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="per measurement (default: %(default)s)"
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="begin no round that would end later than this (default: %(default)s)",
    )
    parser.add_argument(
        "--largest", type=int, default=256, metavar="MIB", help="largest sum (default: %(default)s)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a trial: LeNet-5 and sums up to 4 MiB, once"
    )
    parser.add_argument("--json", metavar="FILE", help="default of a full run: results/scaling-CPU")
    parser.add_argument(
        "--read", metavar="FILE", help="print an earlier run's file, measure nothing"
    )
    parser.add_argument("extra", nargs="*", metavar="OPTION", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.rounds < 1 or not options.seconds > 0 or options.largest < 1:
        parser.error("--rounds, --seconds and --largest must be positive")
    if options.quick:
        options.rounds, options.seconds, options.largest = 1, 0.1, min(4, options.largest)
    elif options.json is None and options.read is None:
        name = re.sub(r"[^a-z0-9]+", "-", report.machine()["cpu"].lower()).strip("-")
        options.json = str(RESULTS / f"scaling-{name}.json")
    return options


def measure(options: argparse.Namespace, command: str) -> dict[str, Any]:
    """Run rounds of all rank counts in turn; return the medians, and the times of each round."""
    local = options.mpiexec is None and options.hosts is None
    plans: list[tuple[str, int, int | None]] = [
        (f"{n} rank{'s' if n > 1 else ''}", n, 1) for n in options.ranks
    ]
    plans.append(("one process, all threads", 1, None))
    steps: Times = defaultdict(list)
    sums: Times = defaultdict(list)
    about: dict[str, str] = {}
    parameters: dict[str, int] = {}
    mpi = ""
    begin = time.monotonic()
    longest = 0.0
    for number in range(options.rounds):
        start = time.monotonic()
        if number and start - begin + longest > options.limit:
            note(f"no round {number + 1}: it would end after {options.limit:.0f} s")
            break
        for title, ranks, threads in plans:
            note(f"round {number + 1} of {options.rounds}: {title}")
            wanted = (
                alone_steps(small=options.quick)
                if threads is None
                else steps_of(ranks, options.ranks, small=options.quick)
            )
            plan = {
                "ranks": ranks,
                "threads": threads,
                "budget": BUDGET,
                "seconds": options.seconds,
                "sum_seconds": options.seconds / 3,
                "steps": wanted,
                "sums": sums_of(options.largest * MIB) if ranks > 1 else [],
            }
            answer = run(plan, command, TIMEOUT, local=local)
            about[title] = answer["about"]
            mpi = answer.get("mpi", mpi)
            parameters.update(answer["parameters"])
            for (network, batch, variant), seconds in zip(wanted, answer["steps"], strict=True):
                steps[network, batch, variant, ranks, answer["threads"]].append(seconds)
            for (name, size), seconds in zip(plan["sums"], answer["sums"], strict=True):
                sums[name, size, ranks].append(seconds)
            if missing := [*answer["steps"], *answer["sums"]].count(None):
                note(f"after {BUDGET:.0f} s, {missing} measurements of {title} are left out")
        longest = max(longest, time.monotonic() - start)
    return {
        "ranks": options.ranks,
        "local": local,
        "mpi": mpi,
        "about": about,
        "cores": cores(),
        "parameters": parameters,
        "steps": rows(("network", "batch", "variant", "ranks", "threads"), steps),
        "sums": rows(("sum", "bytes", "ranks"), sums),
    }


def rows(names: tuple[str, ...], found: Times) -> list[dict[str, Any]]:
    """Return measurements in their JSON form."""
    taken = {key: [time for time in times if time is not None] for key, times in found.items()}
    return [
        {**dict(zip(names, key, strict=True)), "seconds": median(times), "rounds": times}
        for key, times in taken.items()
        if times
    ]


def read(path: str) -> int:
    """Print the tables of an earlier run; return the exit status."""
    try:
        show(json.loads(Path(path).read_text()))
    except (KeyError, TypeError, ValueError):
        note(f"{path} is no file of this bench")
        return 2
    return 0


def show(data: dict[str, Any]) -> None:
    """Print all tables of a run."""
    print("\n\n".join([*scaling_report.measured(data), *scaling_limits.modelled(data)]))


def note(text: str) -> None:
    """Report progress on stderr; only the tables go to stdout."""
    print(f"scaling.py: {text}", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write; return 2 when the bench could not run."""
    options = parse(arguments)
    try:
        if options.read:
            return read(options.read)
        command = launcher(options.mpiexec, options.hosts, options.extra)
        if options.json:
            RESULTS.mkdir(exist_ok=True)
            check_writable(options.json)
        machine = report.machine()  # before the bench itself adds to the load
        data = {
            "date": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
            "machine": machine,
            **measure(options, command),
        }
        if options.json:
            report.write_json(options.json, data)
        show(data)
    except (LaunchError, OSError, ValueError) as error:
        note(str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
