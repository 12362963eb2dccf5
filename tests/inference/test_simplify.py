"""Simplified graphs: each pass leaves the results as they were, and the steps are the fewest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from support.random_nets import Net, nets

import pycnn as nn
from pycnn import functional as F
from pycnn.inference.evaluate import evaluate
from pycnn.inference.graph import Graph
from pycnn.inference.passes.folding import folded, padded, scalings
from pycnn.inference.passes.spelling import pooled_means
from pycnn.inference.simplify import PASSES, simplify
from pycnn.inference.trace import difference, trace
from pycnn.layers import Module

# Each folded weight is rounded once more, and sums of other lengths are added in another order, or
# by another algorithm: a few units of 2^-24 a layer, and up to 22 for Winograd's. Ten layers of
# random weights stay below this.
FOLDED = 2.0**-14
ROUNDING = (folded, padded, pooled_means, scalings)  # all other passes keep the bits


def samples(graph: Graph, count: int = 3) -> Any:
    return np.random.default_rng(3).standard_normal((count, *graph.input_shape), np.float32)


@given(nets)
def test_each_pass(net: Net) -> None:
    graph = trace(net, net.input_shape)
    x = samples(graph)
    y = evaluate(graph, x)
    for one in PASSES:
        graph = one(graph)
        assert all(v <= i for i, node in enumerate(graph.nodes) for v in node.inputs)
        before, y = y, evaluate(graph, x)
        if one in ROUNDING:
            assert difference(y, before, FOLDED) is None, one.__name__
        else:
            np.testing.assert_array_equal(y, before, one.__name__)


def steps(graph: Graph) -> str:
    """Write a graph in a line."""
    words = []
    for node in graph.nodes:
        sums = "+sum" * (len(node.inputs) > 1 and node.op == "conv2d")
        words.append(node.op + sums + (f"+{node.activation[0]}" if node.activation else ""))
    return " ".join(words)


class Own(Module):
    """A forward pass of one's own, with layers to call."""

    def __init__(self, forward: Callable[..., Any]) -> None:
        self.own = forward
        self.a = nn.Conv2d(4, 4, 3, padding=1, bias=False, rng=0)
        self.b = nn.Conv2d(4, 4, 1, rng=1)
        self.norm = nn.BatchNorm2d(4)
        self.scale = nn.Parameter(nn.tensor([1.0, 2.0, -1.0, 0.5]).reshape(4, 1, 1))

    def forward(self, x: Any) -> Any:
        return self.own(self, x)


def conv(**options: Any) -> Module:
    return nn.Conv2d(4, 4, 3, rng=0, **options)


def statistics(norm: Any) -> tuple[Any, ...]:
    return norm.running_mean, norm.running_var, norm.weight, norm.bias


