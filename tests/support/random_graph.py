"""Random graphs of the ops that a plan of inference has steps for."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn.inference.graph import Graph, Node

Shape = tuple[int, ...]
ACTIVATIONS = (
    None,
    ("relu", 0.0, 0.0),
    ("hardtanh", 0.0, 6.0),
    ("tanh", 1.5, 0.7),
    ("silu", 0.0, 0.0),
)


class RandomGraph:
    """Draws nodes one after the other, each of values that are there."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.input_shape: Shape = (self.draw(1, 40), self.draw(1, 19), self.draw(1, 19))
        self.nodes: list[Node] = []

    def draw(self, low: int, high: int) -> int:
        """Return a number from low to high - 1."""
        return int(self.rng.integers(low, high))

    def normal(self, *shape: int, fan: int = 1) -> Any:
        """Return normal numbers, divided by the root of the terms of a sum."""
        return (self.rng.standard_normal(shape) / np.sqrt(fan)).astype(np.float32)

    def shape(self, value: int) -> Shape:
        return self.nodes[value - 1].shape if value else self.input_shape

    def graph(self, nodes: int) -> Graph:
        """Return a graph of at most so many nodes, with or without a linear layer at its end."""
        kinds = (
            *(self.convolution, self.convolution, self.tiled, self.depthwise, self.pooling),
            *(self.areas, self.concatenation, self.affine, self.sum, self.product),
            *(self.activation, self.normalisation, self.small_filters),
        )
        for _ in range(nodes):
            kinds[self.draw(0, len(kinds))](self.draw(0, len(self.nodes) + 1))
        if not self.nodes:
            self.areas(0)
        if self.rng.random() < 0.5:
            self.head()
        return Graph(self.input_shape, tuple(self.nodes), len(self.nodes))

    def add(self, op: str, inputs: Shape, shape: Shape, **more: Any) -> None:
        activation = ACTIVATIONS[self.draw(0, len(ACTIVATIONS))]
        self.nodes.append(Node(op, inputs, shape, **{"activation": activation, **more}))

    def filters(self, x: int, count: int, size: int, groups: int) -> None:
        channels, *extents = self.shape(x)
        stride, dilation = self.draw(1, 4), self.draw(1, 3)
        padding = tuple(self.draw(0, size) for _ in range(4))
        sides = (padding[0] + padding[1], padding[2] + padding[3])
        taps = dilation * (size - 1) + 1
        planes = [extent + side - taps for extent, side in zip(extents, sides, strict=True)]
        if min(planes) < 0:
            return
        shape = (count, *(plane // stride + 1 for plane in planes))
        inputs = channels // groups
        constants = {"w": self.normal(count, inputs, size, size, fan=inputs * size * size)}
        if self.rng.random() < 0.8:
            constants["b"] = self.normal(count)
        settings = {"stride": (stride,) * 2, "padding": padding, "dilation": (dilation,) * 2}
        alike = [v for v in range(len(self.nodes) + 1) if self.shape(v) == shape]
        residual = alike[self.draw(0, len(alike))] if alike and self.rng.random() < 0.7 else None
        more: dict[str, Any] = {}
        if residual is not None:  # a sum takes a clamp alone
            more["activation"] = ACTIVATIONS[self.draw(0, 3)]
        inputs_of = (x,) if residual is None else (x, residual)
        self.add(
            "conv2d", inputs_of, shape,
            constants=constants, settings={**settings, "groups": groups}, **more,
        )  # fmt: skip

    def convolution(self, x: int) -> None:
        groups = 2 if self.shape(x)[0] % 2 == 0 and self.rng.random() < 0.2 else 1
        self.filters(x, 32 if groups > 1 else self.draw(1, 40), self.draw(1, 6), groups)

    def tiled(self, x: int) -> None:
        """Add a convolution that Winograd's tiles suit."""
        channels, height, width = self.shape(x)
        constants = {"w": self.normal(channels, channels, 3, 3, fan=9 * channels)}
        settings = {"stride": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1), "groups": 1}
        shape = (channels, height, width)
        self.add("conv2d", (x,), shape, constants=constants, settings=settings)

    def small_filters(self, x: int) -> None:
        """Add a convolution as LeNet-5's, and its pooling: many such images go into lanes."""
        channels, height, width = self.shape(x)
        if min(height, width) < 2:
            return
        constants = {"w": self.normal(6, channels, 3, 3, fan=9 * channels), "b": self.normal(6)}
        settings = {"stride": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1), "groups": 1}
        shape = (6, height, width)
        self.add(
            "conv2d", (x,), shape,
            constants=constants, settings=settings, activation=ACTIVATIONS[1],
        )  # fmt: skip
        window = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0)}
        self.add(
            "max_pool2d", (len(self.nodes),), (6, height // 2, width // 2),
            settings=window, activation=None,
        )  # fmt: skip

    def depthwise(self, x: int) -> None:
        channels = self.shape(x)[0]
        if channels > 1:
            self.filters(x, channels, self.draw(1, 6), channels)

    def pooling(self, x: int) -> None:
        channels, *extents = self.shape(x)
        kernel, stride = self.draw(1, 4), self.draw(1, 4)
        padding = self.draw(0, kernel // 2 + 1)
        if min(extents) < kernel:
            return
        outputs = ((extent + 2 * padding - kernel) // stride + 1 for extent in extents)
        settings = {
            "kernel_size": (kernel,) * 2,
            "stride": (stride,) * 2,
            "padding": (padding,) * 2,
        }
        op = "max_pool2d" if self.rng.random() < 0.5 else "avg_pool2d"
        self.add(op, (x,), (channels, *outputs), settings=settings)

    def areas(self, x: int) -> None:
        channels, height, width = self.shape(x)
        size = self.draw(1, height + 1), self.draw(1, width + 1)
        self.add("adaptive_avg_pool2d", (x,), (channels, *size), settings={"output_size": size})

    def concatenation(self, x: int) -> None:
        shape = self.shape(x)
        alike = [v for v in range(len(self.nodes) + 1) if self.shape(v)[1:] == shape[1:]]
        inputs = (x, alike[self.draw(0, len(alike))])
        channels = sum(self.shape(v)[0] for v in inputs)
        self.add("concatenate", inputs, (channels, *shape[1:]), settings={"axis": 0})

    def affine(self, x: int) -> None:
        channels = self.shape(x)[0]
        constants = {"scale": self.normal(channels), "shift": self.normal(channels)}
        self.add("channel_affine", (x,), self.shape(x), constants=constants)

    def sum(self, x: int) -> None:
        alike = [v for v in range(len(self.nodes) + 1) if self.shape(v) == self.shape(x)]
        self.add("add", (x, alike[self.draw(0, len(alike))]), self.shape(x))

    def product(self, x: int) -> None:
        """Scale channels by their means."""
        self.nodes.append(
            Node(
                "adaptive_avg_pool2d",
                (x,),
                (self.shape(x)[0], 1, 1),
                settings={"output_size": (1, 1)},
            )
        )
        self.add("multiply", (x, len(self.nodes)), self.shape(x))

    def activation(self, x: int) -> None:
        self.add("tanh", (x,), self.shape(x), settings={"amplitude": 1.5, "slope": 0.7})

    def normalisation(self, x: int) -> None:
        settings = {"size": 3, "alpha": 0.1, "beta": 0.75, "k": 1.0, "form": "mean"}
        self.add("local_response_norm", (x,), self.shape(x), settings=settings)

    def head(self) -> None:
        """Add a linear layer."""
        last = len(self.nodes)
        features, outputs = int(np.prod(self.shape(last))), self.draw(1, 30)
        self.nodes.append(Node("reshape", (last,), (features,)))
        constants = {"w": self.normal(outputs, features, fan=features), "b": self.normal(outputs)}
        self.add("linear", (last + 1,), (outputs,), constants=constants)
