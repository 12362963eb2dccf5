"""Weights made of a direction and a length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn.nn.utils import remove_weight_norm, weight_norm

LAYERS: list[tuple[Any, tuple[int, ...], int | None]] = [
    (lambda: nn.Linear(4, 3), (2, 4), 0),
    (lambda: nn.Linear(4, 3), (2, 4), 1),
    (lambda: nn.Linear(4, 3), (2, 4), None),
    (lambda: nn.Conv1d(4, 2, 3, 2, 1, 1, 2), (1, 4, 5), 0),
    (lambda: nn.Conv2d(2, 3, (3, 2), (2, 1), 1, bias=False), (1, 2, 3, 4), -3),
    (lambda: nn.Conv1d(2, 3, 3, padding=2, padding_mode="circular"), (1, 2, 5), 0),
    (lambda: nn.Conv2d(2, 3, 3, 2, (1, 0, 2, 1), padding_mode="reflect"), (1, 2, 4, 5), 0),
    (lambda: nn.Conv2d(2, 3, 2, padding="same", padding_mode="replicate"), (2, 3, 4), 0),
    (lambda: nn.ConvTranspose1d(2, 3, 3, 2, 1, 1), (1, 2, 4), 1),
    (lambda: nn.ConvTranspose2d(2, 2, 3, 2, 1, 1, 2), (1, 2, 2, 3), None),
]


@pytest.mark.parametrize(("make", "shape", "dim"), LAYERS)
def test_a_normalised_layer_does_what_it_did(make: Any, shape: tuple[int, ...], dim: Any) -> None:
    layer, x = make(), np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    keys, before = list(layer.state_dict()), layer(x)
    assert weight_norm(layer, dim=dim) is layer
    others = [key for key in keys if key != "weight"]
    assert list(layer.state_dict()) == [*others, "weight_g", "weight_v"]
    assert type(layer).__name__ == type(make()).__name__
    np.testing.assert_allclose(layer(x), before, rtol=1e-4, atol=1e-5)
    assert layer.backward(np.ones_like(before)).shape == shape
    layer.weight_g.data *= 2
    doubled = layer(x)
    assert nn.gradcheck(layer.to("reference"), nn.tensor(x, device="reference"))
    remove_weight_norm(layer.to("cpu"))
    assert sorted(layer.state_dict()) == sorted(keys)
    np.testing.assert_allclose(layer(x), doubled, rtol=1e-4, atol=1e-5)


def test_what_cannot_be_normalised_is_refused() -> None:
    with pytest.raises(TypeError, match=r"\[weight_norm\] takes a linear layer or a convolution"):
        weight_norm(nn.BatchNorm2d(3))
    with pytest.raises(ValueError, match="name must be 'weight', got 'bias'"):
        weight_norm(nn.Linear(2, 2), "bias")
    with pytest.raises(ValueError, match="dim 2 is not an axis"):
        weight_norm(nn.Linear(2, 2), dim=2)
    with pytest.raises(ValueError, match="normalised already"):
        weight_norm(weight_norm(nn.Linear(2, 2)))
    with pytest.raises(ValueError, match="with connections"):
        weight_norm(nn.Conv2d(2, 2, 3, connections=np.eye(2, dtype=bool)))
    own = type("Own", (nn.Linear,), {"forward": lambda self, x: x})(2, 2)
    with pytest.raises(TypeError, match="Own has a forward of its own, which would be left out"):
        weight_norm(own)
    assert list(own.state_dict()) == ["weight", "bias"]
    with pytest.raises(ValueError, match=r"\[remove_weight_norm\]"):
        remove_weight_norm(nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.Conv2d(3, 4, 3), (2, 3, 6, 6)), (nn.Linear(3, 4), (2, 3))]
)
def test_a_layer_in_a_row_is_normalised_later(layer: Any, shape: tuple[int, ...]) -> None:
    row = nn.Sequential(layer, nn.ReLU())
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    before = row(x)
    nn.nn.utils.weight_norm(row[0])
    np.testing.assert_allclose(row(x), before, atol=1e-6)
