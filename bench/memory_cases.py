"""The rows that hardly compute and are bound by memory traffic.

Traffic counts the arrays that an op reads and writes, each once. If a library reads an array
twice, or keeps one more for the backward pass than the op returns, that does not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from case import Case, bytes_of, out_size

# Steps of an optimizer before its results are checked: the first one has no state to carry on.
STEPS = 2


def memory_cases() -> list[Case]:
    """Return the cases of the group in the order of the table."""
    return [
        *_pool("max", 64, 6, 28, 2, 2),
        *_pool("max", 16, 64, 55, 3, 2),
        *_pool("avg", 64, 6, 28, 2, 2),
        *_pool("avg", 16, 64, 55, 3, 2),
        *_relu(16, 64, 55),
        *_activation("silu", 16, 64, 55),
        *_huber_loss(256, 1000),
        *_local_response_norm(16, 96, 55),
        *_batch_norm(16, 64, 56),
        *_dropout(128, 4096),
        *_softmax_loss(256, 1000),
        *_optimizer_step("SGD", 4096, states=1, options={"lr": 0.01, "momentum": 0.9}),
        *_optimizer_step("Adam", 4096, states=2, options={"lr": 1e-3}),
    ]


def _pool(kind: str, n: int, c: int, size: int, kernel: int, stride: int) -> Iterator[Case]:
    """Yield both passes of a pooling layer; max pooling also writes and reads int32 indices."""
    p = out_size(size, kernel, stride, 0)
    shapes = {"x": (n, c, size, size), "dy": (n, c, p, p)}
    indices = bytes_of(shapes, "dy") if kind == "max" else 0
    inputs = ("x", "dy") if kind == "max" else ("dy",)
    name = f"{kind} pool {kernel}x{kernel} s{stride} {c} @{size} N={n}"
    for label, op, reads in (
        ("forward", f"{kind}_pool2d", ("x",)),
        ("backward", f"{kind}_pool2d_backward", inputs),
    ):
        yield Case(
            name=f"{name} {label}",
            group="memory",
            op=op,
            shapes=shapes,
            inputs=reads,
            options={"kernel_size": kernel, "stride": stride},
            traffic=bytes_of(shapes, "x", "dy") + indices,
        )


def _relu(n: int, c: int, size: int) -> Iterator[Case]:
    shapes = {name: (n, c, size, size) for name in ("x", "dy")}
    for label, op, inputs in (
        ("forward", "relu", ("x",)),
        ("backward", "relu_backward", ("x", "dy")),
    ):
        yield Case(
            name=f"relu {c} @{size} N={n} {label}",
            group="memory",
            op=op,
            shapes=shapes,
            inputs=inputs,
            # Backward reads the output and its gradient, and writes a third array of that size.
            traffic=bytes_of(shapes, "x", "dy") + (bytes_of(shapes, "x") if len(inputs) > 1 else 0),
        )


def _activation(kind: str, n: int, c: int, size: int) -> Iterator[Case]:
    shapes = {name: (n, c, size, size) for name in ("x", "dy")}
    for label, op, inputs in (
        ("forward", "activation", ("x",)),
        ("backward", "activation_backward", ("dy", "x")),
    ):
        yield Case(
            name=f"{kind} {c} @{size} N={n} {label}",
            group="memory",
            op=op,
            shapes=shapes,
            inputs=inputs,
            options={"kind": kind},
            # Forward reads one array and writes one, backward reads two and writes one.
            traffic=(1 + len(inputs)) * bytes_of(shapes, "x"),
            spread=10.0,
        )


def _huber_loss(n: int, width: int) -> Iterator[Case]:
    """Yield both passes of a loss of numbers; forward writes nothing but their sum."""
    shapes = {name: (n, width) for name in ("x", "y")}
    for label, op, arrays in (
        ("forward", "pointwise_loss", 2),
        ("backward", "pointwise_loss_backward", 3),
    ):
        yield Case(
            name=f"huber loss {n}x{width} {label}",
            group="memory",
            op=op,
            shapes=shapes,
            inputs=("x", "y"),
            options={"kind": "huber", "a": 0.25},
            traffic=arrays * bytes_of(shapes, "x"),
            layouts=("contiguous",),
        )


def _local_response_norm(n: int, c: int, size: int) -> Iterator[Case]:
    """Yield both passes of LRN as published; backward reads y and the scale, results of forward."""
    shapes = {name: (n, c, size, size) for name in ("x", "dy")}
    for label, op, inputs, arrays in (
        ("forward", "local_response_norm", ("x",), 3),
        ("backward", "local_response_norm_backward", ("x", "dy"), 5),
    ):
        yield Case(
            name=f"local response norm {c} @{size} N={n} {label}",
            group="memory",
            op=op,
            shapes=shapes,
            inputs=inputs,
            options={"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 2.0, "form": "paper"},
            traffic=arrays * bytes_of(shapes, "x"),
            spread=100.0,  # the squares of smaller numbers would vanish next to k
        )


def _batch_norm(n: int, c: int, size: int) -> Iterator[Case]:
    """Yield both passes of batch norm in training mode, with the statistics of the batch."""
    shapes = {"x": (n, c, size, size), "w": (c,), "b": (c,), "dy": (n, c, size, size)}
    for label, op, inputs, arrays in (
        ("forward", "batch_norm2d", ("x", "w", "b"), 2),
        ("backward", "batch_norm2d_backward", ("x", "w", "dy"), 3),
    ):
        yield Case(
            name=f"batch norm {c} @{size} N={n} {label}",
            group="memory",
            op=op,
            shapes=shapes,
            inputs=inputs,
            options={"eps": 1e-5},
            traffic=arrays * bytes_of(shapes, "x"),
        )


def _dropout(n: int, width: int) -> Iterator[Case]:
    """Yield both passes of dropout; the mask, whose form depends on the library, is not counted."""
    shapes = {"x": (n, width), "dy": (n, width)}
    for label, op, inputs in (
        ("forward", "dropout", ("x",)),
        ("backward", "dropout_backward", ("x", "dy")),
    ):
        yield Case(
            name=f"dropout 0.5 {n}x{width} {label}",
            group="memory",
            op=op,
            shapes=shapes,
            inputs=inputs,
            options={"p": 0.5, "seed": 7},
            traffic=bytes_of(shapes, "x", "dy"),
            layouts=("contiguous",),
            random=True,
        )


def _optimizer_step(
    kind: str, size: int, states: int, options: Mapping[str, float]
) -> Iterator[Case]:
    """Yield updates of one matrix: read the gradient, read and write the parameter and its states.

    The second row is for PyTorch's implementation in one loop, which its users have to ask for.
    """
    shapes = {"w": (size, size), "grad": (size, size)}
    for label, fused in (("", False), (" (torch: fused)", True)):
        yield Case(
            name=f"{kind} step {size}x{size}{label}",
            group="memory",
            op=f"{kind.lower()}_step",
            shapes=shapes,
            inputs=("w", "grad"),
            options={**options, "fused": fused},
            traffic=(3 + 2 * states) * bytes_of(shapes, "w"),
            layouts=("contiguous",),
        )


def _softmax_loss(n: int, classes: int) -> Iterator[Case]:
    shapes = {"x": (n, classes), "target": (n,)}
    for label, op in (
        ("forward", "softmax_cross_entropy"),
        ("backward", "softmax_cross_entropy_backward"),
    ):
        yield Case(
            name=f"softmax loss {classes} classes N={n} {label}",
            group="memory",
            op=op,
            shapes=shapes,
            inputs=("x", "target"),
            options={"classes": classes},
            traffic=2 * bytes_of(shapes, "x"),
            layouts=("contiguous",),
        )
