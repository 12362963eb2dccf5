"""The table that `Module.summary` prints a model as."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn._arguments import LARGEST, sizes, written
from pycnn._html import escape
from pycnn._printable import printable
from pycnn.autograd.structure import leaves
from pycnn.devices import move
from pycnn.layers.parameter import Shape
from pycnn.layers.passes import watching
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
    input_shape : tuple of int, or tuple of such tuples
        Shape of one sample, without the batch axis: (C, H, W); of a model of several inputs one for
        each, ``((C, H, W), (features,))``. Such a model gets ``model.input_dtype`` for all, or may
        have a tuple there.

    Returns
    -------
    Summary
        A str, which a notebook shows as it is printed. A line for each call of a layer, and the
        totals: the output shape, the neurons (numbers in the output, if the layer has weights,
        learned or fixed), the parameters and the floating-point operations (2 for each
        multiply-add, no others). If a layer is self-organizing, like `SLayer`, also the connections
        that learn without gradients. Parameters count once, in the first line of a layer that has
        them. Functions in a ``forward`` have no line and no FLOP.

    Raises
    ------
    TypeError
        If `input_shape` is not a tuple.
    ValueError
        If a sample of this shape does not fit the model.
    """
    zeros = zeros_for(model, input_shape, "summary")
    labels: list[tuple[str, str]] = []
    counts: list[list[int]] = []
    shape: Shape = (zeros[0] if isinstance(zeros, tuple) else zeros).shape
    branches = list(_branches(model))
    inputs: dict[str, Shape] = {}
    seen: set[int] = set()
    noted: dict[int, deque[Shape]] = {}

    def note(module: Module, given: Any, _: Any) -> None:
        if given := leaves(given):
            noted.setdefault(id(module), deque()).append(tuple(given[0].shape))

    with between_steps(model), watching(note):
        for path, layer, y in model.trace(zeros):
            for branch in branches:
                if f"{path}.".startswith(f"{branch}.") and branch not in inputs:
                    # Every branch has the input that the first of them found.
                    inputs[branch] = shape = inputs.setdefault(branch.rpartition(".")[0], shape)
            # A container comes after its layers, whose parameters are already counted.
            fresh = [p for p in layer.parameters() if id(p) not in seen]
            seen.update(map(id, fresh))
            parameters = sum(parameter.numel() for parameter in fresh)
            learned = 0 if id(layer) in seen else connections(layer)
            seen.add(id(layer))
            # A call tells its input; a container that is traced part by part is not called itself.
            calls = noted.get(id(layer))
            flop = layer.flop(calls.popleft() if calls else shape, y.shape)
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


def zeros_for(model: Module, input_shape: Any, owner: str) -> Any:
    """Return a batch of one sample of zeros, or a tuple of several for a model of several inputs.

    Raises
    ------
    TypeError
        If `input_shape` is neither a tuple of int nor one of tuples.
    ValueError
        If a shape is too large.
    """
    if not isinstance(input_shape, (tuple, list)):
        raise TypeError(
            f"[{owner}] input_shape must be a tuple such as (C, H, W), "
            f"got {type(input_shape).__name__}"
        )
    kind: Any = model.input_dtype
    if not input_shape or not all(isinstance(one, (tuple, list)) for one in input_shape):
        return _zeros(input_shape, kind, model._placed(), owner)
    kinds = kind if isinstance(kind, tuple) else (kind,) * len(input_shape)
    return tuple(
        _zeros(one, of, model._placed(), owner) for one, of in zip(input_shape, kinds, strict=True)
    )


def _zeros(given: Sequence[int], dtype: Any, device: str, owner: str) -> Any:
    shape = sizes(owner, "input_shape", given)
    if len(shape) > 31 or math.prod(shape) > LARGEST:
        raise ValueError(f"[{owner}] input_shape is too large for a sample: {written(shape)}")
    return move(np.zeros((1, *shape), dtype), device)


def _branches(module: Module, path: str = "") -> Iterator[str]:
    """Return the paths of the modules that share the input of their parent, outer ones first."""
    for name, child in module.named_children():
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
