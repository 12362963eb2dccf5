"""The structure of a network for its picture: stages of planes, in rows that split and join."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from pycnn.layers.c_layer import CLayer
from pycnn.layers.module import Module
from pycnn.layers.parallel import Parallel
from pycnn.layers.parameter import Shape
from pycnn.layers.residual import Residual
from pycnn.layers.s_layer import SLayer
from pycnn.layers.sequential import Sequential
from pycnn.layers.summary import zeros_for
from pycnn.layers.turns import between_steps
from pycnn.plot.canvas import by


@dataclass
class Stage:
    """Planes or numbers, and the layers that make them.

    Attributes
    ----------
    shape : tuple of int
        Shape of one sample: (C, H, W), (rows, columns) or (numbers,).
    path : str
        Name of the layer that makes them; "" for the input.
    labels : list of str
        The layer, and the following ones that keep the shape, such as ReLU.
    window : (int, int) or None
        The part of the previous stage that one output sees: the kernel of the layer.
    """

    shape: Shape
    path: str = ""
    labels: list[str] = field(default_factory=list)
    window: tuple[int, int] | None = None


@dataclass
class Split:
    """Branches from the previous stage, and the stage that joins their outputs.

    A branch without stages passes on its input.
    """

    branches: list[Row]
    joined: Stage


Row: TypeAlias = "list[Stage | Split]"


class _Step(NamedTuple):
    path: str
    layer: Module
    shape: Shape


def structure(model: Module, input_shape: Shape) -> Row:
    """Split a network into stages, the input first.

    Parameters
    ----------
    model : Module
        Any model. One forward pass of zeros is run.
    input_shape : tuple of int
        Shape of one sample, without the batch axis; for a model of several inputs, a tuple of their
        shapes. The first is drawn, and the others are named.

    Raises
    ------
    ValueError
        If a sample of this shape does not fit the model.
    """
    zeros = zeros_for(model, input_shape, "architecture")
    with between_steps(model):
        steps = [_Step(path, layer, y.shape[1:]) for path, layer, y in model.trace(zeros)]
    first, *others = zeros if isinstance(zeros, tuple) else (zeros,)
    labels = ["input", *(f"and {by(*other.shape[1:])}" for other in others)]
    start = Stage(first.shape[1:], labels=labels)
    return [start, *_Builder(steps).row(model, "", start.shape)[0]]


class _Builder:
    """Walks the tree of modules, with the shapes of a forward pass."""

    def __init__(self, steps: list[_Step]) -> None:
        self._steps = steps
        self._shapes = {step.path: step.shape for step in steps}

    def row(self, module: Module, path: str, shape: Shape) -> tuple[Row, Shape]:
        """Return the stages of a module, and the shape of its output."""
        row: Row = []
        waiting: list[str] = []  # labels that belong to no stage yet
        for item in self._items(module, path, shape):
            if isinstance(item, (Stage, Split)):
                stage = item if isinstance(item, Stage) else item.joined
                stage.labels[:0] = waiting
                waiting = []
                row.append(item)
                shape = stage.shape
            elif row:
                _last(row).labels.append(item)
            else:
                waiting.append(item)
        if waiting:  # such as a branch of only a ReLU
            row.append(Stage(shape, path, waiting))
        return row, shape

    def _items(self, module: Module, path: str, shape: Shape) -> list[Stage | Split | str]:
        """Return a module's stages in order, with the labels of shape-keeping layers in between."""
        items: list[Stage | Split | str] = []
        if isinstance(module, Sequential) and type(module).trace is Sequential.trace:
            for name, child in module.items():
                found = self._items(child, _join(path, name), shape)
                items += found
                for item in found:
                    shape = _output(item, shape)
        elif isinstance(module, (Parallel, Residual)) and path in self._shapes:
            children = [self.row(c, _join(path, name), shape)[0] for name, c in module.items()]
            if isinstance(module, Residual) and module.shortcut is None:
                children.insert(0, [])
            label = "add" if isinstance(module, Residual) else "concatenate"
            items.append(Split(children, Stage(self._shapes[path], path, [label])))
        else:
            inside = [s for s in self._steps if s.path == path or s.path.startswith(f"{path}.")]
            for step in inside if path else self._steps:
                items.append(_leaf(step, shape))
                shape = _output(items[-1], shape)
        return items


def _leaf(step: _Step, before: Shape) -> Stage | str:
    """Return a stage; for an elementwise layer, its name."""
    window = _window(step.layer)
    mixes = window is not None or any(len(p.shape) > 1 for p in step.layer.parameters())
    if not mixes and math.prod(step.shape) == math.prod(before):
        return type(step.layer).__name__
    return Stage(step.shape, step.path, [describe(step.layer)], window)


def describe(layer: Module) -> str:
    """Return the name of a layer with its window and stride, such as Conv2d 5x5 /2."""
    text = type(layer).__name__
    kernel, stride = _window(layer), getattr(layer, "stride", (1, 1))
    if kernel is not None:
        text += f" {by(*kernel)}"
        if stride != (1, 1) and stride != kernel:
            text += f" /{stride[0]}" if stride[0] == stride[1] else f" /{stride[0]},{stride[1]}"
    return text


def _window(layer: Module) -> tuple[int, int] | None:
    """Return what one output sees: a kernel, or the neocognitron's square area."""
    if isinstance(layer, (SLayer, CLayer)):
        return layer.area, layer.area
    window: tuple[int, int] | None = getattr(layer, "kernel_size", None)
    return window


def _output(item: Stage | Split | str, before: Shape) -> Shape:
    if isinstance(item, str):
        return before
    return item.shape if isinstance(item, Stage) else item.joined.shape


def _last(row: Row) -> Stage:
    item = row[-1]
    return item if isinstance(item, Stage) else item.joined


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
