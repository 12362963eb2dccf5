"""A graph computed node by node with the ops of the CPU: what plans are compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from pycnn import backends, ops
from pycnn.inference.graph import FloatArray, Graph, Node
from pycnn.inference.traced_ops import EACH, IMAGES, ROWS
from pycnn.inference.tracing import BINARY, UNARY

Numbers = npt.NDArray[Any]

# Without settings, tanh is NumPy's.
_OF_OPS = IMAGES | ROWS | EACH
_REDUCTIONS = frozenset(("sum", "max", "min", "prod"))


def evaluate(graph: Graph, x: FloatArray) -> FloatArray:
    """Return what a graph computes.

    Parameters
    ----------
    graph : Graph
    x : (N, ...) float32 array
        Samples of the graph's input shape.

    Returns
    -------
    (N, ...) float32 array
    """
    last = last_readers(graph)
    values: list[Numbers | None] = [x]
    for i, node in enumerate(graph.nodes):
        values.append(computed(node, [values[v] for v in node.inputs]))
        for v in node.inputs:
            if last[v] == i:
                values[v] = None  # free what nobody reads any more
    return values[graph.output]  # type: ignore[return-value]


def last_readers(graph: Graph) -> list[int]:
    """Return for each value the place of the last node that reads it; of the output, beyond all."""
    last = [-1] * (len(graph.nodes) + 1)
    for i, node in enumerate(graph.nodes):
        for v in node.inputs:
            last[v] = i
    last[graph.output] = len(graph.nodes)
    return last


def computed(node: Node, inputs: Sequence[Any]) -> Numbers:
    """Return the result of a node for batches of its inputs."""
    y: Numbers = _computed(node, inputs)
    return y if node.activation is None else activated(y, node.activation)


def activated(x: Numbers, activation: tuple[str, float, float]) -> Numbers:
    """Apply the activation of a node."""
    kind, a, b = activation
    if kind == "relu":
        return ops.relu(x)
    if kind == "sigmoid":
        return ops.sigmoid(x)
    if kind == "tanh":
        return ops.tanh(x, amplitude=a, slope=b)
    if kind == "leaky_relu":
        return ops.leaky_relu(x, a)
    if kind in ("gelu", "gelu_tanh"):
        return ops.gelu(x, "tanh" if kind == "gelu_tanh" else "none")
    return ops.activation(x, kind, a, b)


def _computed(node: Node, inputs: Sequence[Any]) -> Any:
    op, settings, backend = node.op, node.settings, backends.of_cpu()
    x = inputs[0]
    shape = (len(x), *node.shape)
    if op in _OF_OPS and (settings or op != "tanh"):
        return _of_ops(node, inputs)
    if op == "reshape":
        return x.reshape(shape)
    if op in UNARY:
        return backend.unary(op, x)
    if op in BINARY:
        return backend.binary(op, *_operands(node, inputs, ("a", "b")))
    if op == "matmul":
        a, b = _operands(node, inputs, ("a", "b"))
        rows = a.reshape(-1, a.shape[-1]) if b.ndim == 2 else a
        return backend.matmul(rows, b).reshape(shape)
    if op == "where":
        return backend.where(*_operands(node, inputs, ("condition", "a", "b")))
    if op == "astype":
        return backend.astype(x, settings["dtype"])
    if op in _REDUCTIONS:
        axes = tuple(axis + 1 for axis in settings["axes"])
        return backend.reduce(op, x, axes)
    if op in ("argmax", "argmin"):
        return backend.arg_reduce(op[3:], x, settings["axes"][0] + 1)
    if op == "transpose":
        axes = (0, *(axis + 1 for axis in settings["axes"]))
        return backend.transpose(x, axes)
    if op == "broadcast_to":
        return backend.broadcast_to(x, shape)
    if op == "index":
        return backend.index(x, (slice(None), *settings["key"]))
    if op == "standardise":  # each group of a sample as a channel of one image
        rows = x.shape[0] * (x.shape[1] if x.ndim == 4 else 1)
        y, *_ = ops.batch_norm2d(x.reshape(1, rows, *x.shape[-2:]), None, None, settings["eps"])
        return y.reshape(shape)
    if op == "concatenate":
        return backend.concatenate(list(inputs), settings["axis"] + 1)
    raise ValueError(f"[evaluate] a graph has no op {op!r}")


def _operands(node: Node, inputs: Sequence[Any], names: tuple[str, ...]) -> list[Any]:
    """Return the operands of a function, in order: constants, numbers, and inputs for the rest."""
    rest = iter(inputs)
    found: list[Any] = []
    for name in names:
        if name in node.constants:
            found.append(node.constants[name])
        else:
            found.append(node.settings[name] if name in node.settings else next(rest))
    return found


def _of_ops(node: Node, inputs: Sequence[Any]) -> Numbers:
    """Return the result of an op of `pycnn.ops`, the first if there are several."""
    op = node.op
    x, *residual = inputs
    if op in ROWS or op in IMAGES:  # those of a sample may have an axis of their own in front
        inner = x.shape[-1:] if op in ROWS else x.shape[-3:]
        x = x.reshape(math.prod(x.shape[: x.ndim - len(inner)]), *inner)
    given = {**node.constants, **node.settings, "x": x}
    results = getattr(ops, op)(**given)
    y: Numbers = results[0] if isinstance(results, tuple) else results
    y = y.reshape(len(inputs[0]), *node.shape)
    for other in residual:
        y = backends.of_cpu().binary("add", y, other)
    return y
