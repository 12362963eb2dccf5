"""Passes that spell the same thing in one way, so that the passes after them find it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pycnn.inference.graph import Graph, Node
from pycnn.inference.passes.rewriting import Rewriting, floats, maker, readers

_RELU = ("relu", 0.0, 0.0)


def split(graph: Graph) -> Graph:
    """Take ops apart that rectify and pool as well, and make linear layers of products.

    The op of a convolution is then always ``conv2d``, and that of a linear layer ``linear``; both
    may have an activation. There is one tangent, that of `pycnn.ops`.
    """
    known, written = floats(graph), Rewriting(graph)
    for value, node in enumerate(graph.nodes, 1):
        if node.op in ("conv2d_relu", "linear_relu"):
            node = replace(node, op=node.op.removesuffix("_relu"), activation=_RELU)
        elif node.op == "conv2d_relu_max_pool2d":
            conv, pool = _with_pooling(graph, node)
            written.put(value, conv)
            written.new[value] = written.append(replace(pool, inputs=(written.new[value],)))
            continue
        elif node.op == "matmul" and known[value]:
            b = node.constants.get("b")
            if b is not None and b.ndim == 2 and b.dtype == np.float32:
                w = np.ascontiguousarray(b.T)
                node = replace(node, op="linear", constants={"w": w})
        elif node.op == "tanh" and known[value] and not node.settings:  # NumPy's
            node = replace(node, settings={"amplitude": 1.0, "slope": 1.0})
        written.put(value, node)
    return written.done()


def _with_pooling(graph: Graph, node: Node) -> tuple[Node, Node]:
    """Return a convolution with a rectifier, and the pooling after it, as two nodes."""
    settings = dict(node.settings)
    window = settings.pop("window")
    w = node.constants["w"]
    top, bottom, left, right = settings["padding"]
    sizes = graph.shape(node.inputs[0])[-2:]
    geometry = zip(
        sizes,
        (top + bottom, left + right),
        w.shape[2:],
        settings["stride"],
        settings["dilation"],
        strict=True,
    )
    extents = [(n + pad - (taps - 1) * gap - 1) // step + 1 for n, pad, taps, step, gap in geometry]
    shape = (*node.shape[:-3], len(w), *extents)
    conv = replace(node, op="conv2d", shape=shape, settings=settings, activation=_RELU)
    pooling = {
        "kernel_size": window,
        "stride": window,
        "padding": (0, 0),
        "dilation": (1, 1),
        "ceil_mode": False,
    }
    return conv, Node("max_pool2d", (), node.shape, {}, pooling, layer=node.layer)


def clamped(graph: Graph) -> Graph:
    """Make activations of maxima and minima with numbers: a rectifier, or a clipped identity."""
    known, reads, written = floats(graph), readers(graph), Rewriting(graph)
    for value, node in enumerate(graph.nodes, 1):
        if not known[value]:
            written.put(value, node)
            continue
        low = _number(node, "maximum")
        if low == 0:
            node = replace(node, op="relu", settings={})
        high, before = _number(node, "minimum"), maker(graph, node.inputs[0])
        if high is not None and before is not None and reads[node.inputs[0]] == 1:
            low = _number(before, "maximum")
            if low is not None and low <= high:
                settings = {"kind": "hardtanh", "a": low, "b": high}
                node = replace(node, op="activation", inputs=before.inputs, settings=settings)
        written.put(value, node)
    return written.done()


def _number(node: Node, op: str) -> float | None:
    """Return the finite float32 that an op has as its other operand."""
    other = node.settings.get("b", node.settings.get("a")) if node.op == op else None
    if len(node.inputs) != 1 or not isinstance(other, (int, float)):
        return None
    return float(np.float32(other)) if math.isfinite(np.float32(other)) else None


def pooled_means(graph: Graph) -> Graph:
    """Make adaptive poolings to one pixel of means over whole images, however they are written."""
    reads, written = readers(graph), Rewriting(graph)
    for value, node in enumerate(graph.nodes, 1):
        source = _averaged(graph, node, reads)
        if source is None:
            written.put(value, node)
            continue
        channels = graph.shape(source)[0]
        pool = Node(
            "adaptive_avg_pool2d",
            (written.new[source],),
            (channels, 1, 1),
            settings={"output_size": (1, 1)},
            activation=node.activation,
            layer=node.layer,
        )
        mean = written.append(pool)
        if node.shape != pool.shape:
            mean = written.append(Node("reshape", (mean,), node.shape, layer=node.layer))
        written.new[value] = mean
    return written.done()


def _averaged(graph: Graph, node: Node, reads: list[int]) -> int | None:
    """Return the images whose means a node returns, if that is what it does."""
    source = node.inputs[0]
    if node.op == "avg_pool2d" and len(node.shape) == 3:
        settings = node.settings
        whole = settings["kernel_size"] == graph.shape(source)[1:] and node.shape[1:] == (1, 1)
        plain = settings["padding"] == (0, 0) and settings.get("divisor_override") is None
        return source if whole and plain else None
    total = maker(graph, source)
    if node.op != "divide" or total is None or total.op != "sum" or reads[source] > 1:
        return None
    source = total.inputs[0]
    shape, axes = graph.shape(source), set(total.settings["axes"])
    if axes != set(range(1, len(shape))) or node.settings.get("b") != math.prod(shape[1:]):
        return None
    before = maker(graph, source)
    if len(shape) != 3 and before is not None and before.op == "reshape":
        source = before.inputs[0]  # of images whose pixels were put in a row
    images = graph.shape(source)
    return source if len(images) == 3 and images[0] == shape[0] else None
