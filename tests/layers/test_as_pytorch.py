"""Layers spelled as in PyTorch: its output, its gradients and its names, on each device."""

from __future__ import annotations

import numpy as np
import pytest
from support.annotations import gradient_of
from support.gradients import assert_gradients
from support.pytorch_numbers import ROWS
from support.pytorch_rows import Row, fill, wave, weighted

from pycnn import devices, layers
from pycnn.layers import Module


def made(expression: str) -> Module:
    layer: Module = eval(expression, {"nn": layers})
    return layer


def filled(expression: str, mode: str) -> Module:
    layer = made(expression)
    state = layer.state_dict()
    layer.load_state_dict(
        {
            name: fill(name, array.shape) if array.dtype == np.float32 else array
            for name, array in state.items()
        }
    )
    return layer.train(mode == "train")


IDS = [f"{row[0]}-{row[1]}-{row[2]}" for row in ROWS]


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_output_and_gradients_are_those_of_pytorch(row: Row) -> None:
    expression, shape, mode, output, y_sum, dx_sum, gradients = row
    layer = filled(expression, mode)
    y = layer(wave(shape, 0))
    assert y.shape == output
    assert y.dtype == np.float32
    dx = layer.backward(wave(output, 1))
    assert dx.shape == shape
    found = [weighted(y, 2), weighted(dx, 3)]
    found.append(sum(weighted(gradient_of(p), len(n)) for n, p in layer.named_parameters()))
    np.testing.assert_allclose(found, [y_sum, dx_sum, gradients], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_gradients_are_the_slopes(row: Row) -> None:
    expression, shape, mode = row[:3]
    assert_gradients(filled(expression, mode), wave(shape, 0), rel=1e-5)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_a_device_gives_the_numbers_of_the_cpu(row: Row, device: str) -> None:
    expression, shape, mode, output = row[:4]
    x, dy = wave(shape, 0), wave(output, 1)
    expected = filled(expression, mode)
    y, dx = expected(x), expected.backward(dy)
    layer = filled(expression, mode).to(device)
    found = devices.on_cpu(layer(devices.move(x, device)))
    np.testing.assert_allclose(found, y, rtol=1e-5, atol=1e-5)
    found = devices.on_cpu(layer.backward(devices.move(dy, device)))
    np.testing.assert_allclose(found, dx, rtol=1e-4, atol=1e-4)
    for own, other in zip(layer.parameters(), expected.parameters(), strict=True):
        found = devices.on_cpu(own.grad)
        np.testing.assert_allclose(found, gradient_of(other), rtol=1e-4, atol=1e-4)
