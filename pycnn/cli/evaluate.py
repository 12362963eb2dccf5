"""Measure a checkpoint on the test images."""

from __future__ import annotations

import argparse

from pycnn import datasets, io
from pycnn.cli.arguments import add_data, add_threads, set_threads
from pycnn.training import evaluate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a file that train has left")
    add_data(parser)
    add_threads(parser)


def run(args: argparse.Namespace) -> int:
    """Print accuracy and loss."""
    set_threads(args)
    model = io.load_model(args.checkpoint)
    assert model.spec is not None  # a checkpoint without it is refused
    classes = tuple(map(str, range(model.spec.arguments["classes"])))
    _, test = datasets.mnist(args.data, classes=classes)
    result = evaluate(model, test)
    print(f"test accuracy {result.accuracy:.2%}, loss {result.loss:.4f} ({len(test):,} images)")
    return 0
