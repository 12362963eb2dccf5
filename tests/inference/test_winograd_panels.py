"""Winograd's tiles in plans: products panel by panel of filters, or of all filters at once."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import pycnn
from pycnn import _core, ops, reference
from pycnn.inference.engine import Engine, compile_graph
from pycnn.inference.graph import Graph, Node

# As BOUND of test_engine.py, for sums of up to 160 x 9 terms.
BOUND = 2e-5
SIZE = 13  # 16 tiles of 4 x 4 outputs, the last of which hang over the edge
IMAGES = 5  # 80 tiles: one thread takes 40, whose products of 150 channels no L2 cache holds


def convolution(
    inputs: int, filters: int, taps: int, groups: int, residual: bool
) -> tuple[Engine, Any]:
    """Return a plan of one convolution with a ReLU, and its weights and bias."""
    rng = np.random.default_rng(filters)
    scale = (inputs // groups * taps * taps) ** -0.5
    w = (scale * rng.standard_normal((filters, inputs // groups, taps, taps))).astype(np.float32)
    b = rng.standard_normal(filters).astype(np.float32)
    settings = {
        **{"stride": (1, 1), "padding": (taps // 2,) * 4, "dilation": (1, 1)},
        "groups": groups,
    }
    shape = (filters, SIZE, SIZE)
    node = Node(
        "conv2d",
        (0, 0) if residual else (0,),
        shape,
        {"w": w, "b": b},
        settings,
        ("relu", 0.0, 0.0),
    )
    engine = compile_graph(Graph((inputs, SIZE, SIZE), (node,), 1), IMAGES)
    assert any(step.title.startswith("winograd") for step in engine.steps)
    return engine, (w, b, settings)


@pytest.mark.parametrize("isa", _core.isa_available())
@pytest.mark.parametrize(
    ("inputs", "filters", "taps", "groups", "residual"),
    [
        (64, 150, 3, 1, False),
        (160, 160, 3, 1, True),
        (160, 160, 3, 2, True),
        (64, 160, 5, 2, False),
    ],
)
def test_panels_have_the_bits_of_all_filters(
    isa: str,
    inputs: int,
    filters: int,
    taps: int,
    groups: int,
    residual: bool,
    restore_threads: None,
    request: pytest.FixtureRequest,
) -> None:
    """Tasks of more threads, and of fewer images, are smaller: their products are taken at once."""
    request.addfinalizer(partial(_core.set_isa, _core.isa()))
    _core.set_isa(isa)
    engine, (w, b, settings) = convolution(inputs, filters, taps, groups, residual)
    x = np.random.default_rng(1).standard_normal((IMAGES, inputs, SIZE, SIZE)).astype(np.float32)
    pycnn.set_num_threads(1)
    found = engine.run(x)
    y = reference.conv2d(*(one.astype(np.float64) for one in (x, w, b)), **settings)
    expected = reference.relu(y + x if residual else y)
    assert np.abs(found - expected).max() <= BOUND * np.abs(expected).max()
    for threads in (1, 2, 8):
        pycnn.set_num_threads(threads)
        for count in (1, 2, IMAGES):
            assert_array_equal(engine.run(x[:count]), found[:count])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_panel_that_is_not_finite_is_computed_directly(bad: float, restore_threads: None) -> None:
    """Of two groups of filters the first alone reads it."""
    pycnn.set_num_threads(1)
    engine, (w, b, settings) = convolution(160, 160, 3, 2, False)
    x = np.random.default_rng(2).standard_normal((IMAGES, 160, SIZE, SIZE)).astype(np.float32)
    plain = engine.run(x)
    x[1, 3, 4, 4] = bad
    found = engine.run(x)
    assert_array_equal(np.delete(found, 1, 0), np.delete(plain, 1, 0))
    with np.errstate(over="ignore", invalid="ignore"):
        expected = ops.relu(ops.conv2d(x[1:2], w, b, padding=1, groups=2))[0]
    assert_array_equal(np.isfinite(found[1]), np.isfinite(expected))
    assert settings["groups"] == 2
