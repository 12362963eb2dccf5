"""BatchNorm2d and Subsampling: statistics, modes, gradients, state, and a training that works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.annotations import gradient_of
from support.gradients import assert_gradients
from support.small_training import CLASSES, blobs, same_bits, snapshot

import pycnn
from pycnn import io, reference
from pycnn.layers import BatchNorm2d, Conv2d, Flatten, Linear, Module, ReLU, Sequential, Subsampling
from pycnn.optim import Adam

F = np.float32


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=F)


def f64(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64)


def batch_norm(**options: Any) -> BatchNorm2d:
    layer = BatchNorm2d(3, **options)
    if layer.weight is not None and layer.bias is not None:
        layer.weight.data[...] = 1, -2, 0.5
        layer.bias.data[...] = 0, 1, -1
    return layer


def test_names_and_initial_state_are_those_of_pytorch() -> None:
    state = BatchNorm2d(3).state_dict()
    assert {name: (array.dtype.name, array.shape) for name, array in state.items()} == {
        "weight": ("float32", (3,)),
        "bias": ("float32", (3,)),
        "running_mean": ("float32", (3,)),
        "running_var": ("float32", (3,)),
        "num_batches_tracked": ("int64", ()),
    }
    assert [float(array.sum()) for array in state.values()] == [3, 0, 0, 3, 0]
    assert list(BatchNorm2d(3, affine=False).state_dict()) == list(state)[2:]
    assert list(BatchNorm2d(3, track_running_stats=False).state_dict()) == list(state)[:2]


def test_training_normalises_the_batch_and_evaluation_by_the_running_statistics() -> None:
    layer, x = batch_norm(), 2 * normal(4, 3, 5, 6) + 3
    weight, bias = (f64(p.data) for p in layer.parameters())
    y, mean, var, _ = reference.batch_norm2d(f64(x), weight, bias)
    np.testing.assert_allclose(layer(x), y, atol=1e-5)
    state = layer.state_dict()
    running_mean, running_var = 0.1 * mean, 0.9 + 0.1 * var * 120 / 119
    np.testing.assert_allclose(state["running_mean"], running_mean, rtol=1e-6)
    np.testing.assert_allclose(state["running_var"], running_var, rtol=1e-6)
    assert state["num_batches_tracked"] == 1

    before = {name: array.copy() for name, array in state.items()}
    scale = weight / np.sqrt(running_var + 1e-5)
    expected = reference.channel_affine(f64(x), scale, bias - running_mean * scale)
    np.testing.assert_allclose(layer.eval()(x), expected, rtol=1e-5, atol=1e-5)
    assert same_bits(before, layer.state_dict())


def test_without_momentum_all_batches_weigh_the_same() -> None:
    layer = batch_norm(momentum=None)
    batches = [normal(2, 3, 4, 4, seed=seed) + seed for seed in range(3)]
    for x in batches:
        layer(x)
    mean = np.mean([x.mean(axis=(0, 2, 3)) for x in batches], axis=0)
    var = np.mean([x.var(axis=(0, 2, 3), ddof=1) for x in batches], axis=0)
    np.testing.assert_allclose(layer.state_dict()["running_mean"], mean, rtol=1e-5)
    np.testing.assert_allclose(layer.state_dict()["running_var"], var, rtol=1e-5)


def test_without_running_statistics_evaluation_uses_the_batch() -> None:
    layer, x = batch_norm(track_running_stats=False), normal(4, 3, 5, 6)
    y = layer(x)
    dx = layer.backward(y)
    np.testing.assert_array_equal(layer.eval()(x), y)
    np.testing.assert_array_equal(layer.backward(y), dx)


@pytest.mark.parametrize("affine", [True, False])
def test_backward_of_batch_norm(affine: bool) -> None:
    layer, x, dy = batch_norm(affine=affine), normal(4, 3, 5, 6), normal(4, 3, 5, 6, seed=1)
    parameters = [f64(p.data) for p in layer.parameters()]
    weight, bias = parameters or (None, None)
    layer(x)
    dx = layer.backward(dy)
    _, mean, _, inv_std = reference.batch_norm2d(f64(x), weight, bias)
    expected = reference.batch_norm2d_backward(f64(dy), f64(x), weight, mean, inv_std)
    np.testing.assert_allclose(dx, expected[0], atol=1e-5)
    for parameter, gradient in zip(layer.parameters(), expected[1:], strict=False):
        np.testing.assert_allclose(gradient_of(parameter), gradient, rtol=1e-5, atol=1e-5)
    with pytest.raises(RuntimeError, match="one backward"):
        layer.backward(dy)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("affine", [True, False])
def test_backward_of_frozen_batch_norm(affine: bool) -> None:
    """The statistics are constants, however far those of the batch are from them."""
    layer = batch_norm(affine=affine).eval()
    state = layer.state_dict()
    state["running_mean"][...] = 300, -1, 0.5
    state["running_var"][...] = 4, 0, 0.01
    before = {name: array.copy() for name, array in state.items()}
    offset = state["running_mean"][:, np.newaxis, np.newaxis]
    x, dy = normal(4, 3, 5, 6) + offset + 1, normal(4, 3, 5, 6, seed=1)
    layer(x)
    dx = layer.backward(dy)
    assert same_bits(before, state)

    inv_std = 1 / np.sqrt(f64(state["running_var"]) + 1e-5)
    scale = inv_std * f64(state["weight"]) if affine else inv_std
    xhat = reference.channel_affine(f64(x) - offset, inv_std, np.zeros(3))
    expected = reference.channel_affine_backward(f64(dy), xhat, scale)
    np.testing.assert_allclose(dx, expected[0], rtol=1e-6)
    for parameter, gradient in zip(layer.parameters(), expected[1:], strict=False):
        np.testing.assert_allclose(gradient_of(parameter), gradient, rtol=1e-5, atol=1e-4)
    with pytest.raises(RuntimeError, match="one backward"):
        layer.backward(dy)


@pytest.mark.parametrize("affine", [True, False])
def test_gradients_of_frozen_batch_norm_are_slopes(affine: bool) -> None:
    layer = batch_norm(affine=affine)
    layer(2 * normal(4, 3, 5, 6) + 3)
    assert_gradients(layer.eval(), normal(4, 3, 5, 6, seed=1))


def test_fine_tuning_with_frozen_statistics() -> None:
    """`fit` trains the layers around, and weight and bias, and leaves the statistics alone."""
    model, data = net(), blobs(256)
    model[1].eval()
    before = snapshot(model)
    adam = Adam(model.parameters(), lr=0.01)
    pycnn.fit(model, data, data, epochs=3, batch_size=16, optimizer=adam, progress=False)
    assert (pycnn.evaluate(model, data).accuracy or 0) > 0.9
    assert [module.training for module in model] == [True, False, True, True, True, True]
    after = model.state_dict()
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    statistics = {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    assert changed == set(before) - statistics


def test_subsampling_is_lenets() -> None:
    """One coefficient and one offset a channel: 12 parameters in S2, 32 in S4."""
    layer, x = Subsampling(6, rng=0), normal(2, 6, 9, 8)
    assert sum(p.numel() for p in layer.parameters()) == 12
    assert sum(p.numel() for p in Subsampling(16).parameters()) == 32
    for parameter in layer.parameters():
        assert np.abs(parameter.data).max() <= 0.5
    y = layer(x)
    sums = f64(x)[:, :, :8].reshape(2, 6, 4, 2, 4, 2).sum(axis=(3, 5))
    weight, bias = (f64(p.data)[:, np.newaxis, np.newaxis] for p in layer.parameters())
    np.testing.assert_allclose(y, sums * weight + bias, atol=1e-5)

    dy = normal(*y.shape, seed=1)
    dx = layer.backward(dy)
    expected = np.zeros(x.shape)
    expected[:, :, :8] = np.repeat(np.repeat(f64(dy) * weight, 2, axis=2), 2, axis=3)
    np.testing.assert_allclose(dx, expected, atol=1e-6)
    expected = (dy * sums).sum(axis=(0, 2, 3))
    np.testing.assert_allclose(gradient_of(layer.weight), expected, atol=1e-4)
    np.testing.assert_allclose(gradient_of(layer.bias), dy.sum(axis=(0, 2, 3)), atol=1e-5)


def net() -> Sequential:
    return Sequential(
        Conv2d(1, 4, 3, padding=1, bias=False, rng=0),
        BatchNorm2d(4),
        ReLU(),
        Subsampling(4, rng=1),
        Flatten(),
        Linear(64, CLASSES, rng=2),
    )


def test_a_network_trains_and_its_checkpoint_gives_the_same_outputs(tmp_path: Path) -> None:
    model, data = net(), blobs(256)
    adam = Adam(model.parameters(), lr=0.01)
    pycnn.fit(model, data, epochs=3, batch_size=16, optimizer=adam, seed=0, progress=False)
    assert (pycnn.evaluate(model, data).accuracy or 0) > 0.9
    assert model.state_dict()["1.num_batches_tracked"] == 3 * 16
    io.save(tmp_path / "m", model)
    other = net()
    io.load(tmp_path / "m", other)
    assert same_bits(model.state_dict(), other.state_dict())
    np.testing.assert_array_equal(other.eval()(data.x), model.eval()(data.x))
    table = net().summary((1, 8, 8))
    assert "1 BatchNorm2d" in table
    assert int(net().state_dict()["1.num_batches_tracked"]) == 0


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: BatchNorm2d(16), "BatchNorm2d(16)"),
        (lambda: BatchNorm2d(2, momentum=None, affine=False), "(2, momentum=None, affine=False)"),
        (lambda: Subsampling(6), "Subsampling(6, kernel_size=(2, 2))"),
    ],
)
def test_repr(make: Callable[[], Module], text: str) -> None:
    assert repr(make()).endswith(text)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: BatchNorm2d(0), ValueError, "num_features must be at least 1"),
        (lambda: BatchNorm2d(3, eps=0), ValueError, "eps must be above 0"),
        (lambda: BatchNorm2d(3, momentum=2), ValueError, "momentum must be at most 1, got 2"),
        (lambda: BatchNorm2d(3, momentum="x"), TypeError, "momentum must be a number"),  # type: ignore[arg-type]
        (lambda: Subsampling(3, 0), ValueError, "kernel_size must be at least 1"),
        (lambda: batch_norm(affine=False)(normal(2, 4, 5, 5)), ValueError, r"expects \(N, 3, H, W"),
        (lambda: batch_norm()(normal(3, 5, 5)), ValueError, r"input was \(3, 5, 5\): .*batch axis"),
        (lambda: batch_norm()(normal(1, 3, 1, 1)), ValueError, "more than one value a channel"),
        (lambda: batch_norm()(f64(normal(2, 3, 4, 4))), TypeError, "float32"),
        (lambda: Subsampling(3)(normal(2, 4, 5, 5)), ValueError, r"expects \(N, 3, H, W\)"),
        (lambda: Subsampling(3)(normal(2, 3, 1, 5)), ValueError, "window of 2 x 2 does not fit"),
    ],
)
def test_wrong_arguments_are_named(
    call: Callable[[], Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        call()


def test_running_statistics_that_share_memory_are_refused() -> None:
    x = np.ones((2, 3, 2, 2), np.float32)
    for one, other in (("running_var", "running_mean"), ("running_mean", "weight")):
        layer = BatchNorm2d(3)
        getattr(layer, one).data = getattr(layer, other).data
        with pytest.raises(ValueError, match="share memory: each needs an array of its own"):
            layer(x)
