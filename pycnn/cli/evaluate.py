"""Measure a trained network on the test data."""

from __future__ import annotations

import argparse

from pycnn._printable import loss_text
from pycnn.cli.arguments import (
    add_run,
    add_run_data,
    add_session,
    add_threads,
    open_run,
    set_threads,
)
from pycnn.training import evaluate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_run(parser)
    add_run_data(parser)
    add_session(parser)
    add_threads(parser)


def run(args: argparse.Namespace) -> int:
    """Print accuracy and loss."""
    set_threads(args)
    run = open_run(args)
    result = evaluate(run.model, run.test, loss=run.recipe.loss(), session=args.session)
    accuracy, loss = f"{result.accuracy:.2%}", loss_text(result.loss)
    # Of a network of the user's own, it is not clear which data there are without --data.
    part = getattr(run.test, "part", "") or ("" if run.model.spec else run.test.name)
    samples = f"({len(run.test):,} samples)" + (f": {part}" if part else "")
    print(f"test accuracy {accuracy}, loss {loss} {samples}")
    return 0
