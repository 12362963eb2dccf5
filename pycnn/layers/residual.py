"""A block with a shortcut around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pycnn import backends
from pycnn.autograd import Tensor
from pycnn.layers.container import Container, named
from pycnn.layers.module import Module, Trace
from pycnn.layers.parameter import Array, Shape


class Residual(Container):
    """A block with a shortcut around it: ``y = body(x) + x``, or ``y = body(x) + shortcut(x)``.

    Parameters
    ----------
    body : Module
        The block; without `shortcut` its output has the shape of its input.
    shortcut : Module, optional
        The way around the block, such as a 1x1 convolution where the number of channels changes; x
        itself by default.

    Raises
    ------
    TypeError
        If `body` or `shortcut` is not a Module.
    ValueError
        If both have a module in common; in `forward`, if the shapes to be added differ.

    References
    ----------
    He, Zhang, Ren, Sun: Deep residual learning for image recognition, 2016.
    """

    children_share_input = True

    def __init__(self, body: Module, shortcut: Module | None = None) -> None:
        parts = {"body": body} if shortcut is None else {"body": body, "shortcut": shortcut}
        super().__init__(named("Residual", "part", (parts,)))

    @classmethod
    def _made_from(cls, arguments: dict[str, Any], children: Mapping[str, Module]) -> Residual:
        """Make a block of its parts."""
        return cls(**children, **arguments)

    @property
    def shortcut(self) -> Module | None:
        """The way around the block; None if it is x itself."""
        return self._named.get("shortcut")

    def forward(self, x: Array) -> Array:
        """Add the outputs of the block and of the shortcut."""
        y = self._call("body", self._named["body"].forward, x)
        around = x if self.shortcut is None else self._call("shortcut", self.shortcut.forward, x)
        return self._add(y, around)

    def on_tensors(self, x: Tensor) -> Tensor:
        """Do `forward` on tensors."""
        y = self._call("body", self._named["body"], x)
        around = x if self.shortcut is None else self._call("shortcut", self.shortcut, x)
        self._check_sum(y.shape, around.shape)
        total: Tensor = y + around
        return total

    def _check_sum(self, shape: Shape, around: Shape) -> None:
        if shape != around:
            name = "the input" if self.shortcut is None else "the shortcut"
            raise ValueError(f"Residual: the body gives {shape}, {name} {around}")

    def _add(self, y: Array, around: Array) -> Array:
        self._check_sum(y.shape, around.shape)
        self.save_for_backward(y.shape)
        return _sum(y, around)

    def backward(self, dy: Array) -> Array:
        """Add the gradients of the block and of the shortcut."""
        self._check(dy)
        dx = self._call("body", self._named["body"].backward, dy)
        around = dy if self.shortcut is None else self._call("shortcut", self.shortcut.backward, dy)
        return _sum(dx, around)

    def backward_parameters(self, dy: Array) -> None:
        """Do `backward` without the gradient of the input."""
        self._check(dy)
        for name, part in self._named.items():
            self._call(name, part.backward_parameters, dy)

    def _check(self, dy: Array) -> None:
        (shape,) = self.saved()
        if dy.shape != shape:
            raise ValueError(f"Residual: the gradient must have shape {shape}, has {dy.shape}")

    def trace(self, x: Array, path: str = "") -> Trace:
        """Run forward one layer at a time: the layers of both ways, then their sum."""
        outputs = []
        for name in self._named:
            outputs.append((yield from self._trace(name, x, path)))
        y = self._add(outputs[0], outputs[1] if len(outputs) > 1 else x)
        yield path, self, y
        return y


def _sum(a: Array, b: Array) -> Array:
    total: Array = backends.of(a).binary("add", a, b)
    return total
