"""Arguments that several commands share, and their types."""

from __future__ import annotations

import argparse
import math
import os

import pycnn
from pycnn._streams import warn
from pycnn.cli.own_class import add_model, own_network
from pycnn.report import SavedRun


def positive_int(text: str) -> int:
    """Parse an int of at least 1."""
    return _integer(text, 1)


def seed(text: str) -> int:
    """Parse an int of at least 0."""
    return _integer(text, 0)


def positive_float(text: str) -> float:
    """Parse a finite float above 0."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"must be finite and above 0, got {text}")
    return value


def _integer(text: str, minimum: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from None
    if value < minimum:
        raise argparse.ArgumentTypeError(f"must be at least {minimum}, got {text}")
    return value


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add ``--threads`` and ``--convolution``; apply them with `set_threads`."""
    parser.add_argument(
        "--convolution",
        choices=("fast", "accurate"),
        help="which algorithms to use on the CPU: the fastest, or those that round least "
        "(default: fast, or what PYCNN_CONV says)",
    )
    parser.add_argument(
        "--threads",
        type=positive_int,
        metavar="N",
        help="threads (default: PYCNN_NUM_THREADS, OMP_NUM_THREADS or the cores that the process "
        "may use)",
    )


def add_session(parser: argparse.ArgumentParser) -> None:
    """Add ``--session``."""
    parser.add_argument(
        "--session",
        action="store_true",
        help="run the network as an InferenceSession, which is faster for many samples",
    )


def set_threads(args: argparse.Namespace) -> None:
    """Apply ``--threads``, with a warning of more threads than cores, and ``--convolution``."""
    if args.convolution is not None:
        pycnn.set_convolution(args.convolution)
    if args.threads is None:
        return
    pycnn.set_num_threads(args.threads)
    cores = len(os.sched_getaffinity(0))
    if args.threads > cores:
        warn(
            f"[threads] {args.threads} threads, but only {cores} cores that the process may use: "
            "more threads than cores gain nothing"
        )


def add_data(parser: argparse.ArgumentParser, default: str, *, pictures: bool = True) -> None:
    """Add ``--data``, described with its default, and with `pictures` the options for pictures."""
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="folder of the data: IDX files in MNIST's format for LeNet-5 and the neocognitron, "
        "folders of pictures for AlexNet, Pang and Lee's rt-polaritydata for the text network "
        f"(default: {default})",
    )
    if not pictures:
        parser.set_defaults(skip_broken=False, transposed=None)
        return
    parser.add_argument(
        "--transposed",
        action=argparse.BooleanOptionalAction,
        help="rows and columns of the images in IDX files are exchanged, as in EMNIST, or not "
        "(default: by the names of the files, and by the digits)",
    )
    parser.add_argument(
        "--skip-broken",
        action="store_true",
        help="leave out broken pictures, with a warning for each (networks for pictures)",
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the argument RUN."""
    parser.add_argument(
        "source",
        metavar="RUN",
        help="folder written by train, or a file in it, such as the checkpoint; or any file that "
        "pycnn.save wrote",
    )
    add_model(parser)


def add_run_data(parser: argparse.ArgumentParser, *, pictures: bool = True) -> None:
    """Add the arguments of `add_data` to a command that takes RUN; read them with `open_run`."""
    add_data(parser, "those of the training", pictures=pictures)


def open_run(args: argparse.Namespace) -> SavedRun:
    """Open the run of the argument RUN, with the options of `add_data` applied."""
    return SavedRun(
        args.source,
        args.data,
        skip_broken=args.skip_broken,
        transposed=args.transposed,
        **own_network(args),
    )
