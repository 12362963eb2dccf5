"""How a pass writes a graph anew, and what passes ask about nodes."""

from __future__ import annotations

from dataclasses import replace

from pycnn.inference.graph import Graph, Node

Activation = tuple[str, float, float]


class Rewriting:
    """A graph that is written anew, node by node in order.

    Parameters
    ----------
    graph : Graph
        The graph as it is; below, a value of it is an old one.

    Attributes
    ----------
    new : dict of int to int
        Numbers in the new graph of the old values that have come up so far.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Node] = []
        self.new: dict[int, int] = {0: 0}

    def append(self, node: Node) -> int:
        """Write a node whose inputs are numbers of the new graph; return that of its value."""
        self.nodes.append(node)
        return len(self.nodes)

    def put(self, value: int, node: Node) -> None:
        """Write a node whose inputs are old values, for an old value."""
        inputs = tuple(self.new[v] for v in node.inputs)
        self.new[value] = self.append(replace(node, inputs=inputs))

    def skip(self, value: int, other: int) -> None:
        """Let an old value be another one, which has come up already."""
        self.new[value] = self.new[other]

    def done(self) -> Graph:
        """Return the new graph."""
        return Graph(self.graph.input_shape, tuple(self.nodes), self.new[self.graph.output])


def readers(graph: Graph) -> list[int]:
    """Return how often each value is read; the output once more."""
    found = [0] * (len(graph.nodes) + 1)
    for node in graph.nodes:
        for value in node.inputs:
            found[value] += 1
    found[graph.output] += 1
    return found


_OTHER_KINDS = frozenset(
    (
        *("isnan", "isinf", "isfinite", "logical_not", "logical_and", "logical_or", "argmax"),
        *("argmin", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal"),
    )
)


def floats(graph: Graph) -> list[bool]:
    """Return which values are surely float32, and not bools or whole numbers."""
    found = [True]
    for node in graph.nodes:
        if node.op == "astype":
            found.append(node.settings["dtype"] == "float32")
        else:
            found.append(node.op not in _OTHER_KINDS and all(found[v] for v in node.inputs))
    return found


def maker(graph: Graph, value: int) -> Node | None:
    """Return the node that computes a value; None for the input."""
    return graph.nodes[value - 1] if value else None


def activation_of(node: Node) -> Activation | None:
    """Return what a node does if it is an activation and nothing else."""
    settings = node.settings
    if node.activation is not None:
        return None
    match node.op:
        case "relu" | "sigmoid":
            return node.op, 0.0, 0.0
        case "tanh":  # of `pycnn.ops`; NumPy's has no settings
            return "tanh", settings.get("amplitude", 1.0), settings.get("slope", 1.0)
        case "leaky_relu":
            return node.op, settings["negative_slope"], 0.0
        case "gelu":
            return "gelu" if settings["approximate"] == "none" else "gelu_tanh", 0.0, 0.0
        case "activation":
            return settings["kind"], settings["a"], settings["b"]
    return None
