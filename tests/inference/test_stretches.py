"""Steps that go image by image: which they are, what they share memory with, and their bits."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from support.random_graph import RandomGraph

import pycnn
from pycnn import _core
from pycnn.inference.engine import compile_graph
from pycnn.inference.graph import Graph
from pycnn.inference.lower import lower
from pycnn.inference.simplify import simplify
from pycnn.inference.stretches import shared_out, stretches
from pycnn.inference.trace import trace


def network() -> Graph:
    """Return MobileNetV2 for small images: many pixels of few channels first, the contrary last."""
    return simplify(trace(pycnn.models.mobilenet_v2(10, rng=0).eval(), (3, 32, 32)))


@pytest.mark.parametrize("isa", _core.isa_available())
def test_bits_do_not_depend_on_images_or_threads(
    isa: str, restore_threads: None, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(partial(_core.set_isa, _core.isa()))
    _core.set_isa(isa)
    engine = compile_graph(network(), 16)
    assert len(engine.stretches) > 0
    x = np.random.default_rng(0).standard_normal((7, 3, 32, 32)).astype(np.float32)
    pycnn.set_num_threads(1)
    alone = np.concatenate([engine.run(x[n : n + 1]) for n in range(7)])
    for threads in (1, 2, 3, 8):
        pycnn.set_num_threads(threads)
        for count in (1, 2, 5, 7):
            assert_array_equal(engine.run(x[:count]), alone[:count])


def test_kept_buffers_are_not_shared_within_a_stretch() -> None:
    found = 0
    for seed in range(40):
        steps, lifetimes = lower(RandomGraph(seed).graph(nodes=8), 4)
        rows = stretches(steps, 1 << 18)
        kept, passing = shared_out(lifetimes, rows)
        assert len(kept) + len(passing) == len(lifetimes)
        assert not any(one.buffer.passes for one in kept)
        for one in passing:
            assert one.buffer.passes
            assert any(one.first in row and one.last in row for row in rows)
        for one in kept:
            for row in rows:
                overlap = range(max(one.first, row.start), min(one.last + 1, row.stop))
                assert len(overlap) in (0, len(row))
        found += len(passing)
    assert found > 0


def test_one_image_is_one_step_at_a_time() -> None:
    steps, _ = lower(network(), 1)
    assert stretches(steps, 1) == []


def test_memory_is_that_of_one_image_for_each_thread(restore_threads: None) -> None:
    engine = compile_graph(network(), 16)
    pycnn.set_num_threads(2)
    two = engine.memory
    pycnn.set_num_threads(4)
    four = engine.memory
    assert two < four < 16 * compile_graph(network(), 1).memory
    pycnn.set_num_threads(1)
    assert 2 * (two - engine.memory) == four - two


def test_the_page_says_what_goes_image_by_image() -> None:
    engine = compile_graph(network(), 16)
    (first,) = engine.stretches
    assert f"steps ({first.start + 1} to {first.stop} image by image), " in engine.describe()
    x = np.zeros((5, 3, 32, 32), np.float32)
    assert len(engine.seconds(x)) == len(engine.steps)
    assert min(engine.seconds(x)) > 0
