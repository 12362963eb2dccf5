"""Passes that put what is linear into the weights of a convolution or a linear layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn.inference.graph import FloatArray, Graph, Node
from pycnn.inference.passes.rewriting import Rewriting, floats, maker, readers

Wide = npt.NDArray[np.float64]

_OF_IMAGES = ("conv2d", "conv_transpose2d", "channel_affine")


def folded(graph: Graph) -> Graph:
    """Fold scales and shifts of channels, such as batch norm's, into the layer before them.

    ``s (w x + b) + t = (s w) x + (s b + t)``, computed in float64 and rounded once. It is left as
    it was where a number is not finite, or would not be.
    """
    while True:
        smaller = _folded_once(graph)
        if len(smaller.nodes) == len(graph.nodes):
            return smaller
        graph = smaller


def _folded_once(graph: Graph) -> Graph:
    """Fold into each layer at most one scale and shift."""
    reads = readers(graph)
    instead: dict[int, Node] = {}  # layers with what was folded into them
    gone: set[int] = set()
    for value, node in enumerate(graph.nodes, 1):
        layer = _layer_before(graph, node, reads)
        if layer is None or layer in instead or layer in gone:
            continue
        affine = _affine(node, graph.shape(layer)[0])
        found = None if affine is None else _with(graph.nodes[layer - 1], *affine)
        if found is not None:
            instead[layer] = replace(found, activation=node.activation)
            gone.add(value)
    written = Rewriting(graph)
    for value, node in enumerate(graph.nodes, 1):
        if value in gone:
            written.skip(value, node.inputs[0])
        else:
            written.put(value, instead.get(value, node))
    return written.done()


def _layer_before(graph: Graph, node: Node, reads: list[int]) -> int | None:
    """Return the layer whose channels are those of a node's input, if that is its only reader."""
    if len(node.inputs) != 1:
        return None
    value = node.inputs[0]
    while (before := maker(graph, value)) is not None and reads[value] == 1:
        if before.op != "reshape":
            images = len(before.shape) == 3 and before.op in _OF_IMAGES
            takes = images or (before.op == "linear" and len(before.shape) == 1)
            free = before.activation is None and len(before.inputs) == 1
            return value if takes and free else None
        if before.shape[0] != graph.shape(before.inputs[0])[0]:
            return None  # the channels are others
        value = before.inputs[0]
    return None


def _affine(node: Node, channels: int) -> tuple[Wide, Wide] | None:
    """Return the scale and the shift of each channel that a node comes to, if it is one."""
    if not node.shape or node.shape[0] != channels:
        return None
    if node.op == "channel_affine" and len(node.shape) == 3:
        return _wide(node.constants["scale"]), _wide(node.constants["shift"])
    numbers: Mapping[str, Any] = {**node.constants, **node.settings}
    if node.op not in ("add", "subtract", "multiply", "divide") or len(numbers) != 1:
        return None
    ((name, other),) = numbers.items()
    of_channels = (channels, *[1] * (len(node.shape) - 1))
    if np.shape(other) not in ((), of_channels):
        return None
    with np.errstate(all="ignore"):
        c = np.broadcast_to(_wide(other).reshape(-1), (channels,))
        one, none = np.ones(channels), np.zeros(channels)
        match node.op, name:
            case "add", _:
                return one, c
            case "subtract", "b":
                return one, -c
            case "subtract", _:
                return -one, c
            case "multiply", _:
                return c, none
            case "divide", "b":
                return 1 / c, none
    return None


def _wide(numbers: Any) -> Wide:
    return np.asarray(numbers, np.float64)


def _with(layer: Node, scale: Wide, shift: Wide) -> Node | None:
    """Return a layer whose outputs are scaled and shifted; None if numbers are not finite."""
    if layer.op == "channel_affine":
        old = layer.constants
        return _scaling(layer, _wide(old["scale"]) * scale, _wide(old["shift"]) * scale + shift)
    w = layer.constants["w"]
    b = layer.constants.get("b")
    if layer.op == "conv_transpose2d":
        if layer.settings["groups"] != 1:
            return None
        shape: tuple[int, ...] = (1, len(scale), 1, 1)  # its filters are (C, K, R, S)
    else:
        shape = (len(scale), *[1] * (w.ndim - 1))
    with np.errstate(all="ignore"):
        weights = _narrow(_wide(w) * scale.reshape(shape))
        biases = _narrow(shift if b is None else _wide(b) * scale + shift)
    if not (np.isfinite(weights).all() and np.isfinite(biases).all()):
        return None
    return replace(layer, constants={"w": weights, "b": biases})


def _scaling(node: Node, scale: Wide, shift: Wide) -> Node | None:
    """Return a node that scales and shifts channels; None if numbers are not finite."""
    with np.errstate(all="ignore"):
        constants = {"scale": _narrow(scale), "shift": _narrow(shift)}
    if not all(np.isfinite(one).all() for one in constants.values()):
        return None
    return replace(node, op="channel_affine", constants=constants, settings={})


def scalings(graph: Graph) -> Graph:
    """Make scales and shifts of channels of sums and products of images with constants."""
    known, written = floats(graph), Rewriting(graph)
    for value, node in enumerate(graph.nodes, 1):
        found = None
        if known[value] and len(node.inputs) == 1 and len(node.shape) == 3:
            same = graph.shape(node.inputs[0]) == node.shape
            affine = _affine(node, node.shape[0]) if same else None
            found = None if affine is None else _scaling(node, *affine)
        written.put(value, node if found is None else found)
    return written.done()


def _narrow(numbers: Wide) -> FloatArray:
    return np.ascontiguousarray(numbers, np.float32)


def padded(graph: Graph) -> Graph:
    """Let convolutions do the padding with zeros that comes before them."""
    written = Rewriting(graph)
    for value, node in enumerate(graph.nodes, 1):
        before = maker(graph, node.inputs[0])
        if node.op == "conv2d" and before is not None and before.op == "zero_pad2d":
            both = zip(node.settings["padding"], before.settings["padding"], strict=True)
            settings = {**node.settings, "padding": tuple(a + b for a, b in both)}
            node = replace(node, inputs=before.inputs, settings=settings)
        written.put(value, node)
    return written.done()
