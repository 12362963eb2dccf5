"""Random networks of images and signals, whose blocks read any value before them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

import pycnn as nn
from pycnn.layers import Module


class Net(Module):
    """A random network of images or signals: blocks that read any value before them.

    Parameters
    ----------
    seed : int
    axes : int
        2 for images, 1 for signals.
    blocks : list of str
        What comes one after the other.
    """

    def __init__(self, seed: int, axes: int, blocks: list[str]) -> None:
        self.rng = np.random.default_rng(seed)
        self.axes, self.blocks = axes, blocks
        self.input_shape = (4, 7, 5)[: axes + 1]
        self.layers = nn.ModuleList([self._layer(block) for block in blocks])
        self.picks = self.rng.integers(0, 1 << 30, len(blocks))
        self.head = nn.Linear(4, 3, rng=seed)

    def _layer(self, block: str) -> Module:
        rng, images = self.rng, self.axes == 2
        activations = (nn.ReLU(), nn.ReLU6(), nn.Tanh(), nn.GELU("tanh"), nn.LeakyReLU(0.2))
        if block == "conv":
            taps, gap, groups = (
                int(rng.integers(1, 4)),
                int(rng.integers(1, 3)),
                2 ** rng.integers(3),
            )
            options: dict[str, Any] = {
                "dilation": gap,
                "groups": int(groups),
                "bias": bool(rng.integers(2)),
            }
            if not images or rng.integers(2):
                kind: Any = nn.Conv2d if images else nn.Conv1d
                return kind(4, 4, taps, padding="same", rng=rng, **options)  # type: ignore[no-any-return]
            first, reach = int(rng.integers(3)), gap * (taps - 1)
            sides = (min(first, reach), max(reach - first, 0)) * 2
            return nn.Conv2d(4, 4, taps, padding=sides, rng=rng, **options)
        if block == "pad":
            pads = nn.ZeroPad2d(1) if images else nn.ZeroPad1d(1)
            conv: Any = nn.Conv2d if images else nn.Conv1d
            return nn.Sequential(pads, conv(4, 4, 3, rng=rng))
        if block == "norm":
            norm = nn.BatchNorm2d(4) if images else nn.BatchNorm1d(4)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.data[...] = rng.standard_normal(4)
            norm.running_var.data[...] = rng.uniform(0.5, 2, 4)
            return norm
        if block == "activation":
            return activations[int(rng.integers(len(activations)))]
        if block == "idle":
            return nn.Sequential(
                nn.Dropout(0.5), nn.Identity(), nn.MaxPool2d(1) if images else nn.Identity()
            )
        return nn.Identity()

    def forward(self, x: Any) -> Any:
        values = [x]
        for block, layer, pick in zip(self.blocks, self.layers, self.picks, strict=True):
            y, other = values[-1], values[int(pick) % len(values)]
            if block == "add":
                y = y + other if pick % 2 else other + y
            elif block == "scale":
                y = (y - 0.5) * 3 / nn.tensor([1.0, 2.0, 3.0, 4.0]).reshape(4, *[1] * self.axes)
            elif block == "clamp":
                y = y.clamp(0, 6) if pick % 2 else y.clamp(min=0)
            elif block == "shape":
                y = (y.flatten(1) * 2).relu().reshape(y.shape)
            elif block == "branch":
                y = layer(other)
            elif block == "join":
                y = nn.cat([y[:, :2], other[:, 2:]], 1)
            else:
                y = layer(y)
            values.append(y)
        return self.head(values[-1].flatten(2).mean(2))


# Blocks, and what often stands in a row.
ROWS = (
    *("conv", "norm", "activation", "add", "pad", "scale", "clamp", "shape", "branch", "join"),
    *("idle", "conv norm add activation"),
)
nets = st.builds(
    Net,
    st.integers(0, 10_000),
    st.sampled_from((1, 2)),
    st.lists(st.sampled_from(ROWS), min_size=1, max_size=6).map(
        lambda rows: " ".join(rows).split()
    ),
)
