"""Graphs in parts: what has no plan is run op by op, and all the rest by plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from pycnn.inference.evaluate import last_readers
from pycnn.inference.graph import Graph


def cuts(graph: Graph) -> list[tuple[int, int]]:
    """Return where a graph can be cut: a number of nodes, and the one value that goes on.

    The first is (0, 0), the input; the last has all nodes, and the output.
    """
    last = last_readers(graph)
    live: set[int] = {0}
    found = [(0, 0)]
    for i in range(len(graph.nodes)):
        live = {value for value in (*live, i + 1) if last[value] > i}
        if len(live) == 1:
            found.append((i + 1, next(iter(live))))
    return found


def part(graph: Graph, begin: tuple[int, int], end: tuple[int, int]) -> Graph:
    """Return what a graph computes between two cuts, as a graph."""
    (first, source), (stop, output) = begin, end
    numbers = {source: 0, **{value: value - first for value in range(first + 1, stop + 1)}}
    nodes = tuple(
        replace(node, inputs=tuple(numbers[v] for v in node.inputs))
        for node in graph.nodes[first:stop]
    )
    return Graph(graph.shape(source), nodes, numbers[output])


def grouped(graph: Graph, is_taken: Sequence[bool]) -> list[tuple[bool, Graph]]:
    """Return the parts of a graph, neighbours of one kind as one part.

    Parameters
    ----------
    graph : Graph
    is_taken : sequence of bool
        For each piece between two neighbouring `cuts`, of what kind it is.
    """
    ends = cuts(graph)
    found = []
    for taken, places in groupby(range(len(is_taken)), key=lambda i: is_taken[i]):
        first, *rest = places
        found.append((taken, part(graph, ends[first], ends[(rest or [first])[-1] + 1])))
    return found
