"""Where the time goes: counts that are right, a model that is left alone, a table that is whole."""

from __future__ import annotations

import numpy as np
import pytest
from support.annotations import layer_of, wrong
from support.small_training import same_bits, snapshot

import pycnn as nn


@pytest.fixture
def x(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((8, 1, 28, 28)).astype(np.float32)


def test_every_layer_is_measured_and_the_sums_are_right(x: np.ndarray) -> None:
    result = nn.profile(nn.models.lenet5(rng=0), x, seconds=1e-3)
    first, *rest = result.layers
    assert [layer.path for layer in result.layers] == [str(i) for i in range(12)]
    assert (first.kind, first.output_shape) == ("Conv2d", (8, 6, 28, 28))
    assert first.forward.flop == 2 * 8 * 6 * 28 * 28 * 25
    assert first.backward.flop == first.forward.flop  # its input needs no gradient
    assert first.forward.traffic == 4 * (8 * 28 * 28 * 7 + 6 * 26)
    assert first.backward.traffic == 4 * (8 * 28 * 28 * 7 + 2 * 6 * 26)
    second = rest[2]
    assert second.backward.flop == 2 * second.forward.flop == 4 * 8 * 16 * 100 * 150
    for name, whole in (
        ("forward", result.forward_seconds),
        ("backward", result.backward_seconds),
    ):
        parts = [getattr(layer, name).seconds for layer in result.layers]
        assert all(part > 0 for part in parts)
        assert sum(parts) < 2 * whole
    assert result.threads == nn.get_num_threads()
    assert result.peak > max(layer.forward.gflops for layer in result.layers) * 1e9 / 2


def test_the_model_is_left_as_it_was(x: np.ndarray) -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, rng=0),
        nn.BatchNorm2d(4),
        nn.Dropout(0.5, rng=0),
        nn.Flatten(),
        nn.Linear(2704, 2, rng=0),
    ).eval()
    before, rng = snapshot(model), layer_of(model, 2).rng.bit_generator.state
    nn.profile(model, x, seconds=1e-3)
    assert same_bits(snapshot(model), before)
    assert layer_of(model, 2).rng.bit_generator.state == rng
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert "forward" not in vars(model[0])


def test_branches_and_layers_that_are_used_twice(x: np.ndarray) -> None:
    shared = nn.ReLU()
    model = nn.Sequential(
        shared,
        nn.Parallel(nn.Flatten(), nn.Sequential(nn.AvgPool2d(2), nn.Flatten())),
        nn.Linear(28 * 28 + 14 * 14, 3, rng=0),
    )
    result = nn.profile(model, x, seconds=1e-3)
    assert [layer.kind for layer in result.layers] == [
        "ReLU",
        "Flatten",
        "AvgPool2d",
        "Flatten",
        "Linear",
    ]
    assert [layer.path for layer in result.layers][1:4] == ["1.0", "1.1.0", "1.1.1"]


def test_the_table_has_a_line_for_each_layer(x: np.ndarray) -> None:
    lines = str(nn.profile(nn.models.lenet5(rng=0), x, seconds=1e-3)).splitlines()
    assert len(lines) == 2 + 12 + 3
    assert lines[2].startswith("0 Conv2d")
    assert lines[-2].startswith("whole")
    assert "FMA peak" in lines[-1]
    assert "steps of fit: replayed by one call" in lines[-1]


def test_tensors_are_taken_as_their_arrays(x: np.ndarray) -> None:
    for model in (nn.models.lenet5(rng=0), nn.Sequential(nn.Flatten(), nn.Linear(784, 2, rng=0))):
        result = nn.profile(model, nn.tensor(x), seconds=1e-3)
        assert result.layers[-1].output_shape[0] == len(x)
        assert "replayed by one call" in str(result)


def test_wrong_arguments_are_refused(x: np.ndarray) -> None:
    with pytest.raises(TypeError, match=r"\[profile\] model must be an instance of Module"):
        nn.profile(wrong(x), x)
    with pytest.raises(ValueError, match=r"\[profile\] seconds"):
        nn.profile(nn.models.lenet5(), x, seconds=0)
    with pytest.raises(ValueError, match=r"Sequential\[0\]"):
        nn.profile(nn.models.lenet5(), x[:, :, :4, :4], seconds=1e-3)
