"""Plans of random graphs: their results, their bits, and the memory that they touch."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from support.random_graph import RandomGraph

import pycnn
from pycnn import _core, ops, reference
from pycnn.inference.buffers import place
from pycnn.inference.engine import compile_graph
from pycnn.inference.graph import Graph, Node
from pycnn.inference.lower import lower

# Each value is off by the roundings of its sums, of at most 40 x 25 terms of either sign, and
# layers pass errors on without enlarging them much. Measured: 2e-6 of the largest output.
BOUND = 2e-5


def exact(graph: Graph, x: Any) -> Any:
    """Return what a graph computes in float64, by the reference."""
    values = [x.astype(np.float64)]
    for node in graph.nodes:
        y = _computed(node, [values[v] for v in node.inputs])
        values.append(y if node.activation is None else _activated(y, *node.activation))
    return values[graph.output]


def _computed(node: Node, inputs: list[Any]) -> Any:
    x, *others = inputs
    constants: dict[str, Any] = {
        key: value.astype(np.float64) for key, value in node.constants.items()
    }
    if node.op == "conv2d":
        y = reference.conv2d(x, **constants, **node.settings)
        return y + others[0] if others else y
    if node.op == "reshape":
        return x.reshape(len(x), *node.shape)
    if node.op == "concatenate":
        return np.concatenate(inputs, 1)
    if node.op in ("add", "multiply"):
        return getattr(np, node.op)(x, others[0])
    found = getattr(reference, node.op)(x, **constants, **node.settings)
    return found[0] if isinstance(found, tuple) else found


def _activated(y: Any, kind: str, a: float, b: float) -> Any:
    if kind == "relu":
        return reference.relu(y)
    if kind == "tanh":
        return reference.tanh(y, amplitude=a, slope=b)
    return reference.activation(y, kind, a, b)


@pytest.mark.parametrize("isa", _core.isa_available())
@pytest.mark.parametrize("seed", range(80))
def test_a_plan_computes_what_its_graph_says(
    isa: str, seed: int, restore_threads: None, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(partial(_core.set_isa, _core.isa()))
    _core.set_isa(isa)
    network = RandomGraph(seed)
    graph = network.graph(nodes=6)
    engine = compile_graph(graph, network.draw(1, 35))
    for count in {1, engine.max_batch}:
        x = network.normal(count, *graph.input_shape)
        expected, found = exact(graph, x), engine.run(x)
        assert np.abs(found - expected).max() <= BOUND * np.abs(expected).max()
        for threads in (1, 3):
            pycnn.set_num_threads(threads)
            assert_array_equal(engine.run(x), found)


def test_random_graphs_reach_every_step() -> None:
    calls, algorithms = set(), set()
    for seed in range(80):
        network = RandomGraph(seed)
        engine = compile_graph(network.graph(nodes=6), network.draw(1, 35))
        calls |= {step.call for step in engine.steps}
        algorithms |= {step.title.split()[0] for step in engine.steps if step.call == "convolution"}
    assert algorithms == {"direct", "winograd", "depthwise"}
    assert calls == {name for name in vars(_core.InferencePlan) if not name.startswith("_")} - {
        *("run", "times", "softmax", "begin_image_by_image", "end_image_by_image", "floats"),
    }


def test_a_plan_keeps_the_instruction_set_that_it_was_made_for() -> None:
    network = RandomGraph(3)
    graph = network.graph(nodes=6)
    engine, x = compile_graph(graph, 2), network.normal(2, *graph.input_shape)
    before, found = _core.isa(), engine.run(x)
    _core.set_isa("baseline" if "baseline" in _core.isa_available() else before)
    try:
        assert np.abs(engine.run(x) - found).max() <= BOUND * np.abs(found).max()
    finally:
        _core.set_isa(before)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e38])
def test_numbers_that_are_not_finite_stay_with_their_image(bad: float) -> None:
    channels = 32
    rng = np.random.default_rng(0)
    w = (rng.standard_normal((channels, channels, 3, 3)) / 17).astype(np.float32)
    settings = {"stride": (1, 1), "padding": (1, 1, 1, 1), "dilation": (1, 1), "groups": 1}
    shape = (channels, 16, 16)
    engine = compile_graph(Graph(shape, (Node("conv2d", (0,), shape, {"w": w}, settings),), 1), 3)
    assert engine.steps[1].title.startswith("winograd")
    x = rng.standard_normal((3, *shape)).astype(np.float32)
    plain = engine.run(x)
    x[1, 5, 4, 4] = bad
    found = engine.run(x)
    assert_array_equal(found[[0, 2]], plain[[0, 2]])
    with np.errstate(over="ignore", invalid="ignore"):
        expected = ops.conv2d(x[1:2], w, padding=1)
    assert_array_equal(np.isfinite(found[1]), np.isfinite(expected[0]))


def test_buffers_that_live_at_the_same_time_lie_apart() -> None:
    for seed in range(40):
        network = RandomGraph(seed)
        steps, lifetimes = lower(network.graph(nodes=8), 1)
        floats = place(lifetimes)
        extents = [(one.buffer.offset or 0, one.buffer.floats) for one in lifetimes]
        for one, (begin, size) in zip(lifetimes, extents, strict=True):
            assert begin + size <= floats
            for other, (start, length) in zip(lifetimes, extents, strict=True):
                apart = begin + size <= start or start + length <= begin
                assert one is other or apart or not one.meets(other)
        assert len(steps) >= len(lifetimes) - 1


@pytest.mark.parametrize("isa", _core.isa_available())
@pytest.mark.parametrize("channels", [1, 2, 15, 16, 17, 31, 35, 96])
@pytest.mark.parametrize(("size", "beta"), [(1, 0.75), (2, 0.5), (5, 0.75), (40, 0.75)])
def test_local_response_norms_have_the_bits_of_the_op(
    isa: str, channels: int, size: int, beta: float, request: pytest.FixtureRequest
) -> None:
    """Their windows reach over the first and the last channel, and over vectors of channels."""
    request.addfinalizer(partial(_core.set_isa, _core.isa()))
    _core.set_isa(isa)
    shape, settings = (channels, 3, 5), {"size": size, "alpha": 0.1, "beta": beta, "k": 2.0}
    node = Node("local_response_norm", (0,), shape, {}, {**settings, "form": "mean"})
    engine = compile_graph(Graph(shape, (node,), 1), 2)
    x = np.random.default_rng(channels).standard_normal((2, *shape), np.float32)
    x[1, channels // 2, 1, 1] = np.nan
    expected, _ = ops.local_response_norm(x, size, alpha=0.1, beta=beta, k=2.0)
    assert_array_equal(engine.run(x), expected)
