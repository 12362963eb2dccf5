"""Layers in a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, overload

from pycnn._memory import remember, taken
from pycnn.autograd import Tensor
from pycnn.layers.container import Container, named, shares
from pycnn.layers.fused import Backward, Step, is_trained, steps_of
from pycnn.layers.module import Module, Trace
from pycnn.layers.parameter import Array
from pycnn.layers.passes import recorded


class Sequential(Container):
    """Layers one after the other: ``y = f_n(... f_1(x))``.

    Parameters
    ----------
    *layers : Module, or one mapping of str to Module
        The layers, first to last, named by their positions or as the mapping names them
        (``Sequential({"features": ...})`` has parameters ``features.0.weight``). An object may
        appear more than once: its gradients then add up.

    Raises
    ------
    TypeError
        If a layer is not a Module, or a name not a str.
    ValueError
        If a name is empty or has a dot in it.

    Notes
    -----
    An error of a layer begins with its position: ``Sequential[6] Linear: expects 400 ...``.

    A `Conv2d` or `Linear` that is followed by a `ReLU` runs as one op (`pycnn.ops.conv2d_relu`,
    `pycnn.ops.linear_relu`): the same bits, in less time. So do a `Conv2d`, a `ReLU` and a
    `MaxPool2d` whose windows lie side by side (`pycnn.ops.conv2d_relu_max_pool2d`; the same bits
    for finite weights); only the three together can then run backward, not each by itself.
    In training a `BatchNorm2d` runs as one op with the `ReLU`, `ReLU6` or `Hardtanh` after it.
    `trace` runs all layers one by one, and so does `forward` where an instance overrides a pass.
    """

    _of_children = Container._of_children | {"_steps"}

    def __init__(self, *layers: Module | Mapping[str, Module]) -> None:
        super().__init__(named("Sequential", "layer", layers, shared=True))
        self._changed()

    def _changed(self) -> None:
        """Work out how the layers run together."""
        self._steps = steps_of(self._named.items())
        self._shares = shares(self)  # then each call of a layer has to be remembered: on a tape

    # Layers more ---------------------------------------------------------------------------

    def append(self, layer: Module) -> Sequential:
        """Add a layer at the end; return self."""
        self.add_module(str(len(self)), layer)
        return self

    def extend(self, layers: Iterable[Module]) -> Sequential:
        """Add layers at the end; return self."""
        for layer in layers:
            self.append(layer)
        return self

    def insert(self, index: int, layer: Module) -> Sequential:
        """Add a layer before a position; return self. Layers are numbered anew."""
        layers = list(self)
        layers.insert(index, layer)
        self._replace(dict(zip(map(str, range(len(layers))), layers, strict=True)))
        return self

    def pop(self, key: int | str) -> Module:
        """Take a layer away, and return it. Those after it are numbered anew."""
        layer: Module = self[key]
        del self[key]
        return layer

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a layer of a name at the end, or replace the one of this name."""
        self._replace({**self._named, name: module})

    register_module = add_module

    def _put_child(self, name: str, module: Module | None) -> None:
        """Replace a layer, or add one at the end, as PyTorch does.

        A class with a `forward` of its own calls its attributes itself, and a layer of the row that
        gets another name runs once.
        """
        own = type(self).forward is not Sequential.forward
        below = {id(one) for layer in self._held().values() for one in layer.modules()}
        if name in self._held() or not (own or id(module) in below):
            self.add_module(name, module)
        else:
            super()._put_child(name, module)

    def _drop_child(self, name: str) -> None:
        if name in self._named:
            self._replace({key: one for key, one in self._named.items() if key != name})
        else:
            super()._drop_child(name)

    def _replace(self, modules: Mapping[str, Module | None]) -> None:
        self._named = named("Sequential", "layer", (modules,), shared=True)
        self._changed()

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            return NotImplemented
        return Sequential(*self, *other)

    def __getitem__(self, key: Any) -> Any:
        """Return the layer at a position or of a name; of a slice a `Sequential` of its layers."""
        if isinstance(key, slice):
            return Sequential(dict(list(self._named.items())[key]))
        return super().__getitem__(key)

    def __setitem__(self, key: int | str, layer: Module) -> None:
        self.add_module(key if isinstance(key, str) else list(self._named)[key], layer)

    def __delitem__(self, key: int | str) -> None:
        self._drop_child(key if isinstance(key, str) else list(self._named)[key])
        if all(name.isdigit() for name in self._named):
            self._replace(dict(zip(map(str, range(len(self))), self, strict=True)))

    # Passes --------------------------------------------------------------------------------

    def forward(self, x: Array) -> Array:
        """Run the layers first to last."""
        if self._shares:
            y: Array = recorded(self, Sequential.on_tensors, (x,), {})
            return y
        remember(self, None)  # if a layer fails, the pass before must not seem to be this one
        passes: list[tuple[str, Backward]] = []
        for step in self._steps:
            for part in step.parts(passes):
                x = self._run(part, x)
                passes += part.backward
        remember(self, passes)
        return x

    def on_tensors(self, x: Tensor) -> Tensor:
        """Do `forward` on tensors: each layer is recorded, and neighbours become one op there."""
        for name, layer in self._named.items():
            x = self._call(name, layer, x)
        return x

    def _run(self, step: Step, x: Array) -> Array:
        try:
            return step.forward.forward(x)
        except Exception as error:
            if isinstance(error, TypeError | ValueError):
                self._fail(step.layers, x)
            self._locate(error, step.name)
            raise

    def _fail(self, layers: Sequence[Step], x: Array) -> None:
        """Run the layers one by one, so that the one that fails says in its own words why."""
        try:
            for layer in layers:
                x = self._run(layer, x)
        except Exception as error:
            raise error from error.__cause__  # without the failure of the fused op as its context

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
            Whether to compute the gradient of the input. Without it the first layer that has
            parameters does less, and the layers before it do nothing.

        Returns
        -------
        array or None
            Gradient of the loss with respect to the input; None without `input_gradient`.
        """
        memory = taken(self)
        if self._shares:
            if memory is None:
                raise RuntimeError("backward needs a forward pass before it")
            return memory[0].backward(dy, input_gradient)  # type: ignore[no-any-return]
        passes: Sequence[tuple[str, Backward]] = memory or tuple(self._named.items())
        if not input_gradient:
            trained = (i for i, (_, part) in enumerate(passes) if is_trained(part))
            passes = passes[next(trained, len(passes)) :]
        for index in range(len(passes) - 1, -1, -1):
            name, part = passes[index]
            if index or input_gradient:
                dy = self._call(name, part.backward, dy)
            else:
                self._call(name, part.backward_parameters, dy)
        return dy if input_gradient else None

    def backward_parameters(self, dy: Array) -> None:
        """Do `backward` without the gradient of the input."""
        self.backward(dy, False)

    def scores(self, outputs: Array) -> Array:
        """Return the scores of the last layer."""
        return self[-1].scores(outputs) if len(self) else outputs

    def trace(self, x: Array, path: str = "") -> Trace:
        """Run forward one layer at a time: yields (path, layer, output), returns the output."""
        remember(self, None)  # each layer has its own backward pass then
        for name in self._named:
            x = yield from self._trace(name, x, path)
        return x
