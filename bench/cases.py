"""The work that is measured: shapes, options, floating-point operations and memory traffic.

A case knows nothing about libraries. `with_pycnn.py` and `with_torch.py` say how to run one, and
`oracle.py` says what the right result is. Letters as everywhere in pycnn: N images, C input
channels, H W input size, K output channels, R S filter size, P Q output size.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from networks import ALEXNET, LENET, TEXTCNN, Network

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
Shape = tuple[int, ...]

LAYOUTS = ("contiguous", "channels_last")


@dataclass(frozen=True)
class Case:
    """One row of the table.

    `shapes` names every array of the op, `inputs` those that it reads. `flops` counts a
    multiply-add as two; an op that hardly computes has 0 and is judged by `traffic`: the bytes of
    its inputs and results, each counted once. `images` is set for whole networks. `layouts` are
    PyTorch's memory formats that make a difference.
    """

    name: str
    group: str
    op: str
    shapes: Mapping[str, Shape]
    inputs: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    flops: int = 0
    traffic: int = 0
    images: int = 0
    layouts: tuple[str, ...] = LAYOUTS

    def arrays(self) -> Arrays:
        """Make the inputs: the same numbers in every process, whatever library reads them."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        return {name: _values(name, self.shapes[name], self.options, rng) for name in self.inputs}


@dataclass(frozen=True)
class Bound:
    """A case with a library's arrays: what is timed, and how to get its results as NumPy arrays."""

    run: Callable[[], object]
    outputs: Callable[[], list[Array]]


def _values(name: str, shape: Shape, options: Mapping[str, Any], rng: np.random.Generator) -> Array:
    if name == "target":
        return rng.integers(0, options["classes"], shape)
    if options.get("words") and name == "x":
        return rng.integers(2, options["words"], shape)  # 0 and 1 stand for no word and unknown
    values = rng.random(shape, np.float32)
    values -= np.float32(0.5)
    if name == "w" or name.endswith((".weight", ".bias")):
        # Keeps the size of activations from layer to layer: variance 2 / fan-in for a ReLU network.
        fan_in = math.prod(shape[1:]) if len(shape) > 1 else 100
        values *= np.float32(math.sqrt(24 / fan_in))
    return values


def _out(size: int, kernel: int, stride: int, padding: int) -> int:
    return (size + 2 * padding - kernel) // stride + 1


def _bytes(shapes: Mapping[str, Shape], *names: str) -> int:
    return 4 * sum(math.prod(shapes[name]) for name in names)


def _text_conv(n: int, filters: int, words: int, length: int, dim: int) -> Iterator[Case]:
    """Windows of some words of a sentence, each a row of numbers."""
    shapes = {
        "x": (n, 1, length, dim),
        "w": (filters, 1, words, dim),
        "b": (filters,),
        "dy": (n, filters, length - words + 1, 1),
    }
    flops = 2 * n * filters * (length - words + 1) * words * dim
    yield from _conv_passes(
        f"text conv 1->{filters} {words}x{dim} @{length}x{dim} N={n}",
        shapes,
        {"stride": 1, "padding": 0, "groups": 1},
        flops,
    )


