"""The work to measure: every row of the table.

A case knows nothing about libraries. `with_pycnn.py`, `with_torch.py` and their like know how to
run one, and `oracle.py` knows the right result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from case import LAYOUTS, Case, Shape, bytes_of, out_size
from memory_cases import memory_cases
from networks import (
    ALEXNET,
    LENET,
    MOBILENET,
    RESNET18,
    SMALL_CIFAR,
    TEXTCNN,
    VGG11,
    Network,
)


def _text_conv(n: int, filters: int, words: int, length: int, dim: int) -> Iterator[Case]:
    """Yield convolutions over windows of `words` words; each word is a row of numbers."""
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
    """Yield the forward pass and both gradients of a square convolution."""
    p = out_size(size, r, stride, padding)
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
    """Yield the forward pass and both gradients."""
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
            traffic=bytes_of(shapes, "x", "w", "dy"),
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
            traffic=bytes_of(shapes, "x", "w", "dy"),
            layouts=("contiguous",),
        )


def network_case(network: Network, n: int, train: bool, frozen: bool = False) -> Case:
    """Return a case of whole training steps, or of inference, on a batch of n samples.

    With `frozen`, only the last layer is trained.
    """
    shapes = {"x": (n, *network.sample), "target": (n,), **network.state}
    kind = "training step" if train else "inference"
    return Case(
        name=f"{network.title} {kind}{', last layer only,' if frozen else ''} N={n}",
        group="network",
        op="train" if train else "infer",
        shapes=shapes,
        inputs=tuple(shapes),
        # The rate is small because the step repeats on one batch, and learning that batch must not
        # lead to a zero gradient. Adam's first step has the size of the rate, however small or
        # wrong the gradient is.
        options={
            "network": network.model,
            "classes": network.classes,
            "words": network.words,
            "lr": 1e-4 if network.optimizer == "sgd" else 1e-6,
            "momentum": 0.9,
            "frozen": frozen,
        },
        flops=2 * n * network.multiply_adds(train, frozen),
        images=n,
        layouts=("contiguous",) if network.words else LAYOUTS,
    )


def network_cases() -> Iterator[Case]:
    """Yield training steps and inference of each network; inference also of one image."""
    yield from (network_case(LENET, n, train=True) for n in (64, 256))
    yield network_case(LENET, 64, train=True, frozen=True)
    yield from (network_case(LENET, n, train=False) for n in (1, 256))
    for network, n in ((SMALL_CIFAR, 64), (RESNET18, 32), (VGG11, 32), (MOBILENET, 16)):
        yield network_case(network, n, train=True)
        yield from (network_case(network, images, train=False) for images in (1, n))
    for network, n in ((ALEXNET, 16), (TEXTCNN, 50)):
        yield network_case(network, n, train=True)
        yield network_case(network, n, train=False)


def all_cases() -> list[Case]:
    """Return every case in the order of the table."""
    return [
        *network_cases(),
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
        *memory_cases(),
    ]
