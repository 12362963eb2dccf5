"""Convolution with a connection table: a full one whose missing links are zero."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance
from support.annotations import gradient_of
from support.gradients import assert_gradients
from support.tolerance import assert_within, float64

from pycnn import io, reference
from pycnn.layers import Conv2d, Flatten, Linear, Sequential
from pycnn.layers.connection_table import connection_table
from pycnn.losses import CrossEntropyLoss
from pycnn.optim import SGD

TABLE = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 1, 1]])


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def dense(layer: Conv2d) -> np.ndarray:
    """Spell the filters out link by link, in float64."""
    assert layer.connections is not None
    filters = np.zeros((layer.out_channels, layer.in_channels, *layer.kernel_size))
    planes = iter(layer.weight.data)
    for k in range(layer.out_channels):
        for c in range(layer.in_channels):
            if layer.connections[k, c]:
                filters[k, c] = next(planes)
    assert next(planes, None) is None
    return filters


@st.composite
def tables(draw: st.DrawFn) -> np.ndarray:
    filters, channels = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    rows = st.lists(st.booleans(), min_size=channels, max_size=channels).filter(any)
    return np.array(draw(st.lists(rows, min_size=filters, max_size=filters)))


@given(
    table=tables(),
    options=st.sampled_from(
        [{}, {"stride": 2, "padding": 1}, {"padding": "same", "bias": False}, {"dilation": 2}]
    ),
    n=st.sampled_from([0, 1, 3]),
)
def test_it_is_a_convolution_with_zeros(table: np.ndarray, options: dict[str, Any], n: int) -> None:
    (filters, channels), shape = table.shape, (n, table.shape[1], 7, 6)
    layer = Conv2d(channels, filters, (3, 2), **options, connections=table, rng=0)
    geometry = {key: value for key, value in options.items() if key != "bias"}
    x, w64 = normal(*shape), dense(layer)
    (x64, b64) = float64(x, None if layer.bias is None else layer.bias.data)
    y = layer(x)
    exact = reference.conv2d(x64, w64, b64, **geometry)
    assert_within(y, exact, tolerance.conv2d(x64, w64, b64, **geometry))

    dy = normal(*y.shape, seed=1)
    (dy64,) = float64(dy)
    dx = layer.backward(dy)
    exact = reference.conv2d_backward_input(dy64, w64, shape, **geometry)
    assert_within(dx, exact, tolerance.conv2d_input(dy64, w64, shape, **geometry))
    exact, _ = reference.conv2d_backward_weight(dy64, x64, w64.shape, **geometry)
    bound, _ = tolerance.conv2d_weight(dy64, x64, w64.shape, **geometry)
    assert layer.weight.grad is not None
    assert_within(gradient_of(layer.weight), exact[table], bound[table])


def test_gradients_are_slopes() -> None:
    assert_gradients(Conv2d(3, 4, 3, padding=1, connections=TABLE, rng=0), normal(2, 3, 5, 4))


def test_a_full_table_is_no_table() -> None:
    full = Conv2d(3, 4, 3, connections=np.ones((4, 3), bool), rng=0)
    plain = Conv2d(3, 4, 3, rng=1)
    assert full.bias is not None
    plain.load_state_dict({"weight": dense(full).astype(np.float32), "bias": full.bias.data})
    x = normal(2, 3, 8, 8)
    np.testing.assert_array_equal(full(x), plain(x))


def test_counts_are_those_of_the_links() -> None:
    layer = Conv2d(3, 4, (3, 2), connections=TABLE.tolist(), rng=0)
    assert layer.weight.shape == (8, 3, 2)
    assert layer.flop((2, 3, 9, 9), (2, 4, 7, 8)) == 2 * 2 * 7 * 8 * 8 * 6
    assert repr(layer) == "Conv2d(3, 4, kernel_size=(3, 2), connections=<8 of 12 links>)"
    assert Sequential(layer).summary((3, 9, 9)).split()[-2] == "52"


def test_initial_values_fill_the_interval_of_each_filter() -> None:
    table = np.zeros((2, 64), bool)
    table[0], table[1, :4] = True, True
    layer = Conv2d(64, 2, 5, connections=table, rng=0)
    assert layer.weight.data.dtype == np.float32
    for planes, links in ((layer.weight.data[:64], 64), (layer.weight.data[64:], 4)):
        bound = 1 / np.sqrt(links * 25)
        assert 0.9 * bound < np.abs(planes).max() <= bound * (1 + 1e-6)
    again = Conv2d(64, 2, 5, connections=table, rng=0)
    np.testing.assert_array_equal(again.weight.data, layer.weight.data)


def test_missing_links_stay_missing_in_training_and_in_files(tmp_path: Path) -> None:
    model = Sequential(Conv2d(3, 4, 3, connections=TABLE, rng=0), Flatten(), Linear(64, 2, rng=1))
    optimizer = SGD(model.parameters(), 0.1, momentum=0.9)
    criterion, x, target = CrossEntropyLoss(), normal(8, 3, 6, 6), np.arange(8) % 2
    losses = []
    for _ in range(20):
        losses.append(criterion(model(x), target))
        model.zero_grad()
        model.backward_parameters(criterion.backward())
        optimizer.step()
    assert losses[-1] < 0.1 * losses[0]
    x[:, 0] += 1  # filters 1 and 3 do not look at channel 0
    before = model[0](normal(8, 3, 6, 6))
    np.testing.assert_array_equal(model[0](x)[:, [1, 3]], before[:, [1, 3]])
    io.save(tmp_path / "m.safetensors", model)
    other = Sequential(Conv2d(3, 4, 3, connections=TABLE), Flatten(), Linear(64, 2))
    io.load(tmp_path / "m.safetensors", other)
    np.testing.assert_array_equal(other(x), model(x))


def test_the_table_is_copied() -> None:
    table = TABLE.copy()
    layer = Conv2d(3, 4, 3, connections=table, rng=0)
    x, before = normal(1, 3, 4, 4), layer(normal(1, 3, 4, 4))
    table[:] = 0
    np.testing.assert_array_equal(layer(x), before)


@pytest.mark.parametrize(
    ("table", "error", "text"),
    [
        (np.ones((3, 4)), TypeError, "must be an array of bool or of 0 and 1, got float64"),
        (np.ones((3, 4), int), ValueError, r"in_channels\) = \(4, 3\), has \(3, 4\)"),
        (np.ones((4, 3, 1), bool), ValueError, r"has \(4, 3, 1\)"),
        (True, ValueError, r"has \(\)"),
        (TABLE * 2, ValueError, r"^\[Conv2d\] connections\[0, 0\] must be 0 or 1, is 2"),
        (-TABLE, ValueError, r"connections\[0, 0\] must be 0 or 1, is -1"),
        (TABLE * [[1], [0], [1], [1]], ValueError, "filter 1 has no links"),
        ([[1, 0], [1]], TypeError, "list with rows that are not alike"),
        ("full", TypeError, "connections must be an array"),
    ],
)
def test_wrong_tables_are_refused(table: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Conv2d(3, 4, 3, connections=table)


def test_a_table_does_not_go_with_groups() -> None:
    with pytest.raises(ValueError, match="connections need groups=1, got 2"):
        Conv2d(4, 4, 3, groups=2, connections=np.ones((4, 4), bool))
    assert connection_table("X", TABLE.astype(np.uint8), 4, 3).dtype == bool
