"""What runs a graph: a compiled plan, or the ops of the CPU one by one."""

from __future__ import annotations

from math import prod
from typing import Protocol

import numpy as np

from pycnn.inference.engine import Unsupported, compile_graph
from pycnn.inference.evaluate import evaluate, last_readers
from pycnn.inference.graph import FloatArray, Graph, Node


class Runner(Protocol):
    """What a session runs. Any number of threads may run one at a time."""

    @property
    def memory(self) -> int:
        """Bytes of the values in between, for the largest batch."""

    def run(self, x: FloatArray) -> FloatArray:
        """Return the outputs for samples (N, ...), N at most the largest batch."""

    def describe(self) -> str:
        """Return a page: a line for each step."""


class OneByOne:
    """A graph whose ops are called one by one.

    Parameters
    ----------
    graph : Graph
    max_batch : int
        Samples of the largest batch.
    """

    def __init__(self, graph: Graph, max_batch: int) -> None:
        self.graph = graph
        self.memory = 4 * max_batch * most_at_once(graph)

    def run(self, x: FloatArray) -> FloatArray:
        """Call the ops."""
        y = evaluate(self.graph, x)
        return y.copy() if np.may_share_memory(x, y) else y

    def describe(self) -> str:
        """Return a line for each node: layer, op and what it does besides, shape."""
        lines = [(node.layer, _title(node), str(node.shape)) for node in self.graph.nodes]
        wide = [max((len(line[i]) for line in lines), default=0) for i in range(2)]
        return "\n".join(f"{a:<{wide[0]}}  {b:<{wide[1]}}  {c}" for a, b, c in lines)


def most_at_once(graph: Graph) -> int:
    """Return how many numbers of a sample are held at once, at most, the input aside."""
    last = last_readers(graph)
    held: dict[int, int] = {}
    most = 0
    for i, node in enumerate(graph.nodes):
        if node.op == "reshape":  # the same memory
            held[i + 1] = 0
            continue
        held[i + 1] = prod(node.shape)
        most = max(most, sum(held.values()))
        held = {value: size for value, size in held.items() if last[value] > i}
    return most


def _title(node: Node) -> str:
    parts = [node.op]
    if node.op == "conv2d":
        parts[0] += " {}x{}".format(*node.constants["w"].shape[2:])
    if len(node.inputs) > 1 and node.op == "conv2d":
        parts.append("sum")
    if node.activation is not None:
        parts.append(node.activation[0])
    return " + ".join(parts)


def runner_of(graph: Graph, max_batch: int) -> tuple[Runner, str]:
    """Return what runs a graph, and why it is no plan; an empty text if it is one."""
    try:
        return compile_graph(graph, max_batch), ""
    except Unsupported as reason:
        return OneByOne(graph, max_batch), str(reason)
