"""Layers in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, overload

from pycnn.layers.container import Container, named
from pycnn.layers.fused import AffineReLU, ConvReluMaxPool, Named, Step, are_plain, fused
from pycnn.layers.module import Module, Trace
from pycnn.layers.parameter import Array


class Sequential(Container):
    """Layers one after the other: ``y = f_n(... f_1(x))``.

    Parameters
    ----------
    *layers : Module, or one mapping of str to Module
        The layers, first to last, named by their positions or as the mapping names them
        (``Sequential({"features": ...})`` has parameters ``features.0.weight``). Each object may
        appear once (a layer remembers the input of one forward pass).

    Raises
    ------
    TypeError
        If a layer is not a Module, or a name not a str.
    ValueError
        If the same layer is there twice, or a name is empty or has a dot in it.

    Notes
    -----
    An error of a layer gets its position in front: ``Sequential[6] Linear: expects 400 ...``.

    A `Conv2d` or `Linear` with a `ReLU` behind it runs as one op (`pycnn.ops.conv2d_relu`,
    `pycnn.ops.linear_relu`): the same bits, in less time. So do a `Conv2d`, a `ReLU` and a
    `MaxPool2d` whose windows lie side by side (`pycnn.ops.conv2d_relu_max_pool2d`; the same bits
    for finite weights); these layers then have no backward pass of their own, only the whole has.
    `trace` runs all layers one by one.
    """

    _of_children = Container._of_children | {"_fused"}

    def __init__(self, *layers: Module | Mapping[str, Module]) -> None:
        super().__init__(named("Sequential", "layer", layers))
        self._fused = fused(self._named)

    def forward(self, x: Array) -> Array:
        """Run the layers first to last."""
        self._save(None)  # if a layer fails, the pass before must not seem to be this one
        steps: list[tuple[str, Step]] = []
        for name, step in self._fused:
            if not isinstance(step, AffineReLU | ConvReluMaxPool):
                x = self._call(name, step.forward, x)
                steps.append((name, step))
            elif not are_plain(step.layers):
                x = self._run_each(step.layers, x)
                steps += step.layers
            elif isinstance(step, AffineReLU):
                x = self._call(name, step.forward, x)
                steps += step.layers
            else:
                x = self._run_pooled(step, x)
                steps.append((name, step))
        # What ran, in order: layers, or what stood for several.
        self._save(steps)
        return x

    def _run_each(self, layers: Named, x: Array) -> Array:
        for name, layer in layers:
            x = self._call(name, layer.forward, x)
        return x

    def _run_pooled(self, step: ConvReluMaxPool, x: Array) -> Array:
        try:
            return step.forward(x)
        except (TypeError, ValueError):
            self._run_each(step.layers, x)  # one of them says what is wrong in its own words
            raise

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
            Whether the gradient of the input is wanted; without it the first layer that has
            parameters does less, and those before it do nothing.

        Returns
        -------
        array or None
            Gradient of the loss with respect to the input; None without `input_gradient`.
        """
        steps: Sequence[tuple[str, Step]] = self._taken() or tuple(self._named.items())
        if input_gradient:
            for name, step in reversed(steps):
                dy = self._call(_last(name, step), step.backward, dy)
            return dy
        trained = (i for i, (_, step) in enumerate(steps) if step._has_parameters)
        first = next(trained, None)
        if first is None:
            return None
        for name, step in reversed(steps[first + 1 :]):
            dy = self._call(_last(name, step), step.backward, dy)
        name, step = steps[first]
        self._call(_last(name, step), step.backward_parameters, dy)
        return None

    def backward_parameters(self, dy: Array) -> None:
        """Do `backward` without the gradient of the input."""
        self.backward(dy, False)

    def scores(self, outputs: Array) -> Array:
        """Return the scores of the last layer."""
        return self[-1].scores(outputs) if len(self) else outputs

    def trace(self, x: Array, path: str = "") -> Trace:
        """Run forward one layer at a time: yields (path, layer, output), returns the output."""
        self._save(None)  # each layer has its own backward pass then
        for name in self._named:
            x = yield from self._trace(name, x, path)
        return x


def _last(name: str, step: Step) -> str:
    """Name the layer that a gradient comes to first."""
    return step.layers[-1][0] if isinstance(step, ConvReluMaxPool) else name
