"""The table that `Module.summary` prints a model as."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from pycnn._arguments import LARGEST, sizes, written
from pycnn._html import escape
from pycnn._printable import printable
from pycnn.devices import move
from pycnn.layers.parameter import Shape
from pycnn.layers.self_organizing import connections
from pycnn.layers.turns import between_steps

if TYPE_CHECKING:
    from pycnn.layers.module import Module

HEADER = ("layer", "output shape", "neurons", "parameters", "self-organized", "FLOP")
NOTE = "gradients train the parameters; self-organized connections learn without them"


class Summary(str):
    """A table of text, which a notebook shows as it is printed."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return f"<pre>{escape(self)}</pre>"


def summary(model: Module, input_shape: Shape) -> Summary:
    """Table of the layers of a model, for one sample.

    Parameters
    ----------
    model : Module
        Any model. One forward pass of zeros goes through it.
    input_shape : tuple of int
        Shape of one sample, without the batch axis: (C, H, W).

    Returns
    -------
    Summary
        A str, which a notebook shows as it is printed. A line for each layer, and the totals: the
        output shape, the neurons (numbers in the output, if the layer has weights, learned or
        fixed), the parameters and the floating-point operations (2 for each multiply-add, no
        others). If a layer is self-organizing, like `SLayer`, also the connections that learn
        without gradients.

    Raises
    ------
    TypeError
        If `input_shape` is not a tuple.
    ValueError
        If a sample of this shape does not fit the model.
    """
    if not isinstance(input_shape, (tuple, list)):
        raise TypeError(
            "[summary] input_shape must be a tuple such as (C, H, W), "
            f"got {type(input_shape).__name__}"
        )
    input_shape = sizes("summary", "input_shape", input_shape)
    if len(input_shape) > 31 or math.prod(input_shape) > LARGEST:
        raise ValueError(f"[summary] input_shape is too large for a sample: {written(input_shape)}")
    labels: list[tuple[str, str]] = []
    counts: list[list[int]] = []
    shape: Shape = (1, *input_shape)
    branches = list(_branches(model))
    inputs: dict[str, Shape] = {}
    seen: set[int] = set()
    with between_steps(model):
        for path, layer, y in model.trace(move(np.zeros(shape, model.input_dtype), model.device)):
            for branch in branches:
                if f"{path}.".startswith(f"{branch}.") and branch not in inputs:
                    # Every branch has the input that the first of them found.
                    inputs[branch] = shape = inputs.setdefault(branch.rpartition(".")[0], shape)
            # A container comes after its layers, whose parameters are already counted.
            fresh = [p for p in layer.parameters() if id(p) not in seen]
            seen.update(map(id, fresh))
            parameters = sum(parameter.size for parameter in fresh)
            learned = 0 if id(layer) in seen else connections(layer)
            seen.add(id(layer))
            flop = layer.flop(shape, y.shape)
            labels.append((printable(f"{path} {type(layer).__name__}".strip()), str(y.shape[1:])))
            counts.append([y.size if parameters or flop else 0, parameters, learned, flop])
            shape = y.shape
    labels.append(("total", ""))
    counts.append([sum(row[column] for row in counts) for column in range(4)])
    numbers = [tuple(f"{n:,}" if n else "-" for n in row) for row in counts]
    lines = [HEADER, *(a + b for a, b in zip(labels, numbers, strict=True))]
    if counts[-1][2]:
        return Summary(f"{_table(lines)}\n{NOTE}")
    return Summary(_table([line[:4] + line[5:] for line in lines]))


def _branches(module: Module, path: str = "") -> Iterator[str]:
    """Return the paths of the modules that share the input of their parent, outer ones first."""
    for name, child in module.children():
        place = f"{path}.{name}" if path else name
        if module.children_share_input:
            yield place
        yield from _branches(child, place)


def _table(lines: list[tuple[str, ...]]) -> str:
    """Return columns of text: the first two aligned to the left, the numbers to the right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    text = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([text[0], rule, *text[1:-1], rule, text[-1]])
