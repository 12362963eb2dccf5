"""A network as a list of steps, from which each library's own is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from case import Shape, out_size


@dataclass(frozen=True)
class Step:
    """One operation. Step i computes value i + 1; value 0 is the input of the network.

    `shape` is that of the result for one sample, `key` the beginning of the names of its
    `parameters`, `multiply_adds` its work for one sample.
    """

    op: str
    inputs: tuple[int, ...]
    shape: Shape
    key: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Shape] = field(default_factory=dict)
    multiply_adds: int = 0


class Sketch:
    """Records what is called, with the shapes of the results; values are numbers."""

    def __init__(self, sample: Shape) -> None:
        self.steps: list[Step] = []
        self._sample = sample

    def shape(self, value: int) -> Shape:
        return self.steps[value - 1].shape if value else self._sample

    def conv(
        self,
        x: int,
        key: str,
        filters: int,
        size: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int, int, int] = 0,
        groups: int = 1,
        bias: bool = False,
    ) -> int:
        """Convolve; `padding` has top, bottom, left, right where it is not a number."""
        channels, *image = self.shape(x)
        kernel = (size, size) if isinstance(size, int) else size
        borders = (padding,) * 4 if isinstance(padding, int) else padding
        ends = borders[0] + borders[1], borders[2] + borders[3]
        sides = zip(image, kernel, ends, strict=True)
        out = tuple(out_size(side + more, k, stride, 0) for side, k, more in sides)
        weight = (filters, channels // groups, *kernel)
        return self._add(
            "conv",
            (x,),
            (filters, *out),
            key,
            {"stride": stride, "padding": borders, "groups": groups, "kernel": kernel},
            {"weight": weight, "bias": weight[:1]} if bias else {"weight": weight},
            math.prod(out) * math.prod(weight),
        )

    def norm(self, x: int, key: str) -> int:
        names = ("weight", "bias", "running_mean", "running_var")
        channels = self.shape(x)[:1]
        return self._add("norm", (x,), self.shape(x), key, {}, dict.fromkeys(names, channels))

    def relu(self, x: int) -> int:
        return self._add("relu", (x,), self.shape(x))

    def relu6(self, x: int) -> int:
        return self._add("relu6", (x,), self.shape(x))

    def response_norm(self, x: int) -> int:
        return self._add("response_norm", (x,), self.shape(x))

    def max_pool(self, x: int, size: int, stride: int) -> int:
        channels, *image = self.shape(x)
        out = (out_size(side, size, stride, 0) for side in image)
        return self._add("max_pool", (x,), (channels, *out), "", {"size": size, "stride": stride})

    def mean(self, x: int) -> int:
        """Reduce each channel to its mean."""
        return self._add("mean", (x,), self.shape(x)[:1])

    def maximum(self, x: int) -> int:
        """Reduce each channel to its maximum."""
        return self._add("maximum", (x,), self.shape(x)[:1])

    def flatten(self, x: int) -> int:
        return self._add("flatten", (x,), (math.prod(self.shape(x)),))

    def linear(self, x: int, key: str, outputs: int) -> int:
        weight = (outputs, *self.shape(x))
        parameters = {"weight": weight, "bias": weight[:1]}
        return self._add("linear", (x,), (outputs,), key, {}, parameters, math.prod(weight))

    def dropout(self, x: int, p: float) -> int:
        return self._add("dropout", (x,), self.shape(x), "", {"p": p})

    def add(self, x: int, y: int) -> int:
        return self._add("add", (x, y), self.shape(x))

    def embedding(self, x: int, key: str, words: int, dim: int) -> int:
        """Look up words; the result has one channel."""
        parameters = {"weight": (words, dim)}
        return self._add("embedding", (x,), (1, *self.shape(x), dim), key, {}, parameters)

    def concatenate(self, *values: int) -> int:
        size = sum(self.shape(value)[0] for value in values)
        return self._add("concatenate", values, (size,))

    def _add(
        self,
        op: str,
        inputs: tuple[int, ...],
        shape: Shape,
        key: str = "",
        options: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Shape] | None = None,
        multiply_adds: int = 0,
    ) -> int:
        named = {f"{key}.{name}": size for name, size in (parameters or {}).items()}
        self.steps.append(Step(op, inputs, shape, key, options or {}, named, multiply_adds))
        return len(self.steps)
