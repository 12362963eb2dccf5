"""Classify pictures or sentences: the two best classes, and whether the answer is sure.

An answer is called unsure if the best class has a probability of less than 80 %.
"""

from __future__ import annotations

import argparse

import numpy as np

from pycnn import ops
from pycnn._printable import printable
from pycnn.cli.arguments import add_run, add_session
from pycnn.cli.own_class import own_network
from pycnn.cli.streams import say_error
from pycnn.layers.parameter import Array
from pycnn.plot.canvas import class_names
from pycnn.report import SavedRun
from pycnn.training import predict
from pycnn.training.answers import NO_ANSWER, answers

# An answer is called unsure if the probability of the best class is below this.
SURE = 0.8

# Exit code if an input cannot be read.
UNREADABLE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_run(parser)
    add_session(parser)
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs="+",
        help="a picture (for digits: one digit, of any size, light on dark or dark on light), or "
        "a sentence in quotes, not a file, for a text network",
    )


def run(args: argparse.Namespace) -> int:
    """Print the two best classes and their probabilities for each input that can be read.

    The other inputs are named on stderr and change the exit code.
    """
    run = SavedRun(args.source, **own_network(args))
    inputs = _readable(run, args.inputs)
    model = run.model
    if inputs:
        outputs = predict(model, run.recipe.read(model, inputs), session=args.session)
        probabilities = ops.softmax(model.scores(outputs))
        names = class_names(model.metadata.get("classes", ()), probabilities.shape[1])
        for text, row in zip(inputs, probabilities, strict=True):
            print(f"{printable(text)}: {answer(row, names)}")
    return 0 if len(inputs) == len(args.inputs) else UNREADABLE


def _readable(run: SavedRun, inputs: list[str]) -> list[str]:
    """Return the inputs that can be read; print what is wrong with the others, each text once."""
    if len(inputs) == 1:  # the caller reads it and reports its error
        return inputs
    good: list[str] = []
    said: set[str] = set()
    for text in inputs:
        try:
            run.recipe.read(run.model, [text])
        except (OSError, ValueError) as error:
            if str(error) not in said:
                say_error(error)
            said.add(str(error))
        else:
            good.append(text)
    return good


def answer(probabilities: Array, names: list[str]) -> str:
    """Name the two best classes, best first, and add "unsure" if the best is not likely enough."""
    if answers(probabilities[np.newaxis])[0] == NO_ANSWER:
        return "no answer"
    best = np.argsort(-probabilities, kind="stable")[:2]
    text = ", ".join(f"{names[i]} ({probabilities[i]:.2%})" for i in best)
    return text if probabilities[best[0]] >= SURE else f"{text}: unsure"
