"""From the graph of a network to the steps of a plan."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from pycnn import _core
from pycnn.inference.algorithms import PACKED_ROWS, algorithm_of, border_of, suits_planes
from pycnn.inference.buffers import INPUT, OUTPUT, Images, Lifetime, Rows, pitch_of
from pycnn.inference.graph import Graph, Node
from pycnn.inference.steps import (
    UNBOUNDED,
    Function,
    Step,
    Unsupported,
    clamp_of,
    function_of,
    fused,
    is_side_by_side,
    pair,
)


def lower(graph: Graph, batch: int) -> tuple[list[Step], list[Lifetime]]:
    """Return the steps of a graph, and the lifetimes of their buffers.

    Parameters
    ----------
    graph : Graph
    batch : int
        Images that algorithms are chosen for.

    Raises
    ------
    Unsupported
        If there is no step for an op.
    """
    lowering = _Lowering(graph, batch)
    lowering.run()
    return lowering.steps, lowering.lifetimes()


class _Lowering:
    """The work of `lower`."""

    def __init__(self, graph: Graph, batch: int) -> None:
        self.graph, self.batch, self.lanes = graph, batch, _core.simd_lanes()
        self.weights = sum(one.size for node in graph.nodes for one in node.constants.values())
        self.steps: list[Step] = []
        self.images: dict[int, Images] = {}  # of each value that is wanted as images
        self.rows: dict[int, Rows] = {0: Rows(prod(graph.input_shape), INPUT)}
        self.algorithms: dict[int, str] = {}
        self.borders: dict[int, tuple[int, int, int, int]] = {}
        for number, node in enumerate(graph.nodes, 1):
            if node.op == "conv2d":
                self._plan_convolution(number, node)

    def _plan_convolution(self, number: int, node: Node) -> None:
        source = node.inputs[0]
        if suits_planes(node, self.graph.shape(source), self.batch):
            self.algorithms[number] = "planes"
            return
        shape = self.graph.shape(source)
        if len(shape) != 3:
            raise Unsupported(f"{node.layer}: a convolution of {shape}")
        filters, groups = len(node.constants["w"]), node.settings["groups"]
        algorithm = algorithm_of(node, shape[0], self.batch, self.weights)
        if algorithm != "depthwise" and groups > 1 and filters // groups % self.lanes:
            raise Unsupported(f"{node.layer}: {groups} groups of {filters // groups} filters")
        self.algorithms[number] = algorithm
        wanted = border_of(node, algorithm, shape[1:])
        had = self.borders.get(source, (0, 0, 0, 0))
        self.borders[source] = tuple(map(max, zip(had, wanted, strict=True)))  # type: ignore[assignment]

    def run(self) -> None:
        for number, node in enumerate(self.graph.nodes, 1):
            handler: Callable[[int, Node], None] | None = getattr(self, f"op_{node.op}", None)
            if handler is None:
                raise Unsupported(f"{node.layer}: {node.op}")
            handler(number, node)
        self._finish()

    def _finish(self) -> None:
        """Let the last step write the output of the plan."""
        value = self.graph.output
        rows = self._as_rows(value)
        last = self.steps[-1] if self.steps else None
        if last is None or last.writes is not rows or rows.offset is not None:
            output = Rows(rows.width, OUTPUT)
            self._emit(
                "flat_activation", (rows, output, "leaky_relu", 1.0, 0.0), (rows,), output, "copy"
            )
        else:
            rows.offset = OUTPUT

    def lifetimes(self) -> list[Lifetime]:
        found: dict[int, Lifetime] = {}
        for number, step in enumerate(self.steps):
            for buffer in (*step.reads, step.writes):
                if buffer.offset is None:
                    found.setdefault(id(buffer), Lifetime(buffer, number)).last = number
        return list(found.values())

    # Values in their two forms ---------------------------------------------------------------

    def _emit(
        self,
        call: str,
        arguments: tuple[Any, ...],
        reads: tuple[Any, ...],
        writes: Any,
        title: str,
        node: Node | None = None,
        work: int = 0,
    ) -> None:
        layer = "" if node is None else node.layer
        self.steps.append(Step(call, arguments, reads, writes, title, layer, work))

    def _new_images(self, value: int) -> Images:
        shape = self.graph.shape(value)
        if len(shape) != 3:
            raise Unsupported(f"images of shape {shape}")
        border = self.borders.get(value, (0, 0, 0, 0))
        pitch = shape[0] if self._is_read_singly(value) else pitch_of(shape[0], self.lanes)
        images = Images(*shape, border, pitch)
        self.images[value] = images
        return images

    def _is_read_singly(self, value: int) -> bool:
        """Whether this is the input, and direct convolutions alone read it, number by number."""
        readers = [n for n, node in enumerate(self.graph.nodes, 1) if value in node.inputs]
        return value == 0 and all(
            self.algorithms.get(n) == "direct" and self.graph.nodes[n - 1].inputs == (value,)
            for n in readers
        )

    def _new_rows(self, value: int) -> Rows:
        self.rows[value] = rows = Rows(prod(self.graph.shape(value)))
        return rows

    def _as_images(self, value: int) -> Images:
        if value not in self.images:
            rows, images = self.rows[value], self._new_images(value)
            self._emit("to_pixels", (rows, images), (rows,), images, "planes to pixels")
        return self.images[value]

    def _as_rows(self, value: int) -> Rows:
        if value not in self.rows:
            images, rows = self.images[value], self._new_rows(value)
            self._emit("to_planes", (images, rows), (images,), rows, "pixels to planes")
        return self.rows[value]

    def _activate(
        self, function: Function | None, target: Images | Rows, node: Node, *, anyhow: bool = False
    ) -> None:
        """Apply an activation in place.

        A clamp is left out, since the step before has done it, unless it is wanted `anyhow`.
        """
        if function is None or (clamp_of(function) is not None and not anyhow):
            return
        kind, a, b = function
        call = "activation" if isinstance(target, Images) else "flat_activation"
        places = (target,) if isinstance(target, Images) else (target, target)
        self._emit(call, (*places, kind, a, b), (target,), target, kind, node)

    # Ops ---------------------------------------------------------------------------------------

    def _convolve_planes(self, number: int, node: Node) -> None:
        """Convolve planes with images of the batch in lanes, and pool them in the same step."""
        x, w, s = self._as_rows(node.inputs[0]), node.constants["w"], node.settings
        readers = [n for n, one in enumerate(self.graph.nodes, 1) if number in one.inputs]
        window, title, target = None, "planes", number
        if len(readers) == 1 and number != self.graph.output:
            pooling = self.graph.nodes[readers[0] - 1]
            if is_side_by_side(pooling):
                window, target = pair(pooling.settings["kernel_size"]), readers[0]
        y = self._new_rows(target)
        title = f"planes {w.shape[2]}x{w.shape[3]}{fused(node, False)}"
        title += "" if window is None else f" + max {window[0]}x{window[1]}"
        arguments = (
            x, y, self.graph.shape(node.inputs[0]), np.ascontiguousarray(w),
            node.constants.get("b"), s["stride"], s["padding"], s["dilation"], s["groups"], window,
        )  # fmt: skip
        work = node.shape[1] * node.shape[2] * w.size
        self._emit("plane_convolution", arguments, (x,), y, title, node, work)

    def op_conv2d(self, number: int, node: Node) -> None:
        if self.algorithms[number] == "planes":
            self._convolve_planes(number, node)
            return
        x = self._as_images(node.inputs[0])
        residual = self._as_images(node.inputs[1]) if len(node.inputs) > 1 else None
        y = self._new_images(number)
        w, s = node.constants["w"], node.settings
        algorithm = self.algorithms[number]
        arguments = (
            algorithm, x, y, residual, np.ascontiguousarray(w), node.constants.get("b"),
            s["stride"], s["padding"], s["dilation"], s["groups"],
            *(clamp_of(node.activation) or UNBOUNDED),
        )  # fmt: skip
        if (
            residual is not None
            and clamp_of(node.activation) is None
            and node.activation is not None
        ):
            raise Unsupported(f"{node.layer}: {node.activation[0]} of a sum")
        title = f"{algorithm} {w.shape[2]}x{w.shape[3]}"
        title += f" /{s['stride'][0]}" if max(s["stride"]) > 1 else ""
        title += fused(node, residual is not None)
        reads = (x,) if residual is None else (x, residual)
        work = node.shape[1] * node.shape[2] * w.size
        self._emit("convolution", arguments, reads, y, title, node, work)
        self._activate(node.activation, y, node)

    def op_linear(self, number: int, node: Node) -> None:
        x, y = self._as_rows(node.inputs[0]), self._new_rows(number)
        if len(self.graph.shape(node.inputs[0])) != 1:
            raise Unsupported(f"{node.layer}: a linear layer of {self.graph.shape(node.inputs[0])}")
        w = np.ascontiguousarray(node.constants["w"])
        bounds = clamp_of(node.activation) or UNBOUNDED
        arguments = (x, y, w, node.constants.get("b"), *bounds)
        call = "packed_linear" if self.batch >= PACKED_ROWS else "linear"
        self._emit(call, arguments, (x,), y, "linear" + fused(node, False), node, w.size)
        self._activate(node.activation, y, node)

    def _pool(self, number: int, node: Node, kind: str) -> None:
        s = node.settings
        kernel = pair(s["kernel_size"])
        stride = kernel if s.get("stride") is None else pair(s["stride"])
        if pair(s.get("dilation", 1)) != (1, 1):
            raise Unsupported(f"{node.layer}: pooling with dilation")
        x, y = self._as_images(node.inputs[0]), self._new_images(number)
        divisor = s.get("divisor_override") or 0
        arguments = (
            kind, x, y, kernel, stride, pair(s.get("padding", 0)),
            s.get("count_include_pad", True), divisor,
        )  # fmt: skip
        self._emit("pooling", arguments, (x,), y, f"{kind} pooling {kernel[0]}x{kernel[1]}", node)
        self._activate(node.activation, y, node, anyhow=True)

    def op_max_pool2d(self, number: int, node: Node) -> None:
        if number in self.rows:  # the convolution before it has pooled
            return
        self._pool(number, node, "max")

    def op_avg_pool2d(self, number: int, node: Node) -> None:
        self._pool(number, node, "mean")

    def op_adaptive_avg_pool2d(self, number: int, node: Node) -> None:
        x, y = self._as_images(node.inputs[0]), self._new_images(number)
        self._emit("area_means", (x, y), (x,), y, "means of areas", node)
        self._activate(node.activation, y, node, anyhow=True)

    def op_add(self, number: int, node: Node) -> None:
        if len(node.inputs) != 2 or len({self.graph.shape(v) for v in node.inputs}) > 1:
            raise Unsupported(f"{node.layer}: a sum of other shapes")
        a, b = (self._as_images(value) for value in node.inputs)
        y = self._new_images(number)
        self._emit(
            "sum",
            (a, b, y, *(clamp_of(node.activation) or UNBOUNDED)),
            (a, b),
            y,
            "sum" + fused(node, False),
            node,
        )
        self._activate(node.activation, y, node)

    def op_multiply(self, number: int, node: Node) -> None:
        shapes = [self.graph.shape(value) for value in node.inputs]
        if len(shapes) != 2 or len(shapes[0]) != 3:
            raise Unsupported(f"{node.layer}: a product of shapes {shapes}")
        x, scale = node.inputs if shapes[1][1:] == (1, 1) else node.inputs[::-1]
        if self.graph.shape(scale) != (self.graph.shape(x)[0], 1, 1):
            raise Unsupported(f"{node.layer}: a product of shapes {shapes}")
        a, s = self._as_images(x), self._as_images(scale)
        y = self._new_images(number)
        self._emit(
            "channel_product",
            (a, s, y, *(clamp_of(node.activation) or UNBOUNDED)),
            (a, s),
            y,
            "channels scaled",
            node,
        )
        self._activate(node.activation, y, node)

    def op_channel_affine(self, number: int, node: Node) -> None:
        x, y = self._as_images(node.inputs[0]), self._new_images(number)
        scale, shift = node.constants["scale"], node.constants["shift"]
        arguments = (x, y, scale, shift, *(clamp_of(node.activation) or UNBOUNDED))
        self._emit("channel_affine", arguments, (x,), y, "affine" + fused(node, False), node)
        self._activate(node.activation, y, node)

    def op_concatenate(self, number: int, node: Node) -> None:
        shapes = [self.graph.shape(value) for value in node.inputs]
        if len(node.shape) != 3 or any(shape[1:] != node.shape[1:] for shape in shapes):
            raise Unsupported(f"{node.layer}: a concatenation of shapes {shapes}")
        sources = [self._as_images(value) for value in node.inputs]
        y, first = self._new_images(number), 0
        for x in sources:
            self._emit("channel_copy", (x, y, first), (x,), y, f"channels from {first} on", node)
            first += x.channels
        self._activate(node.activation, y, node, anyhow=True)

    def _elementwise(self, number: int, node: Node) -> None:
        source, own = node.inputs[0], function_of(node)
        if source in self.images or len(node.shape) == 3:
            x, y = self._as_images(source), self._new_images(number)
            bounds = clamp_of(own) or UNBOUNDED
            title = "copy" if bounds == UNBOUNDED else own[0]
            self._emit("sum", (x, None, y, *bounds), (x,), y, title, node)
            self._activate(own, y, node)
            self._activate(node.activation, y, node, anyhow=True)
        else:
            rows, target = self._as_rows(source), self._new_rows(number)
            self._emit("flat_activation", (rows, target, *own), (rows,), target, own[0], node)
            self._activate(node.activation, target, node, anyhow=True)

    op_relu = op_sigmoid = op_tanh = op_leaky_relu = op_gelu = op_activation = _elementwise

    def op_local_response_norm(self, number: int, node: Node) -> None:
        s = node.settings
        alpha = s["alpha"] / s["size"] if s["form"] == "mean" else s["alpha"]
        x, y = self._as_images(node.inputs[0]), self._new_images(number)
        arguments = (x, y, s["size"], s["k"], float(alpha), s["beta"])
        self._emit("local_response_norm", arguments, (x,), y, "local response norm", node)
        self._activate(node.activation, y, node, anyhow=True)

    def op_reshape(self, number: int, node: Node) -> None:
        self.rows[number] = self._as_rows(node.inputs[0])
        if node.activation is not None:
            raise Unsupported(f"{node.layer}: an activation of a reshaped value")

    def op_softmax(self, number: int, node: Node) -> None:
        x, y = self._as_rows(node.inputs[0]), self._new_rows(number)
        if len(node.shape) != 1:
            raise Unsupported(f"{node.layer}: {node.op} of {node.shape}")
        self._emit("softmax", (x, y, node.op == "log_softmax"), (x,), y, node.op, node)

    op_log_softmax = op_softmax
