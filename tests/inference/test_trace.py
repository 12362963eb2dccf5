"""Graphs of models: each computes what the model does, and what a graph cannot say is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.composed_nets import Lists, ResNet, Siamese
from support.layer_examples import EXAMPLES, ROWS
from support.small_training import same_bits, snapshot

import pycnn as nn
from pycnn import functional as F
from pycnn import layers, models
from pycnn.inference.evaluate import evaluate
from pycnn.inference.graph import Graph
from pycnn.inference.trace import trace
from pycnn.inference.traced import Untraceable
from pycnn.layers import Module

Forward = Callable[..., Any]


def used(model: Module) -> Module:
    """Give batch norms statistics as after a training."""
    rng = np.random.default_rng(1)
    for part in model.modules():
        mean, var = (getattr(part, name, None) for name in ("running_mean", "running_var"))
        if mean is not None and var is not None:
            mean.data[...] = 0.2 * rng.standard_normal(mean.shape)
            var.data[...] = rng.uniform(0.5, 2, var.shape)
    return model


def samples(shape: tuple[int, ...], count: int = 5) -> Any:
    return np.random.default_rng(2).standard_normal((count, *shape), np.float32)


def assert_same(graph: Graph, model: Module, shape: tuple[int, ...]) -> None:
    """The ops are the same, and so are the bits."""
    x = samples(shape)
    np.testing.assert_array_equal(evaluate(graph, x), nn.predict(model, x))


MODELS: list[tuple[Callable[[], Module], tuple[int, ...]]] = [
    (lambda: models.lenet5(rng=0), (1, 28, 28)),
    (lambda: models.lenet5_1998(rng=0), (1, 32, 32)),
    (lambda: models.alexnet_cifar(rng=0), (3, 32, 32)),
    (lambda: models.resnet18(10, True, rng=0), (3, 32, 32)),
    (lambda: models.vgg11_bn(10, True, rng=0), (3, 32, 32)),
    (lambda: models.mobilenet_v2(10, rng=0), (3, 32, 32)),
    (ResNet, (1, 8, 8)),
    (Siamese, (6,)),
    (Lists, (1, 8, 8)),
]


@pytest.mark.parametrize(("make", "shape"), MODELS, ids=lambda v: "")
def test_networks(make: Callable[[], Module], shape: tuple[int, ...]) -> None:
    model = used(make())
    assert_same(trace(model, shape), model, shape)


# Layers that look at a whole batch, take words or several inputs, or call NumPy.
REFUSED = {
    "Bilinear": TypeError,
    "CosineSimilarity": TypeError,
    "PairwiseDistance": TypeError,
    **dict.fromkeys(("CLayer", "SLayer", "Embedding", "Fold", "Unfold"), Untraceable),
    **dict.fromkeys(("ConstantPad1d", "ConstantPad2d"), Untraceable),
}


def _kinds() -> list[str]:
    kinds = [name for name in layers.__all__ if isinstance(getattr(layers, name), type)]
    bases = {"Module", "ModuleDict", "ModuleList", "ParameterList", "Parallel", "Residual"}
    found = [name for name in kinds if issubclass(getattr(layers, name), Module)]
    return sorted(set(found) - bases - {"MaxUnpool2d", "Sequential"})


@pytest.mark.parametrize("name", _kinds())
def test_layers(name: str) -> None:
    for arguments, options, shape in EXAMPLES.get(name, [((), {}, ROWS)]):
        model = used(getattr(layers, name)(*arguments, **options))
        if name in REFUSED or options.get("track_running_stats") is False:
            with pytest.raises(REFUSED.get(name, Untraceable)):
                trace(model, shape[1:])
        else:
            assert_same(trace(model, shape[1:]), model, shape[1:])


class Program(Module):
    """A forward pass of one's own, with some layers."""

    def __init__(self, forward: Forward) -> None:
        self.own = forward
        self.conv = nn.Conv2d(4, 4, 3, padding=1, rng=0)
        self.norm = used(nn.BatchNorm2d(4))
        self.narrow = nn.Linear(4, 4, rng=1)
        self.scale = nn.Parameter(nn.tensor([1.0, 2.0, -1.0, 0.5]).reshape(4, 1, 1))
        self.calls = 0

    def forward(self, x: Any) -> Any:
        return self.own(self, x)


def _in_place(m: Any, x: Any) -> Any:
    y = m.norm(m.conv(x))
    y += x
    y.relu_()
    return F.relu(F.conv2d(y, m.conv.weight), inplace=True)


def _views(m: Any, x: Any) -> Any:
    """A change of a whole is one of its part."""
    y = x * 2
    part = y.view(x.shape[0], -1)
    y += 1
    return part + y.flatten(1)


def _squeeze(m: Any, x: Any) -> Any:
    weights = F.sigmoid(m.narrow(x.mean((2, 3))))
    return x * weights[:, :, None, None]


