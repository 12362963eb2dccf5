"""A case: arrays, options, floating-point operations and memory traffic.

Letters are pycnn's usual ones: N images, C input channels, H W input size, K output channels, R S
filter size, P Q output size.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
Shape = tuple[int, ...]

LAYOUTS = ("contiguous", "channels_last")


@dataclass(frozen=True)
class Case:
    """One row of the table.

    `shapes` names every array of the op, `inputs` those that it reads, in the order of its
    parameters. `flops` counts a multiply-add as two; an op that hardly computes has 0 and is judged
    by `traffic`: the bytes of its inputs and results, each counted once. `images` is set for whole
    networks. `layouts` are those memory formats of PyTorch that make a difference; onnxruntime and
    OpenVINO, which choose their own, run inference of networks alone. `x` is drawn
    from an interval of length `spread` around 0. `random` ops draw their own numbers, so the
    results of two libraries differ.
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
    spread: float = 1.0
    random: bool = False

    @property
    def captured(self) -> bool:
        """Whether a CUDA graph can hold it: a training step, but not on words (the CPU sorts)."""
        return self.op == "train" and not self.options.get("words")

    def arrays(self) -> Arrays:
        """Return the inputs: the same numbers in every process, for every library."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        arrays = {n: _values(n, self.shapes[n], self.options, rng) for n in self.inputs}
        if self.spread != 1:
            arrays["x"] *= np.float32(self.spread)
        return arrays


@dataclass(frozen=True)
class Bound:
    """A case with a library's arrays: the call to time, its results as NumPy arrays.

    `how` says which of the library's ways the call takes, where it has several.
    """

    run: Callable[[], object]
    outputs: Callable[[], list[Array]]
    how: str = ""


def _values(name: str, shape: Shape, options: Mapping[str, Any], rng: np.random.Generator) -> Array:
    if name == "target":
        return rng.integers(0, options["classes"], shape)
    if options.get("words") and name == "x":
        return rng.integers(2, options["words"], shape)  # 0 and 1 stand for padding and unknown
    values = rng.random(shape, np.float32)
    if name.endswith(".running_var") or (name.endswith(".weight") and len(shape) == 1):
        return values + np.float32(0.5)  # about 1: a layer keeps the size of its input
    values -= np.float32(0.5)
    if name == "w" or name.endswith((".weight", ".bias")):
        # Variance 2 / fan-in keeps the size of activations from layer to layer in a ReLU network.
        fan_in = math.prod(shape[1:]) if len(shape) > 1 else 100
        values *= np.float32(math.sqrt(24 / fan_in))
    return values


def out_size(size: int, kernel: int, stride: int, padding: int) -> int:
    return (size + 2 * padding - kernel) // stride + 1


def bytes_of(shapes: Mapping[str, Shape], *names: str) -> int:
    return 4 * sum(math.prod(shapes[name]) for name in names)
