"""Which algorithm a plan computes a convolution with."""

from __future__ import annotations

from typing import Any

from pycnn import _core
from pycnn.inference.graph import Node

# In multiply-adds. A tile's 36 inputs or outputs are transformed in about 150 cycles a vector, as
# long as 300 multiply-adds a channel. A core does 16 (AVX2) or 32 (AVX-512) multiply-adds a cycle
# and reads about 8 bytes from a cache: filters, read once by each run, cost 2 multiply-adds a byte.
# Filters of all layers that no cache holds come from memory at about 22 GB/s, however many cores
# share it: a byte takes as long as 8 multiply-adds of four cores with AVX2 or two with AVX-512.
# The number of threads is not asked for: bits would depend on it. Measured with AVX-512 and two
# threads, 256 -> 256 filters at 8 x 8, one image: direct 360 us, Winograd 430 and on one thread.
_TRANSFORM = 300
_BYTE, _BYTE_OF_MEMORY = 2, 8
_CACHED_FLOATS = 4 << 20  # 16 MiB
# Winograd's rounding is larger: a smaller gain is not worth it.
_LEAST_GAIN = 1.25
_POSITIONS = 36
# Samples of a run from which on the weights of linear layers are packed: a tile of their product
# has as many sums as hide the latency of a multiply-add. For fewer, they are read as they are.
PACKED_ROWS = 4


def algorithm_of(node: Node, channels: int, batch: int, weights: int) -> str:
    """Return ``direct``, ``winograd`` or ``depthwise`` for a node ``conv2d``.

    Parameters
    ----------
    node : Node
    channels : int
        Channels of its input.
    batch : int
        Images of a run.
    weights : int
        Numbers in all filters of the network.
    """
    filters, inputs, height, width = node.constants["w"].shape
    groups = node.settings["groups"]
    if groups > 1 and groups == channels == filters:
        return "depthwise"
    plain = node.settings["stride"] == (1, 1) == node.settings["dilation"]
    if not plain or height != width or height not in (3, 5) or inputs < _core.simd_lanes():
        return "direct"
    if _core.get_convolution() == "accurate":
        return "direct"
    tile = 7 - height
    _, p, q = node.shape
    products = inputs * filters
    tiles = batch * -(-p // tile) * -(-q // tile)
    read = 4 * (_BYTE if weights <= _CACHED_FLOATS else _BYTE_OF_MEMORY) * products
    transforms = _TRANSFORM * tiles * (channels + filters)
    winograd = _POSITIONS * (tiles * products + read) + transforms
    direct = height * width * (batch * p * q * products + read)
    return "winograd" if winograd * _LEAST_GAIN < direct else "direct"


def suits_planes(node: Node, shape: tuple[int, ...], batch: int) -> bool:
    """Whether a convolution is best computed on planes, with images of the batch in lanes.

    That is so for many small images of few channels, which would leave lanes empty: the table of
    the eager ops decides. A ReLU has to follow, since its op includes one.
    """
    alone = len(node.inputs) == 1 and node.activation == ("relu", 0.0, 0.0)
    if not alone or len(shape) != 3 or node.settings["groups"] > 1:
        return False
    s = node.settings
    images: Any = (batch, *shape)
    passes = ("forward", "backward_weight")  # a convolution with pooling asks for both
    return "batch_lanes" in [
        _core.conv2d_algorithm(
            images, node.constants["w"].shape, one, s["stride"], s["padding"], s["dilation"]
        )
        for one in passes
    ]


def border_of(node: Node, algorithm: str, input_size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the zeros around its input that a convolution reads: top, bottom, left, right."""
    if algorithm == "depthwise":
        return 0, 0, 0, 0  # it leaves out the taps beyond the image
    top, _, left, _ = node.settings["padding"]
    taps = node.constants["w"].shape[2:]
    below = []
    for axis, (first, size) in enumerate(zip((top, left), input_size, strict=True)):
        outputs = node.shape[1 + axis]
        if algorithm == "winograd":  # tiles may hang over the edge
            tile = 7 - taps[axis]
            reach = (-(-outputs // tile) - 1) * tile + 6
        else:
            stride, dilation = node.settings["stride"][axis], node.settings["dilation"][axis]
            reach = (outputs - 1) * stride + (taps[axis] - 1) * dilation + 1
        below.append(max(reach - first - size, 0))
    return top, below[0], left, below[1]
