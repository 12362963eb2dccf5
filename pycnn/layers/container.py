"""Containers: layers in a row, and the step from feature maps to rows of features."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, overload

import numpy as np

from pycnn.layers.module import Module, Trace
from pycnn.layers.parameter import Array, Shape


class Sequential(Module):
    """Layers one after the other: ``y = f_n(... f_1(x))``.

    Parameters
    ----------
    *layers : Module
        The layers, first to last. Each object may appear once (a layer remembers the input of
        one forward pass).

    Raises
    ------
    TypeError
        If a layer is not a Module.
    ValueError
        If the same layer is there twice.

    Notes
    -----
    An error of a layer gets its position in front: ``Sequential[6] Linear: expects 400 ...``.
    """

    def __init__(self, *layers: Module) -> None:
        seen: set[int] = set()
        for index, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(
                    f"[Sequential] layer {index} must be a Module, got {type(layer).__name__}"
                )
            for module in layer.modules():
                if id(module) in seen:
                    raise ValueError(
                        f"[Sequential] layer {index} ({type(module).__name__}) is there already: "
                        "make a new object for each position"
                    )
                seen.add(id(module))
        self.layers = layers

    def children(self) -> Iterator[tuple[str, Module]]:
        """Give the layers, named by their positions."""
        for index, layer in enumerate(self.layers):
            yield str(index), layer

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    def __getitem__(self, index: int) -> Module:
        return self.layers[index]

    def forward(self, x: Array) -> Array:
        """Run the layers first to last."""
        index = 0
        try:
            for index, layer in enumerate(self.layers):  # noqa: B007 (index is for the handler)
                x = layer.forward(x)
        except Exception as error:
            self._locate(error, index)
            raise
        return x

    @overload
    def backward(self, dy: Array, input_gradient: Literal[True] = True) -> Array: ...
    @overload
    def backward(self, dy: Array, input_gradient: Literal[False]) -> None: ...
    def backward(self, dy: Array, input_gradient: bool = True) -> Array | None:
        """Run the layers' backward last to first.

        Parameters
        ----------
        dy : array
            Gradient of the loss with respect to the output.
        input_gradient : bool
            Whether the gradient of the input is wanted; without it the first layer does less.

        Returns
        -------
        array or None
            Gradient of the loss with respect to the input; None without `input_gradient`.
        """
        index = 0
        try:
            for index in reversed(range(0 if input_gradient else 1, len(self.layers))):
                dy = self.layers[index].backward(dy)
            if input_gradient:
                return dy
            index = 0
            for layer in self.layers[:1]:
                layer.backward_parameters(dy)
            return None
        except Exception as error:
            self._locate(error, index)
            raise

    def backward_parameters(self, dy: Array) -> None:
        """Do `backward` without the gradient of the input."""
        self.backward(dy, False)

    @property
    def input_dtype(self) -> type[np.generic]:
        """Kind of numbers that the first layer takes."""
        return self.layers[0].input_dtype if self.layers else super().input_dtype

    def trace(self, x: Array, path: str = "") -> Trace:
        """Run forward one layer at a time: yields (path, layer, output), returns the output."""
        for index, layer in enumerate(self.layers):
            try:
                x = yield from layer.trace(x, f"{path}.{index}" if path else str(index))
            except Exception as error:
                self._locate(error, index)
                raise
        return x

    def _locate(self, error: Exception, index: int) -> None:
        """Put the position of the failing layer in front of the text of its error.

        The exception itself is changed, so that its type and the traceback into the layer stay.
        """
        if len(error.args) == 1 and isinstance(error.args[0], str):
            layer = self.layers[index]
            # A container among the layers has already written its own name.
            name = "" if isinstance(layer, Sequential) else f"{type(layer).__name__}: "
            error.args = (f"Sequential[{index}] {name}{error.args[0]}",)


class Flatten(Module):
    """Feature maps to rows of features: (N, C, H, W) becomes (N, C H W), without a copy."""

    def forward(self, x: Array) -> Array:
        """Give a view of `x`, of shape (N, product of the other sizes)."""
        if x.ndim < 2:
            raise ValueError(f"expects at least 2 dimensions (input was {x.shape})")
        self._save(x.shape)
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def backward(self, dy: Array) -> Array:
        """Give a view of `dy`, of the shape of the input."""
        shape: Shape = self._saved()
        return dy.reshape(shape)