def _conv(
    n: int, c: int, k: int, r: int, size: int, stride: int = 1, padding: int = 0, groups: int = 1
) -> Iterator[Case]:
    """Forward and both gradients of a square convolution."""
    p = _out(size, r, stride, padding)
    shapes = {
        "x": (n, c, size, size),
        "w": (k, c // groups, r, r),
        "b": (k,),
        "dy": (n, k, p, p),
    }
    flops = 2 * n * k * p * p * (c // groups) * r * r
    kind = f"depthwise {c}" if groups == c > 1 else f"conv {c}->{k}"
    step = f" s{stride}" if stride > 1 else ""
    pad = f" p{padding}" if padding else ""
    name = f"{kind} {r}x{r}{step}{pad} @{size} N={n}"
    options = {"stride": stride, "padding": padding, "groups": groups}
    yield from _conv_passes(name, shapes, options, flops)


def _conv_passes(
    name: str, shapes: Mapping[str, Shape], options: Mapping[str, Any], flops: int
) -> Iterator[Case]:
    """Forward and both gradients."""
    passes = (
        ("forward", "conv2d", ("x", "w", "b")),
        ("d input", "conv2d_backward_input", ("dy", "w")),
        ("d weight", "conv2d_backward_weight", ("dy", "x")),
    )
    for label, op, inputs in passes:
        yield Case(
            name=f"{name} {label}",
            group="convolution",
            op=op,
            shapes=shapes,
            inputs=inputs,
            options=options,
            flops=flops,
            traffic=_bytes(shapes, "x", "w", "dy"),
        )


def _pool(kind: str, n: int, c: int, size: int, kernel: int, stride: int) -> Iterator[Case]:
    """Forward and gradient of a pooling layer; max pooling also writes and reads int32 indices."""
    p = _out(size, kernel, stride, 0)
    shapes = {"x": (n, c, size, size), "dy": (n, c, p, p)}
    indices = _bytes(shapes, "dy") if kind == "max" else 0
    inputs = ("x", "dy") if kind == "max" else ("dy",)
    name = f"{kind} pool {kernel}x{kernel} s{stride} {c} @{size} N={n}"
    for label, op, reads in (
        ("forward", f"{kind}_pool2d", ("x",)),
        ("backward", f"{kind}_pool2d_backward", inputs),
    ):
        yield Case(
            name=f"{name} {label}",
            group="memory",
            op=op,
            shapes=shapes,
            inputs=reads,
            options={"kernel_size": kernel, "stride": stride},
            traffic=_bytes(shapes, "x", "dy") + indices,
        )


def _relu(n: int, c: int, size: int) -> Iterator[Case]:
    shapes = {name: (n, c, size, size) for name in ("x", "dy")}
    for label, op, inputs in (
        ("forward", "relu", ("x",)),
        ("backward", "relu_backward", ("x", "dy")),
    ):
        yield Case(
            name=f"relu {c} @{size} N={n} {label}",
            group="memory",
            op=op,
            shapes=shapes,
            inputs=inputs,
            # Backward reads the output and its gradient and writes a third array of that size.
            traffic=_bytes(shapes, "x", "dy") + (_bytes(shapes, "x") if len(inputs) > 1 else 0),
        )


def _linear(n: int, fan_in: int, fan_out: int) -> Iterator[Case]:
    shapes = {"x": (n, fan_in), "w": (fan_out, fan_in), "b": (fan_out,), "dy": (n, fan_out)}
    for label, op, inputs in (
        ("forward", "linear", ("x", "w", "b")),
        ("d input", "linear_backward_input", ("dy", "w")),
        ("d weight", "linear_backward_weight", ("dy", "x")),
    ):
        yield Case(
            name=f"linear {fan_in}->{fan_out} N={n} {label}",
            group="linear",
            op=op,
            shapes=shapes,
            inputs=inputs,
            flops=2 * n * fan_in * fan_out,
            traffic=_bytes(shapes, "x", "w", "dy"),
            layouts=("contiguous",),
        )


def _softmax_loss(n: int, classes: int) -> Iterator[Case]:
    shapes = {"x": (n, classes), "target": (n,)}
    for label, op in (
        ("forward", "softmax_cross_entropy"),
        ("backward", "softmax_cross_entropy_backward"),
    ):
        yield Case(
            name=f"softmax loss {classes} classes N={n} {label}",
            group="memory",
            op=op,
            shapes=shapes,
            inputs=("x", "target"),
            options={"classes": classes},
            traffic=2 * _bytes(shapes, "x"),
            layouts=("contiguous",),
        )


def _network(network: Network, n: int, train: bool) -> Case:
    parameters = dict(zip(network.names, network.parameters, strict=True))
    shapes = {"x": (n, *network.sample), "target": (n,), **parameters}
    # Each layer has three products in training; the first has two: no one needs its dx.
    work = (2, 3) if train else (1, 1)
    return Case(
        name=f"{network.title} {'training step' if train else 'inference'} N={n}",
        group="network",
        op="train" if train else "infer",
        shapes=shapes,
        inputs=tuple(shapes),
        # A small rate: the step repeats on one batch, which must not be learnt to a zero gradient.
        # Adam's first step has the size of the rate however small, or wrong, a gradient is.
        options={
            "network": network.model,
            "classes": network.classes,
            "words": network.words,
            "lr": 1e-4 if network.optimizer == "sgd" else 1e-6,
            "momentum": 0.9,
        },
        flops=2 * n * (work[0] * network.first + work[1] * network.rest),
        images=n,
        layouts=("contiguous",) if network.words else LAYOUTS,
    )


def all_cases() -> list[Case]:
    """List every case in the order of the table."""
    return [
        *(_network(LENET, n, train=True) for n in (64, 256)),
        *(_network(LENET, n, train=False) for n in (1, 256)),
        _network(ALEXNET, 16, train=True),
        _network(ALEXNET, 16, train=False),
        _network(TEXTCNN, 50, train=True),
        _network(TEXTCNN, 50, train=False),
        # LeNet-5
        *_conv(64, 1, 6, 5, 28, padding=2),
        *_conv(64, 6, 16, 5, 14),
        # AlexNet
        *_conv(16, 3, 64, 11, 227, stride=4, padding=2),
        *_conv(16, 64, 192, 5, 27, padding=2),
        *_conv(16, 192, 384, 3, 13, padding=1),
        *_conv(16, 384, 256, 3, 13, padding=1),
        *_conv(16, 256, 256, 3, 13, padding=1),
        # Networks of other kinds: VGG, ResNet, MobileNet
        *_conv(8, 3, 64, 3, 224, padding=1),
        *_conv(8, 64, 64, 3, 224, padding=1),
        *_conv(8, 256, 256, 3, 56, padding=1),
        *_conv(64, 64, 64, 3, 32, padding=1),
        *_conv(16, 256, 1024, 1, 14),
        *_conv(16, 128, 128, 3, 56, stride=2, padding=1),
        *_conv(16, 256, 256, 3, 28, padding=1, groups=256),
        *_text_conv(64, 100, 3, 60, 300),
        *_linear(16, 9216, 4096),
        *_linear(128, 9216, 4096),
        *_linear(16, 4096, 4096),
        *_linear(128, 4096, 4096),
        *_pool("max", 64, 6, 28, 2, 2),
        *_pool("max", 16, 64, 55, 3, 2),
        *_pool("avg", 64, 6, 28, 2, 2),
        *_pool("avg", 16, 64, 55, 3, 2),
        *_relu(16, 64, 55),
        *_softmax_loss(256, 1000),
    ]
