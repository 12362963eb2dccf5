"""Gather history, pictures, summary and settings of a run on one HTML page."""

from __future__ import annotations

import argparse
from pathlib import Path

from pycnn._printable import printable
from pycnn.cli.arguments import add_run, add_run_data, add_threads, set_threads
from pycnn.cli.own_class import own_network
from pycnn.cli.plot import needs_matplotlib
from pycnn.report import write_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_run(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the page, FILE.html (default: report.html in the folder)",
    )
    add_run_data(parser)
    add_threads(parser)


def run(args: argparse.Namespace) -> int:
    """Write the page."""
    set_threads(args)
    with needs_matplotlib():
        path = write_report(
            args.source, args.out, data=args.data, skip_broken=args.skip_broken,
            transposed=args.transposed, **own_network(args),
        )  # fmt: skip
    print(f"saved to {printable(path)}")
    return 0
