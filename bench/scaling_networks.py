"""A network's work, and how its gradients are cut into buckets, for the model of `scaling.py`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from networks import Network

from pycnn.distributed.buckets import NUMBERS

Shape = tuple[int, ...]

# He et al., "Deep residual learning for image recognition", 2016, for a picture of 224 x 224.
RESNET50_MULTIPLY_ADDS = 4.1e9


def buckets(parameters: Sequence[Shape]) -> tuple[int, ...]:
    """Return the numbers in each bucket, in the order of the backward pass: see `Buckets`."""
    sizes = [0]
    for shape in reversed(parameters):
        if sizes[-1] >= NUMBERS:
            sizes.append(0)
        sizes[-1] += math.prod(shape)
    return tuple(sizes)


def operations(network: Network) -> float:
    """Return the floating-point operations of a training step for one sample."""
    return 2.0 * network.multiply_adds(train=True)


def resnet50() -> list[Shape]:
    """Return the parameters of ResNet-50: convolutions, each with batch norm; a linear layer."""
    shapes: list[Shape] = []

    def convolution(filters: int, channels: int, width: int) -> None:
        shapes.extend([(filters, channels, width, width), (filters,), (filters,)])

    convolution(64, 3, 7)
    channels = 64
    for inner, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            convolution(inner, channels, 1)
            convolution(inner, inner, 3)
            convolution(4 * inner, inner, 1)
            if block == 0:  # the shortcut around it
                convolution(4 * inner, channels, 1)
            channels = 4 * inner
    return [*shapes, (1000, 2048), (1000,)]