MEAN = "adaptive_avg_pool2d reshape"
CASES: list[tuple[Any, tuple[int, ...], str | None]] = [
    (nn.Sequential(conv(), nn.BatchNorm2d(4), nn.ReLU6()), (4, 6, 6), "conv2d+hardtanh"),
    (nn.Sequential(conv(), nn.ReLU(), nn.MaxPool2d(2)), (4, 6, 6), "conv2d+relu max_pool2d"),
    (nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU()), (4,), "linear+relu"),
    (
        nn.Sequential(nn.Conv1d(4, 6, 3), nn.BatchNorm1d(6), nn.GELU(), nn.Conv1d(6, 2, 1)),
        (4, 9),
        "reshape conv2d+gelu conv2d reshape",
    ),
    (nn.Sequential(nn.ConvTranspose2d(4, 2, 2), nn.BatchNorm2d(2)), (4, 3, 3), "conv_transpose2d"),
    (nn.Sequential(nn.ZeroPad2d((1, 0, 2, 1)), conv(padding=(1, 0))), (4, 6, 6), "conv2d"),
    (nn.Sequential(conv(padding=1, padding_mode="reflect"), nn.SiLU()), (4, 6, 6), None),
    (
        nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4), nn.Tanh()),
        (4, 6, 6),
        "relu channel_affine+tanh",
    ),
    (
        nn.Sequential(nn.Flatten(), nn.Unflatten(1, (4, 9)), nn.Flatten(), nn.Linear(36, 2)),
        (4, 3, 3),
        "reshape linear",
    ),
    (nn.Sequential(nn.Dropout(0.5), nn.Identity(), nn.Flatten(1)), (4,), ""),
    (lambda m, x: F.relu(m.norm(m.a(x)) + x), (4, 5, 5), "conv2d+sum+relu"),
    (lambda m, x: F.relu(m.norm(m.a(x)) + m.b(x)), (4, 5, 5), "conv2d conv2d+sum+relu"),
    (lambda m, x: x + m.norm(m.a(F.relu(m.b(x)))), (4, 5, 5), "conv2d+relu conv2d+sum"),
    (lambda m, x: m.a(x).relu() + x, (4, 5, 5), "conv2d+relu add"),
    (lambda m, x: (lambda y: y + y.relu())(m.a(x)), (4, 5, 5), "conv2d relu add"),
    (lambda m, x: (lambda y: m.norm(y) + y)(m.a(x)), (4, 5, 5), "conv2d channel_affine add"),
    (lambda m, x: m.a(x).clamp(-1, 2), (4, 5, 5), "conv2d+hardtanh"),
    (lambda m, x: F.batch_norm(m.a(x), *statistics(m.norm)), (4, 5, 5), "conv2d"),
    (lambda m, x: x.mean((2, 3)), (4, 5, 6), MEAN),
    (lambda m, x: x.mean((-1, -2), keepdim=True).squeeze(2).squeeze(2), (4, 5, 6), MEAN),
    (lambda m, x: x.flatten(2).mean(-1), (4, 5, 6), MEAN),
    (lambda m, x: F.adaptive_avg_pool2d(x, 1).flatten(1), (4, 5, 6), MEAN),
    (lambda m, x: F.avg_pool2d(x, x.shape[2:]).flatten(1), (4, 5, 6), MEAN),
    (lambda m, x: nn.GlobalAvgPool2d()(x), (4, 5, 6), MEAN),
    (lambda m, x: F.adaptive_avg_pool2d(m.a(x), (5, 6)), (4, 5, 6), "conv2d"),
    (
        lambda m, x: ((x - 0.5) / 2).relu() * m.scale,
        (4, 5, 5),
        "channel_affine+relu channel_affine",
    ),
    (lambda m, x: F.tanh(m.a(x) + x), (4, 5, 5), "conv2d+sum tanh"),
    (lambda m, x: np.tanh(x.array), (4, 5, 5), "tanh"),
    (lambda m, x: x @ nn.tensor(np.ones((4, 2), np.float32)), (4,), "linear"),
    (lambda m, x: (x * 1.0 / 1, m.a(x))[0], (4, 5, 5), ""),
]


@pytest.mark.parametrize(("model", "shape", "expected"), CASES)
def test_steps(model: Any, shape: tuple[int, ...], expected: str | None) -> None:
    whole = model if isinstance(model, Module) else Own(model)
    for part in whole.modules():
        for name in ("running_mean", "bias"):
            if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
                getattr(part, name).data[...] = 0.3
    graph = trace(whole, shape)
    small = simplify(graph)
    if expected is not None:
        assert steps(small) == expected
    x = samples(graph)
    assert difference(evaluate(small, x), evaluate(graph, x), FOLDED) is None


@pytest.mark.parametrize("broken", ["weight", "norm", "both"])
def test_numbers_that_are_not_finite_are_left_where_they_are(broken: str) -> None:
    model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.BatchNorm1d(2))
    norm: Any = model[1]
    if broken != "norm":
        model[0].weight.data[0, 0] = 3e38
    if broken != "weight":
        norm.weight.data[...], norm.bias.data[...] = [1e20, 1], [0, np.inf]
    graph = trace(model, (2,))
    small = simplify(graph)
    x = samples(graph) if broken == "norm" else np.zeros((1, 2), np.float32)
    np.testing.assert_array_equal(evaluate(small, x), evaluate(graph, x))


def test_whole_numbers_and_bools_are_no_rectified_floats() -> None:
    """Nor are sums with them parts of convolutions."""
    for forward in (
        lambda m, x: (x.argmax(1) * 1).clamp(min=0).float(),
        lambda m, x: m.a(x) + (x > 0),
    ):
        graph = trace(Own(forward), (4, 5, 5))
        x = samples(graph)
        np.testing.assert_array_equal(evaluate(simplify(graph), x), evaluate(graph, x))
