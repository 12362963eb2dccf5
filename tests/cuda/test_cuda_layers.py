"""Losses with weights, states, word vectors and other buffers of models on a device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.annotations import from_device

import pycnn as nn
from pycnn import devices, io
from pycnn.layers import SparseRows
from pycnn.training import CapturedStep

CLASSES = 5
WEIGHT = np.linspace(0.5, 2, CLASSES, dtype=np.float32)


def classifier() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(6, CLASSES, rng=0), nn.LogSoftmax())


def batch(loss: Any, n: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((n, 6), dtype=np.float32)
    if isinstance(loss, nn.BCEWithLogitsLoss):
        return x, rng.random((n, CLASSES), dtype=np.float32)
    return x, rng.integers(0, CLASSES, n)


# Losses with arrays -------------------------------------------------------------------------

Weighted = Callable[[Any], Any]
WEIGHTED: tuple[Weighted, ...] = (
    lambda w: nn.CrossEntropyLoss(weight=w),
    lambda w: nn.NLLLoss(weight=w),
    lambda w: nn.BCEWithLogitsLoss(weight=w),
    lambda w: nn.BCEWithLogitsLoss(pos_weight=w),
)
weighted = pytest.mark.parametrize("make", WEIGHTED, ids=["ce", "nll", "bce", "bce_pos"])


@weighted
@pytest.mark.parametrize("there", [False, True], ids=["numpy", "device_array"])
def test_weights_of_a_loss_are_taken_from_anywhere(
    device: str, make: Weighted, there: bool
) -> None:
    """One loss serves a model on the CPU and one on a device."""
    loss = make(devices.move(WEIGHT, device) if there else WEIGHT)
    x, y = batch(loss)
    found = []
    for place in ("cpu", device):
        model = classifier().to(place)
        value = loss(model(devices.move(x, place)), devices.move(y, place))
        found.append((value, devices.on_cpu(loss.backward())))
    (value, gradient), (value_there, gradient_there) = found
    assert value_there == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(gradient_there, gradient, atol=1e-6)


@pytest.mark.parametrize("kind", [nn.CrossEntropyLoss, nn.NLLLoss])
def test_a_batch_weighs_as_much_on_a_device(device: str, kind: Any) -> None:
    target = np.array([0, 4, -100, 1])
    expected = float(WEIGHT[[0, 4, 1]].sum(dtype=np.float64))
    for weight in (WEIGHT, devices.move(WEIGHT, device)):
        for place in ("cpu", device):
            assert kind(weight=weight).batch_weight(devices.move(target, place)) == expected


@weighted
def test_fit_weighs_on_a_device_with_graphs_and_without(device: str, make: Weighted) -> None:
    data = [batch(make(WEIGHT))] * 5
    curves = []
    for place, graph in (("cpu", False), (device, False), (device, True)):
        model, loss = classifier().to(place), make(WEIGHT)
        history = nn.fit(model, data, loss=loss, epochs=2, cuda_graph=graph)
        curves.append(history["loss"])
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-4)
    assert curves[2] == curves[1]


# States of optimizers -----------------------------------------------------------------------

OPTIMIZERS: dict[str, Callable[[Any], nn.optim.Optimizer]] = {
    "sgd": lambda p: nn.optim.SGD(p, 0.05, momentum=0.9),
    "adam": lambda p: nn.optim.Adam(p, 0.01),
    "adadelta": lambda p: nn.optim.Adadelta(p),
    "rmsprop": lambda p: nn.optim.RMSprop(p, 0.01, momentum=0.5),
}


def after_steps(place: str, kind: str, count: int) -> tuple[nn.Sequential, nn.optim.Optimizer]:
    model = classifier().to(place)
    optimizer = OPTIMIZERS[kind](model.parameters())
    take_steps(model, optimizer, count)
    return model, optimizer


def take_steps(model: nn.Sequential, optimizer: nn.optim.Optimizer, count: int) -> None:
    loss = nn.CrossEntropyLoss()
    x, y = (devices.move(array, model.device) for array in batch(loss))
    for _ in range(count):
        loss(model(x), y)
        model.zero_grad()
        model.backward_parameters(loss.backward())
        optimizer.step()


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("way", ["there-there", "cpu-there", "there-cpu"])
def test_a_state_is_loaded_from_any_device(device: str, kind: str, way: str) -> None:
    source, target = way.replace("there", device).split("-")
    model, optimizer = after_steps(source, kind, 2)
    model.to(target)
    other = OPTIMIZERS[kind](model.parameters())
    other.load_state_dict(optimizer.state_dict())
    for entries, own in zip(other._states, optimizer._states, strict=True):
        for name, value in entries.items():
            if not devices.is_array(value):
                assert value == own[name]
                continue
            assert devices.device_of(value) == target
            assert value is not own[name]
            np.testing.assert_array_equal(devices.on_cpu(value), devices.on_cpu(own[name]))
    take_steps(model, other, 1)
    expected, _ = after_steps(source, kind, 3)
    for found, wanted in zip(model.parameters(), expected.parameters(), strict=True):
        numbers, others = devices.on_cpu(found.data), devices.on_cpu(wanted.data)
        np.testing.assert_allclose(numbers, others, atol=1e-5)


def test_a_state_that_does_not_fit_is_refused_on_a_device(device: str) -> None:
    model, optimizer = after_steps(device, "adam", 1)
    state = optimizer.state_dict()
    state["state"][0]["exp_avg"] = devices.move(np.zeros(3, np.float32), device)
    with pytest.raises(ValueError, match=r"exp_avg of parameter 0 has shape \(3,\)"):
        OPTIMIZERS["adam"](model.parameters()).load_state_dict(state)
    state["state"][0]["exp_avg"] = np.zeros((CLASSES, 6))
    with pytest.raises(TypeError, match="exp_avg of parameter 0 must be a float32 array"):
        OPTIMIZERS["adam"](model.parameters()).load_state_dict(state)


# Word vectors -------------------------------------------------------------------------------

WORDS = np.array([[1, 2, 2, 6], [0, 1, 5, 5]])
OTHER_WORDS = np.array([[6, 3, 0, 3], [4, 4, 1, 2]])
TABLE = np.random.default_rng(2).standard_normal((7, 3)).astype(np.float32)


def test_a_second_backward_adds_rows_on_a_device(device: str) -> None:
    gradients = []
    dy = np.random.default_rng(3).standard_normal((2, 4, 3)).astype(np.float32)
    for place in ("cpu", device):
        layer = nn.Embedding.from_pretrained(TABLE.copy(), freeze=False, sparse=True).to(place)
        for words in (WORDS, OTHER_WORDS):
            layer(devices.move(words, place))
            dx = layer.backward(devices.move(dy, place))
            assert devices.device_of(dx) == place
            np.testing.assert_array_equal(devices.on_cpu(dx), np.zeros(words.shape, np.float32))
        (grad,) = (parameter.grad for parameter in layer.parameters())
        assert isinstance(grad, SparseRows)
        assert devices.device_of(grad.values) == devices.device_of(grad.rows) == place
        nn.optim.SGD(layer.parameters(), 0.1).step()
        found = (grad.rows, grad.values, grad.to_dense(), layer.weight.data)
        gradients.append([devices.on_cpu(array) for array in found])
    for expected, found in zip(*gradients, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("dense_first", [False, True])
def test_rows_are_added_to_a_whole_gradient_on_a_device(device: str, dense_first: bool) -> None:
    """As where a table is looked up and multiplied with."""
    rows = SparseRows(np.array([1, 4]), np.ones((2, 3), np.float32), (7, 3))
    parameter = nn.Parameter(devices.move(TABLE, device))
    there = SparseRows(devices.move(rows.rows, device), devices.move(rows.values, device), (7, 3))
    dense = devices.move(TABLE, device).copy()
    for grad in (dense, there) if dense_first else (there, dense):
        parameter.accumulate(grad)
    np.testing.assert_array_equal(devices.on_cpu(dense), TABLE)  # it may be another one's, too
    np.testing.assert_array_equal(devices.on_cpu(parameter.grad), TABLE + rows.to_dense())


def frozen() -> nn.Sequential:
    lookup = nn.Embedding.from_pretrained(TABLE.copy())
    return nn.Sequential(lookup, nn.Flatten(), nn.Linear(12, 2, rng=1))


def centres() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 3, rng=1), nn.RBF(3, 2, rng=0))


BUFFERS = pytest.mark.parametrize(
    ("make", "x"),
    [(frozen, WORDS), (centres, WORDS.astype(np.float32))],
    ids=["Embedding", "RBF"],
)


@BUFFERS
def test_what_ops_read_moves_with_the_parameters(
    device: str, make: Callable[[], nn.Sequential], x: np.ndarray, tmp_path: Path
) -> None:
    model = make()
    expected = model(x)
    (name, buffer), *_ = model.named_buffers()
    model.to(device)
    assert devices.device_of(buffer.data) == model.device == device
    y = model(devices.move(x, device))
    np.testing.assert_allclose(from_device(y), expected, atol=1e-5)
    assert devices.device_of(model.backward(y)) == device
    io.save(tmp_path / "model.safetensors", model)
    state = {key: 2 * devices.on_cpu(value) for key, value in model.state_dict().items()}
    model.load_state_dict(state)
    assert devices.device_of(buffer.data) == device
    np.testing.assert_array_equal(from_device(buffer.data), state[name])
    io.load(tmp_path / "model.safetensors", model)
    np.testing.assert_array_equal(from_device(model(devices.move(x, device))), from_device(y))
    model.to("cpu")
    np.testing.assert_array_equal(model(x), expected)


def test_a_model_without_parameters_moves(device: str) -> None:
    layer = nn.Embedding.from_pretrained(TABLE).to(device)
    assert layer.device == device
    np.testing.assert_array_equal(from_device(layer(devices.move(WORDS, device))), TABLE[WORDS])


def test_frozen_words_are_trained_on_and_predicted(device: str) -> None:
    data = [(WORDS, np.array([0, 1])), (OTHER_WORDS, np.array([1, 0]))]
    curves = []
    for place in ("cpu", device):
        model = frozen().to(place)
        curves.append(nn.fit(model, data, validation=data, epochs=3)["val_loss"])
        assert nn.predict(model, WORDS).shape == (2, 2)
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-4)


def test_a_captured_step_goes_on_with_a_loaded_state(device: str) -> None:
    """Its arrays are written in place."""
    model = centres().to(device)
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), 0.1))
    x, y = WORDS.astype(np.float32), np.array([0, 1])
    state = {name: devices.on_cpu(value).copy() for name, value in model.state_dict().items()}
    losses = [step(x, y) for _ in range(3)]
    captured = step._captured
    model.load_state_dict(state)
    assert step(x, y) == losses[0]
    assert step._captured is captured is not None
