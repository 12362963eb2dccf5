"""Networks with a forward of their own: residual, of two inputs, with shared parts, with lists."""

from __future__ import annotations

from typing import Any

import numpy as np

import pycnn as nn
from pycnn.functional import adaptive_max_pool2d, max_pool2d, relu
from pycnn.layers import Module


class Block(Module):
    def __init__(self, before: int, after: int) -> None:
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False, rng=0)
        self.norm = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, rng=1)
        self.shortcut = nn.Conv2d(before, after, 1, rng=2) if before != after else None

    def forward(self, x: Any) -> Any:
        y = self.conv2(relu(self.norm(self.conv1(x))))
        return relu(y + (x if self.shortcut is None else self.shortcut(x)))


class ResNet(Module):
    """Blocks with functional calls in between; the upper convolution sees a half of the image."""

    def __init__(self) -> None:
        self.stem = nn.Conv2d(1, 4, 3, padding=1, rng=3)
        self.blocks = nn.Sequential(Block(4, 4), Block(4, 6))
        self.up = nn.ConvTranspose2d(6, 2, 2, 2, rng=4)
        self.head = nn.Linear(2 * 8 * 8, 3, rng=5)

    def forward(self, x: Any) -> Any:
        y = self.blocks(max_pool2d(relu(self.stem(x)), 2))
        return self.head(self.up(y).flatten(1))


class TwoInputs(Module):
    def __init__(self) -> None:
        self.left, self.right = nn.Linear(4, 5, rng=0), nn.Linear(3, 5, rng=1)
        self.out = nn.Linear(10, 2, rng=2)

    def forward(self, a: Any, b: Any) -> Any:
        return self.out(nn.cat([relu(self.left(a)), relu(self.right(b))], 1))


class Siamese(Module):
    """One encoder, called twice; and a second name for its first layer's weight."""

    def __init__(self) -> None:
        self.encoder = nn.Sequential(nn.Linear(6, 6, rng=0), nn.Tanh())
        self.again = nn.Linear(6, 6, rng=1)
        self.again.weight = self.encoder[0].weight

    def forward(self, x: Any) -> Any:
        return self.again(self.encoder(x) - self.encoder(2 * x))


class Lists(Module):
    def __init__(self) -> None:
        self.convs = nn.ModuleList([nn.Conv2d(1, 2, k, padding=k // 2, rng=k) for k in (1, 3, 5)])
        self.heads = nn.ModuleDict({"main": nn.Linear(6, 3, rng=0)})

    def forward(self, x: Any) -> Any:
        found = [adaptive_max_pool2d(relu(conv(x)), 1) for conv in self.convs]
        return self.heads["main"](nn.cat(found, 1).flatten(1))


# Each with the shape of a sample, or of its parts.
NETS: list[tuple[type[Module], Any]] = [
    (ResNet, (1, 8, 8)),
    (TwoInputs, ((4,), (3,))),
    (Siamese, (6,)),
    (Lists, (1, 8, 8)),
]


def batch(shape: Any, count: int = 2) -> Any:
    """Return inputs of a shape, or a tuple of those of several."""
    if isinstance(shape[0], tuple):
        return tuple(batch(one, count) for one in shape)
    rng = np.random.default_rng(0)
    return rng.standard_normal((count, *shape)).astype(np.float32)
