"""Measure a checkpoint on the test data."""

from __future__ import annotations

import argparse

from pycnn.cli.arguments import (
    add_checkpoint,
    add_data,
    add_threads,
    load_checkpoint,
    set_threads,
)
from pycnn.training import evaluate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_checkpoint(parser)
    add_data(parser)
    add_threads(parser)


def run(args: argparse.Namespace) -> int:
    """Print accuracy and loss."""
    set_threads(args)
    model, recipe = load_checkpoint(args.checkpoint)
    test = recipe.test_data(model, args.data)
    result = evaluate(model, test, loss=recipe.loss())
    print(f"test accuracy {result.accuracy:.2%}, loss {result.loss:.4f} ({len(test):,} samples)")
    return 0
