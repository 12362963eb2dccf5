"""The ops of `pycnn.ops` on traced arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from inspect import signature
from typing import Any

import numpy as np

from pycnn import backends, ops
from pycnn.inference.traced import Groups, TracedArray, plain
from pycnn.reference.geometry import conv_axes, pair

# Ops by what they take: images (N, C, H, W); rows (N, C); or numbers in any shape. Each computes a
# sample from that sample alone.
IMAGES = frozenset(
    (
        *("conv2d", "conv2d_relu", "conv2d_relu_max_pool2d", "conv_transpose2d", "max_pool2d"),
        *("avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "local_response_norm"),
        *("channel_affine", "upsample2d", "zero_pad2d"),
    )
)
ROWS = frozenset(("linear", "linear_relu", "softmax", "log_softmax", "rbf"))
EACH = frozenset(("relu", "sigmoid", "tanh", "leaky_relu", "gelu", "activation"))

# Why others are refused.
_OF_BATCH = "uses the statistics of its batch: give the layer running statistics"
_REASONS = {
    **dict.fromkeys(("batch_norm2d", "batch_norm2d_clamp", "batch_norm2d_statistics"), _OF_BATCH),
    "dropout": "draws random numbers",
    "embedding": "looks words up, and a graph holds no words",
}


class TracedOps:
    """Every op, called as compiled ops are: by position."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(_call, name)


def _call(name: str, *arguments: Any) -> Any:
    op = getattr(backends.of_cpu().ops, name)
    named = dict(zip(parameters(name), arguments, strict=False))
    if isinstance(arguments[0], Groups) and name == "batch_norm2d":
        return _standardised(*arguments)
    traced = {key: x for key, x in named.items() if isinstance(x, TracedArray)}
    if not traced:
        return op(*arguments)
    tracer = next(iter(traced.values())).tracer
    if name not in IMAGES | ROWS | EACH:
        tracer.refuse(_REASONS.get(name, f"calls {name}, which a graph does not have"))
    if set(traced) != {"x"}:
        others = " and ".join(key for key in traced if key != "x")
        tracer.refuse(f"{name} with {others} that depends on the input")
    x: TracedArray = named.pop("x")
    results = op(*map(plain, arguments))
    first, *others_of = results if isinstance(results, tuple) else (results,)
    constants = {key: v for key, v in named.items() if isinstance(v, np.ndarray)}
    settings = {k: v for k, v in named.items() if k not in constants and v is not None}
    settings = complete(name, settings, x.shape[1:], constants)
    y = tracer.add(name, (x,), first, x.rows, constants, settings)
    if not others_of:
        return y
    return (y, *(TracedArray(tracer, other, None) for other in others_of))


def _standardised(groups: Groups, weight: Any, bias: Any, eps: float) -> tuple[Any, ...]:
    """Write down that each group of numbers of a sample gets mean 0 and variance 1."""
    x, op = groups.array, backends.of_cpu().ops.batch_norm2d
    if x.ndim != 3 or weight is not None or bias is not None:
        x.tracer.refuse(_OF_BATCH)
    values, *statistics = op(x.numbers[np.newaxis], None, None, eps)
    y = x.tracer.add("standardise", (x,), values[0], x.rows, settings={"eps": eps})
    return (Groups(y), *(TracedArray(x.tracer, one, None) for one in statistics))


@cache
def parameters(name: str) -> tuple[str, ...]:
    """Return the names of an op's parameters."""
    return tuple(signature(getattr(ops, name)).parameters)


def complete(
    name: str, settings: dict[str, Any], sample: tuple[int, ...], constants: dict[str, Any]
) -> dict[str, Any]:
    """Return settings in which every pair is one, and padding has four sides for convolutions."""
    settings = dict(settings)
    if name.startswith("conv2d"):
        _, height, width = sample
        found = conv_axes(
            (height, width),
            constants["w"].shape[2:],
            settings["stride"],
            settings["padding"],
            settings["dilation"],
        )
        settings["padding"] = tuple(n for axis in found for n in (axis.before, axis.after))
    if name in ("max_pool2d", "avg_pool2d"):
        settings.setdefault("stride", settings["kernel_size"])
    if name == "zero_pad2d":
        settings["padding"] = sides(settings["padding"])
    for key in _PAIRS & settings.keys():
        if not (key == "padding" and len(np.atleast_1d(settings[key])) == 4):
            settings[key] = pair(settings[key])
    return settings


_PAIRS = frozenset(
    (
        *("stride", "dilation", "kernel_size", "padding", "window", "output_size"),
        *("output_padding", "scale_factor"),
    )
)


def sides(padding: Any) -> tuple[int, int, int, int]:
    """Return padding as (top, bottom, left, right)."""
    if isinstance(padding, (tuple, list)) and len(padding) == 4:
        top, bottom, left, right = map(int, padding)
        return top, bottom, left, right
    height, width = pair(padding)
    return height, height, width, width
