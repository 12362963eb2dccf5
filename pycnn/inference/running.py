"""What runs a graph: a compiled plan, the ops of the CPU one by one, or parts of both kinds."""

from __future__ import annotations

from itertools import groupby, pairwise
from math import prod
from typing import Protocol

import numpy as np

from pycnn.inference.engine import Engine, Unsupported, compile_graph
from pycnn.inference.evaluate import evaluate, last_readers
from pycnn.inference.graph import FloatArray, Graph, Node
from pycnn.inference.parts import cuts, grouped, part

# Ops that plans are faster at than calls; a plan of others alone copies its input and its output.
_WORTH = frozenset(("conv2d", "linear"))


class Runner(Protocol):
    """What a session runs. Any number of threads may run one at a time."""

    @property
    def memory(self) -> int:
        """Bytes of the values in between, for the largest batch."""

    def run(self, x: FloatArray) -> FloatArray:
        """Return the outputs for samples (N, ...), N from 1 to the largest batch."""

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
        return "\n".join(f"{a:24.24}  {b:34.34}  {c}" for a, b, c in lines)


class InParts:
    """Plans and ops that take turns.

    Parameters
    ----------
    parts : list of Runner
        First to last; each gets what the one before it returns.
    between : int
        Bytes of the values that go from one part to the next, at most.
    """

    def __init__(self, parts: list[Runner], between: int) -> None:
        self.parts = parts
        self.memory = between + max(one.memory for one in parts)

    def run(self, x: FloatArray) -> FloatArray:
        """Run the parts."""
        for one in self.parts:
            x = one.run(x)
        return x

    def describe(self) -> str:
        """Return the pages of the parts."""
        pages = []
        for one in self.parts:
            kind = "a plan" if isinstance(one, Engine) else "op by op"
            pages.append(f"{kind}:\n{one.describe()}")
        return "\n".join(pages)


def most_at_once(graph: Graph) -> int:
    """Return how many numbers of a sample are held at once, at most, the input aside."""
    last = last_readers(graph)
    held: dict[int, int] = {}
    most = 0
    for i, node in enumerate(graph.nodes):
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
    """Return what runs a graph, and in words how it does."""
    try:
        return compile_graph(graph, max_batch), "one plan"
    except Unsupported as error:
        reason = str(error)
    taken = _planned(graph, max_batch)
    if not any(taken):
        return OneByOne(graph, max_batch), f"op by op ({reason})"
    pieces = grouped(graph, taken)
    parts = [_made(piece, max_batch, planned) for planned, piece in pieces]
    sizes = [prod(piece.input_shape) + prod(piece.shape(piece.output)) for _, piece in pieces]
    return InParts(parts, 4 * max_batch * max(sizes)), f"in parts ({reason})"


def _planned(graph: Graph, max_batch: int) -> list[bool]:
    """Return which pieces between two cuts run as plans: those in rows that are worth one."""
    found: list[bool] = []
    pieces = [part(graph, begin, end) for begin, end in pairwise(cuts(graph))]
    for taken, row in groupby(pieces, key=lambda piece: _is_taken(piece, max_batch)):
        together = list(row)
        ops = {node.op for piece in together for node in piece.nodes}
        found += [taken and not ops.isdisjoint(_WORTH)] * len(together)
    return found


def _is_taken(graph: Graph, max_batch: int) -> bool:
    try:
        compile_graph(graph, max_batch)
    except Unsupported:
        return False
    return True


def _made(graph: Graph, max_batch: int, planned: bool) -> Runner:
    """Return a plan or, where pieces have one that they have not together, single ops."""
    if planned and _is_taken(graph, max_batch):
        return compile_graph(graph, max_batch)
    return OneByOne(graph, max_batch)
