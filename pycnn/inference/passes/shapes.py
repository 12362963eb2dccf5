"""Passes about nodes that compute nothing new: changes of shape, idle nodes, unread ones."""

from __future__ import annotations

from dataclasses import replace

from pycnn.inference.graph import Graph, Node
from pycnn.inference.passes.rewriting import Rewriting, activation_of, floats
from pycnn.inference.tracing import BINARY, UNARY


def reshaped_late(graph: Graph) -> Graph:
    """Change shapes as late as possible, and only where that makes a difference.

    Functions of each number run before a change of shape instead of after it, several changes in a
    row become one, and those back to the shape that was there go.
    """
    written = Rewriting(graph)
    # For each old value: a value of the new graph with its numbers, perhaps in another shape.
    held: list[int] = [0]
    cast: dict[tuple[int, tuple[int, ...]], int] = {}

    def shape_of(number: int) -> tuple[int, ...]:
        return written.nodes[number - 1].shape if number else graph.input_shape

    def in_shape(value: int, shape: tuple[int, ...]) -> int:
        """Return the number of an old value in a shape."""
        number = held[value]
        if shape_of(number) == shape:
            return number
        if (number, shape) not in cast:
            cast[number, shape] = written.append(Node("reshape", (number,), shape))
        return cast[number, shape]

    for node in graph.nodes:
        if node.op == "reshape":
            held.append(held[node.inputs[0]])
            continue
        if _is_elementwise(node, graph):
            shapes = [shape_of(held[v]) for v in node.inputs]
            # Where they differ, images: (C, 1, L) rather than signals (C, L).
            shape = next((one for one in shapes if len(one) == 3), shapes[0])
            inputs = tuple(in_shape(v, shape) for v in node.inputs)
        else:
            shape, inputs = node.shape, tuple(in_shape(v, graph.shape(v)) for v in node.inputs)
        held.append(written.append(replace(node, inputs=inputs, shape=shape)))
    written.new[graph.output] = in_shape(graph.output, graph.shape(graph.output))
    return written.done()


def _is_elementwise(node: Node, graph: Graph) -> bool:
    """Whether each number of the result comes from one number at the same place of each input."""
    if activation_of(node) is not None or node.op in UNARY or node.op == "astype":
        return True
    same = all(graph.shape(v) == node.shape for v in node.inputs)
    return node.op in BINARY and same and not node.constants


def without_idle(graph: Graph) -> Graph:
    """Leave out nodes that return their input."""
    known, written = floats(graph), Rewriting(graph)
    for value, node in enumerate(graph.nodes, 1):
        alone = node.activation is None and len(node.inputs) == 1
        if alone and known[value] and _is_idle(node, graph):
            written.skip(value, node.inputs[0])
        else:
            written.put(value, node)
    return written.done()


def _is_idle(node: Node, graph: Graph) -> bool:
    settings = node.settings
    if node.shape != graph.shape(node.inputs[0]):
        return False
    if node.op == "zero_pad2d":
        return True
    if node.op == "adaptive_avg_pool2d":  # each window is a pixel
        return True
    if node.op in ("max_pool2d", "avg_pool2d"):
        alone = settings["kernel_size"] == settings["stride"] == (1, 1)
        return alone and settings.get("divisor_override") in (None, 1)
    if node.op in ("multiply", "divide"):
        return not node.constants and settings.get("b") == 1
    return node.op == "concatenate"


def without_unread(graph: Graph) -> Graph:
    """Leave out nodes whose values nobody reads."""
    wanted = {graph.output}
    for value in range(len(graph.nodes), 0, -1):
        if value in wanted:
            wanted.update(graph.nodes[value - 1].inputs)
    written = Rewriting(graph)
    for value, node in enumerate(graph.nodes, 1):
        if value in wanted:
            written.put(value, node)
    return written.done()
