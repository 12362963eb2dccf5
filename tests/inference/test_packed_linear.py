"""Linear layers of plans for several samples, whose weights are packed."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from support.tolerance import assert_within, sum_bound

import pycnn
from pycnn import _core
from pycnn.inference.algorithms import PACKED_ROWS
from pycnn.inference.engine import Engine, compile_graph
from pycnn.inference.graph import Graph, Node

# Inputs and outputs: one, lanes and panels and a few more or less, parts for several threads.
SIZES = [(1, 1), (3, 17), (400, 120), (120, 84), (84, 10), (33, 64), (800, 333), (16, 16)]


def made(w: Any, b: Any, batch: int, activation: Any = None) -> Engine:
    """Return a plan that is a linear layer."""
    constants = {"w": w} if b is None else {"w": w, "b": b}
    node = Node("linear", (0,), (len(w),), constants, {}, activation)
    return compile_graph(Graph((w.shape[1],), (node,), 1), batch)


@pytest.mark.parametrize("isa", _core.isa_available())
@pytest.mark.parametrize(("inputs", "outputs"), SIZES)
def test_sums_are_within_their_bounds(
    isa: str, inputs: int, outputs: int, restore_threads: None, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(partial(_core.set_isa, _core.isa()))
    _core.set_isa(isa)
    rng = np.random.default_rng(inputs)
    w = rng.standard_normal((outputs, inputs)).astype(np.float32)
    b = None if outputs % 2 else rng.standard_normal(outputs).astype(np.float32)
    engine = made(w, b, 300)
    assert engine.steps[0].call == "packed_linear"
    x = rng.standard_normal((300, inputs)).astype(np.float32)
    wide, total = x.astype(np.float64) @ w.T, np.abs(x).astype(np.float64) @ np.abs(w).T
    if b is not None:
        wide, total = wide + b, total + np.abs(b)
    found = engine.run(x)
    assert_within(found, wide, sum_bound(inputs + 1, total))
    for threads in (1, 2, 3):
        pycnn.set_num_threads(threads)
        for count in (1, 2, 15, 57, 300):
            assert_array_equal(engine.run(x[:count]), found[:count])


def test_an_activation_clamps_the_results() -> None:
    rng = np.random.default_rng(0)
    w = rng.standard_normal((21, 30)).astype(np.float32)
    x = rng.standard_normal((9, 30)).astype(np.float32)
    plain = made(w, None, 9).run(x)
    assert_array_equal(made(w, None, 9, ("relu", 0.0, 0.0)).run(x), np.maximum(plain, 0))
    assert_array_equal(
        made(w, None, 9, ("hardtanh", -1.0, 2.0)).run(x), np.clip(plain, np.float32(-1), 2)
    )


def test_numbers_that_are_not_finite_stay_in_their_row() -> None:
    rng = np.random.default_rng(0)
    w = rng.standard_normal((35, 40)).astype(np.float32)
    x = rng.standard_normal((20, 40)).astype(np.float32)
    plain = made(w, None, 20).run(x)
    x[7, 3] = np.nan
    found = made(w, None, 20).run(x)
    assert np.isnan(found[7]).all()
    rest = np.arange(20) != 7
    assert_array_equal(found[rest], plain[rest])


def test_few_samples_read_the_weights_as_they_are() -> None:
    w = np.ones((5, 4), np.float32)
    calls = [made(w, None, batch).steps[0].call for batch in (PACKED_ROWS - 1, PACKED_ROWS)]
    assert calls == ["linear", "packed_linear"]