def _shuffled(m: Any, x: Any) -> Any:
    n, c, h, w = x.shape
    y = x.reshape(n, 2, c // 2, h, w).permute(0, 2, 1, 3, 4).reshape(n, c, h, w)
    left, right = y.chunk(2, 1)
    return nn.cat([right, left, y[:, 1:3]], 1)


def _each_row(m: Any, x: Any) -> Any:
    """Rows of all samples joined, and taken apart again."""
    rows = x.permute(0, 2, 3, 1).reshape(-1, 4)
    return F.softmax(m.narrow(rows), 1).reshape(x.shape[0], -1)


def _each_frame(m: Any, x: Any) -> Any:
    frames = nn.stack([x, 2 * x], 1)
    y = m.conv(frames.reshape(-1, *x.shape[1:]))
    return y.reshape(x.shape[0], 2, *y.shape[1:]).amax(1)


def _attention(m: Any, x: Any) -> Any:
    q = x.flatten(2)
    weights = F.softmax(q @ q.transpose(1, 2) / 2.0, 2)
    return weights @ q


def _arithmetic(m: Any, x: Any) -> Any:
    y = nn.where(x > 0, x, m.scale * x) - x.amax((2, 3), keepdim=True)
    return (1 - y).clamp(-0.5, 6).pow(2).sqrt() + (x > 1).float() + abs(x[..., 0:1])


PROGRAMS: list[Forward] = [
    _in_place,
    _views,
    _squeeze,
    _shuffled,
    _each_row,
    _each_frame,
    _attention,
    _arithmetic,
    lambda m, x: F.batch_norm(x, m.norm.running_mean, m.norm.running_var, m.norm.weight),
    lambda m, x: F.layer_norm(x, x.shape[1:]) + F.group_norm(x, 2) + F.instance_norm(x),
    lambda m, x: m.conv(F.dropout(x, 0.5, m.training)) * nn.tensor(2.0),
    lambda m, x: F.max_pool2d(F.relu(m.conv(x)), 2).flatten(1).argmax(1).float().unsqueeze(1),
    lambda m, x: nn.matmul(x, nn.tensor(np.ones((5, 2), np.float32))),
    lambda m, x: x.flip(3).roll(1, 2)[:, [2, 0]],
    lambda m, x: x,
]


@pytest.mark.parametrize("forward", PROGRAMS)
def test_programs(forward: Forward) -> None:
    model = Program(forward)
    assert_same(trace(model, (4, 6, 5)), model, (4, 6, 5))


def _noise(m: Any, x: Any) -> Any:
    return x + nn.tensor(np.random.default_rng().random(1, np.float32))  # not the same at each call


def _counter(m: Any, x: Any) -> Any:
    m.calls += 1
    return x * m.calls


def _written(m: Any, x: Any) -> Any:
    y = x * 1.5
    y[:, 0] = 0
    return y


# A forward pass, and words of the refusal.
HOSTILE: list[tuple[Forward, str]] = [
    (lambda m, x: nn.tensor(np.tanh(x.numpy())), "reads numbers"),
    (lambda m, x: x * float(x.sum()), "axis of samples"),
    (lambda m, x: x / x.max(), "samples"),
    (lambda m, x: x if bool((x[:, 0, 0, 0] > 0)[0]) else -x, "part of the samples"),
    (lambda m, x: x[x[:, 0, 0, 0] > 9], "reads numbers"),
    (lambda m, x: x - x.mean(0), "axis of samples"),
    (lambda m, x: x[:1], "part of the samples"),
    (lambda m, x: x.flip(0), "part of the samples"),
    (lambda m, x: nn.cat([x, x], 0), "axis of samples"),
    (lambda m, x: x.permute(1, 0, 2, 3), "axis of samples"),
    (lambda m, x: x.flatten(1).t() @ x.flatten(1), "axis of samples"),
    (lambda m, x: x.reshape(-1), "joined"),
    (lambda m, x: x.unsqueeze(0), "in front of that"),
    (lambda m, x: x.reshape(2, -1), "batch of 1"),
    (lambda m, x: x + x.shape[0], "batch of 1"),
    (lambda m, x: x * nn.ones(x.shape[0], 1, 1, 1), "constant for each sample"),
    (lambda m, x: x * nn.ones(3, 1, 4, 1, 1), "different samples"),
    (lambda m, x: F.batch_norm(x, None, None), "axis of samples"),
    (lambda m, x: F.dropout(x, 0.5, True), "draws random numbers"),
    (_noise, "called again"),
    (_counter, "called again"),
    (_written, "reads numbers"),
    (lambda m, x: F.conv2d(m.conv(x), x[:, :, :1, :1]), "w that depends"),
    (lambda m, x: F.linear(m.narrow.weight, x.flatten(1)[:, :4]), "TypeError"),
    (lambda m, x: (x, x), "returns a tuple"),
    (lambda m, x: {"y": x}, "returns a dict"),
    (lambda m, x: nn.ones(len(x), 3), "does not depend"),
    (lambda m, x: x > 0, "returns bool"),
    (lambda m, x: nn.tensor([v.item() for v in x.flatten(1).sum(1)]), "part of the samples"),
    (lambda m, x: F.max_pool2d(x, 2, return_indices=True)[1].float(), "places of maxima"),
]


@pytest.mark.parametrize(("forward", "words"), HOSTILE, ids=[words for _, words in HOSTILE])
def test_refusals(forward: Forward, words: str) -> None:
    """Never a wrong graph."""
    model = nn.Sequential(nn.Identity(), nn.Sequential(Program(forward)))
    with pytest.raises(Untraceable) as refusal:
        trace(model, (4, 6, 5))
    assert words in str(refusal.value)


def test_the_layer_is_named() -> None:
    model = nn.Sequential(nn.Sequential(Program(lambda m, x: m.conv(x) - x.mean(0))))
    with pytest.raises(Untraceable, match=r"^0\.0 \(Program\): sum over samples"):
        trace(model, (4, 6, 5))
    model = nn.Sequential({"norm": nn.BatchNorm2d(4, track_running_stats=False)})
    with pytest.raises(
        Untraceable, match=r"^norm \(BatchNorm2d\): uses the statistics of its batch"
    ):
        trace(model, (4, 6, 5))


def test_layers_of_ones_own_on_arrays() -> None:
    class Own(Module):
        def forward(self, x: Any) -> Any:
            self.save_for_backward(x)
            return np.maximum(2 * x - 1, 0) ** 2

        def backward(self, dy: Any) -> Any:
            raise NotImplementedError

    model = nn.Sequential(nn.Linear(3, 4, rng=0), Own(), Own())
    assert_same(trace(model, (3,)), model, (3,))

    class Means(Own):
        def forward(self, x: Any) -> Any:
            self.save_for_backward(x)
            return np.mean(x, 1)

    with pytest.raises(Untraceable, match=r"1 \(Means\): calls numpy\.mean"):
        trace(nn.Sequential(nn.Linear(3, 4, rng=0), Means()), (3,))


def test_hooks_are_part_of_the_graph() -> None:
    model = models.lenet5(rng=0)
    handle = model[0].register_forward_hook(lambda layer, inputs, y: 2 * y)
    graph, x = trace(model, (1, 28, 28)), samples((1, 28, 28))
    expected = nn.predict(model, x)
    handle.remove()
    np.testing.assert_array_equal(evaluate(graph, x), expected)


def test_a_shape_that_does_not_fit_is_said_by_the_model() -> None:
    with pytest.raises(ValueError, match=r"Sequential\[0\] Conv2d: \[conv2d\] weight has 3"):
        trace(nn.Sequential(nn.Conv2d(3, 4, 3)), (4, 8, 8))


def test_the_model_stays_as_it_is() -> None:
    """Also what a forward pass in training mode saved for its backward pass."""
    model = used(models.resnet18(3, True, rng=0))
    before, modes = snapshot(model), [part.training for part in model.modules()]
    x, dy = samples((3, 8, 8)), np.ones((5, 3), np.float32)
    after = {}
    for tries in (False, True):
        model.load_state_dict(before)
        model(x)
        if tries:
            trace(model, (3, 8, 8))
        model.zero_grad()
        after[tries] = model.backward(dy)
    np.testing.assert_array_equal(after[False], after[True])
    model.load_state_dict(before)
    trace(model, (3, 8, 8))
    assert same_bits(before, snapshot(model))
    assert modes == [part.training for part in model.modules()]


def test_attributes_that_a_forward_pass_sets_hold_arrays() -> None:
    def kept(m: Any, x: Any) -> Any:
        m.seen = x
        return x[:1] if m.calls else x

    model = Program(kept)
    trace(model, (4, 6, 5))
    assert isinstance(model.seen.numpy(), np.ndarray)  # type: ignore[attr-defined]
    model.calls = 1
    with pytest.raises(Untraceable):
        trace(model, (4, 6, 5))
    assert isinstance(model.seen.numpy(), np.ndarray)  # type: ignore[attr-defined]


def test_a_graph_has_copies() -> None:
    model = used(models.lenet5(rng=0))
    graph, x = trace(model, (1, 28, 28)), samples((1, 28, 28))
    expected = nn.predict(model, x)
    for parameter in model.parameters():
        parameter.data[...] = 7
    np.testing.assert_array_equal(evaluate(graph, x), expected)


def test_while_another_thread_trains() -> None:
    """Each graph is of the model between two steps: the tries of `trace` would tell."""
    model = nn.Sequential(nn.Linear(6, 6, rng=0), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2))
    x, y = samples((6,), 64), np.arange(64) % 2
    optimizer = nn.optim.SGD(model.parameters(), lr=0.5)

    def work() -> None:
        nn.fit(model, x, y, optimizer=optimizer, epochs=30, batch_size=4, progress=False)

    training = threading.Thread(target=work)
    training.start()
    graphs = [trace(model, (6,)) for _ in range(20)]
    training.join()
    assert all(len(graph.nodes) == len(graphs[0].nodes) for graph in graphs)
