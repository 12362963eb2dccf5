"""The rectifier with learned slopes: values, gradients, shapes, devices and training."""

from __future__ import annotations

import numpy as np
import pytest
from support.gradients import assert_gradients

import pycnn as nn
from pycnn import devices
from pycnn.layers import PReLU

F = np.float32
SHAPES = ((2, 3, 4, 5), (4, 3), (2, 3, 5), (1, 3, 2, 3, 2), (0, 3, 2))


def slopes(count: int) -> PReLU:
    layer = PReLU(count)
    layer.weight.data[...] = np.linspace(-0.5, 1.5, count)
    return layer


@pytest.mark.parametrize("device", ["cpu", *(d for d in devices.available() if d != "cuda")])
@pytest.mark.parametrize(
    ("shape", "count"), [((7,), 1), *((shape, count) for shape in SHAPES for count in (1, 3))]
)
def test_values_and_gradients(shape: tuple[int, ...], count: int, device: str) -> None:
    """Written with NumPy; numbers that are 0 get the slope, as in PyTorch."""
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, *shape), dtype=F)
    x = np.where(np.abs(x) < 0.2, F(0), x)
    layer = slopes(count).to(device)
    y = layer(devices.move(x, device))
    dx = layer.backward(devices.move(dy, device))
    weight = np.linspace(-0.5, 1.5, count, dtype=F)
    each = weight.reshape((-1, *[1] * (len(shape) - 2))) if len(shape) > 1 else weight
    np.testing.assert_array_equal(devices.on_cpu(y), np.where(x > 0, x, each * x))
    np.testing.assert_array_equal(devices.on_cpu(dx), np.where(x > 0, dy, each * dy))
    terms = np.where(x > 0, 0, dy.astype(float) * x)
    axes = tuple(i for i in range(len(shape)) if count == 1 or i != 1)
    np.testing.assert_allclose(
        devices.on_cpu(layer.weight.grad), terms.sum(axis=axes).reshape(count), rtol=1e-6
    )


@pytest.mark.parametrize("count", [1, 3])
def test_gradients_are_the_slopes(count: int) -> None:
    assert_gradients(slopes(count), np.random.default_rng(0).standard_normal((2, 3, 4, 2)))


def test_nan_passes_and_infinities_are_scaled() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0], F)
    np.testing.assert_array_equal(PReLU()(x), np.array([np.nan, np.inf, -np.inf, 0], F))


def test_a_frozen_slope_gets_no_gradient() -> None:
    layer = slopes(3)
    x, dy = np.random.default_rng(0).standard_normal((2, 2, 3, 4), dtype=F)
    layer(x)
    expected = layer.backward(dy)
    layer.zero_grad()
    layer.weight.requires_grad = False
    layer(x)
    np.testing.assert_array_equal(layer.backward(dy), expected)
    assert layer.weight.grad is None


def test_names_and_first_values_are_pytorchs() -> None:
    layer = PReLU(2, init=0.1)
    assert list(layer.state_dict()) == ["weight"]
    np.testing.assert_array_equal(layer.weight.data, np.full(2, 0.1, F))
    assert repr(layer) == "PReLU(num_parameters=2, init=0.1)"
    assert repr(PReLU()) == "PReLU(num_parameters=1)"


def test_slopes_are_learned() -> None:
    x = np.random.default_rng(0).standard_normal((64, 2), dtype=F)
    y = np.where(x > 0, x, np.array([0.8, -0.4], F) * x)
    layer = PReLU(2)
    adam = nn.optim.Adam(layer.parameters(), 0.05)
    nn.fit(layer, [(x, y)], epochs=150, optimizer=adam, loss=nn.MSELoss(), progress=False)
    np.testing.assert_allclose(layer.weight.data, [0.8, -0.4], atol=0.02)


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[PReLU\] num_parameters must be at least 1"):
        PReLU(0)
    with pytest.raises(ValueError, match=r"\[PReLU\] init must be finite"):
        PReLU(init=np.nan)
    for shape in ((2, 4, 3), (3,)):
        with pytest.raises(ValueError, match=r"\[0\] PReLU: expects \(N, 3, \.\.\.\)"):
            nn.Sequential(PReLU(3))(np.zeros(shape, F))
