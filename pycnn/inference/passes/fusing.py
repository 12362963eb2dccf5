"""Passes that let one node do what its only reader does: add a shortcut, apply an activation."""

from __future__ import annotations

from dataclasses import replace

from pycnn.inference.graph import Graph, Node
from pycnn.inference.passes.rewriting import Rewriting, activation_of, floats, maker, readers

# Nodes that may have an activation. All of them write their results once, so it costs no pass of
# its own over memory.
ACTIVATED = frozenset(("conv2d", "conv_transpose2d", "linear", "channel_affine", "add"))
# A convolution that adds a shortcut clamps the sum, and applies no other function to it.
CLAMPS = frozenset(("relu", "hardtanh"))


def with_residuals(graph: Graph) -> Graph:
    """Let convolutions add what is added to their results: their second input.

    The convolution runs where the sum was, since what is added may be computed after it.
    """
    known, reads = floats(graph), readers(graph)
    moved: dict[int, Node] = {}  # what takes the place of sums
    gone: set[int] = set()
    for value, node in enumerate(graph.nodes, 1):
        if node.op != "add" or len(node.inputs) != 2 or not known[value]:
            continue
        for own, other in (node.inputs, node.inputs[::-1]):
            conv = maker(graph, own)
            if (
                conv is not None
                and conv.op == "conv2d"
                and conv.activation is None
                and len(conv.inputs) == 1
                and reads[own] == 1
                and own not in gone
                and conv.shape == node.shape == graph.shape(other)
            ):
                inputs = (*conv.inputs, other)
                moved[value] = replace(conv, inputs=inputs, activation=node.activation)
                gone.add(own)
                break
    written = Rewriting(graph)
    for value, node in enumerate(graph.nodes, 1):
        if value not in gone:
            written.put(value, moved.get(value, node))
    return written.done()


def activated(graph: Graph) -> Graph:
    """Let nodes apply the activation that is the only reader of their results."""
    reads = readers(graph)
    takes: dict[int, Node] = {}
    gone: set[int] = set()
    for value, node in enumerate(graph.nodes, 1):
        activation = activation_of(node)
        before = maker(graph, node.inputs[0])
        if (
            activation is not None
            and before is not None
            and before.op in ACTIVATED
            and before.activation is None
            and reads[node.inputs[0]] == 1
            and (activation[0] in CLAMPS or len(before.inputs) == 1 or before.op != "conv2d")
        ):
            takes[node.inputs[0]] = replace(before, activation=activation)
            gone.add(value)
    written = Rewriting(graph)
    for value, node in enumerate(graph.nodes, 1):
        if value in gone:
            written.skip(value, node.inputs[0])
        else:
            written.put(value, takes.get(value, node))
    return written.done()
