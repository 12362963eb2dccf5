"""Tell what is on a picture, or what a sentence says."""

from __future__ import annotations

import argparse

from pycnn import ops
from pycnn._printable import printable
from pycnn.cli.arguments import add_run
from pycnn.plot.canvas import class_names
from pycnn.report import Run
from pycnn.training import predict
from pycnn.training.answers import NO_ANSWER, answers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_run(parser)
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        help="a picture (for digits: one digit, of any size, light on dark or dark on light), or "
        "a sentence in quotes, not a file, for a text network",
    )


def run(args: argparse.Namespace) -> int:
    """Print the class and its probability for each input."""
    run = Run(args.source)
    model = run.model
    outputs = predict(model, run.recipe.read(model, args.inputs))
    probabilities = ops.softmax(model.scores(outputs))
    names = class_names(model.metadata.get("classes", ()), probabilities.shape[1])
    found = answers(probabilities)
    for text, row, answer in zip(args.inputs, probabilities, found, strict=True):
        told = f"{names[answer]} ({row[answer]:.2%})" if answer != NO_ANSWER else "no answer"
        print(f"{printable(text)}: {told}")
    return 0
