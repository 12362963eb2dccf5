"""The steps of a plan, and what those of a graph's nodes have in common."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from pycnn.inference.buffers import Images, Rows
from pycnn.inference.graph import Node

Bounds = tuple[float, float]
Function = tuple[str, float, float]  # an activation: its kind, a and b
UNBOUNDED: Bounds = (-inf, inf)


class Unsupported(Exception):
    """What a plan cannot compute, in words."""


@dataclass(slots=True)
class Step:
    """One call of a plan.

    Attributes
    ----------
    call : str
        Method of the compiled plan that adds it.
    arguments : tuple
        Buffers, arrays and numbers for it.
    reads, writes : tuple of buffers
    title, layer : str
        What it computes, and the layer it belongs to.
    work : int
        Multiply-adds for an image.
    """

    call: str
    arguments: tuple[Any, ...]
    reads: tuple[Rows | Images, ...]
    writes: Rows | Images
    title: str
    layer: str = ""
    work: int = 0

    def line(self) -> str:
        """Return a line of text about it."""
        work = f"{self.work / 1e6:.2f} M" if self.work else ""
        sources = " + ".join(map(str, self.reads))
        return f"{self.layer:22.22}  {self.title:32.32} {work:>8}  {sources} -> {self.writes}"


def pair(value: Any) -> tuple[int, int]:
    """Return n as (n, n)."""
    return (value, value) if isinstance(value, int) else tuple(value)


def function_of(node: Node) -> Function:
    """Return what an op of each number by itself does, as an activation."""
    s = node.settings
    if node.op == "activation":
        return s["kind"], s["a"], s["b"]
    if node.op == "tanh":
        return "tanh", s["amplitude"], s["slope"]
    if node.op == "leaky_relu":
        return "leaky_relu", s["negative_slope"], 0.0
    return "gelu_tanh" if s.get("approximate") == "tanh" else node.op, 0.0, 0.0


def clamp_of(function: Function | None) -> Bounds | None:
    """Return the bounds that an activation is, if it is a clamp or there is none."""
    if function is None:
        return UNBOUNDED
    kind, a, b = function
    return {"relu": (0.0, inf), "hardtanh": (a, b)}.get(kind)


def fused(node: Node, residual: bool) -> str:
    """Return what a step does besides, for its title."""
    parts = ["bias"] if node.constants.get("b") is not None else []
    parts += ["sum"] if residual else []
    parts += [node.activation[0]] if node.activation and clamp_of(node.activation) else []
    return "".join(f" + {part}" for part in parts)


def is_side_by_side(node: Node) -> bool:
    """Whether a node is a max pooling in windows that lie side by side, and nothing else."""
    if node.op != "max_pool2d" or node.activation is not None:
        return False
    s = node.settings
    kernel = pair(s["kernel_size"])
    plain = pair(s.get("padding", 0)) == (0, 0) and pair(s.get("dilation", 1)) == (1, 1)
    return plain and pair(s.get("stride") or kernel) == kernel and not s.get("ceil_mode")
