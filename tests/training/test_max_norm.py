"""MaxNorm, and the hook of callbacks that comes after each step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.annotations import layer_of
from support.small_training import blobs, small_net

from pycnn import fit
from pycnn.layers import Parameter
from pycnn.optim import SGD
from pycnn.training import Callback, MaxNorm, Run


def test_vectors_are_shortened_to_the_limit_and_others_stay() -> None:
    weight = Parameter(np.array([[3.0, 4], [0.3, 0.4], [0, 0], [0, -2]], np.float32))
    data = weight.data
    run = Run(small_net(), SGD([weight]), 1)
    MaxNorm(weight, 2.5).on_step(run)
    assert weight.data is data
    np.testing.assert_allclose(data, [[1.5, 2.0], [0.3, 0.4], [0.0, 0.0], [0.0, -2.0]], rtol=1e-6)
    filters = Parameter(np.full((2, 3, 2, 2), 1e30, np.float32))  # squares overflow in float32
    MaxNorm([weight, filters], 1.0).on_step(run)
    for parameter in (weight, filters):
        norms = np.linalg.norm(parameter.data.reshape(len(parameter.data), -1), axis=1)
        assert (norms <= 1 + 1e-6).all()
        assert norms[0] == pytest.approx(1, rel=1e-6)


def limited(array: np.ndarray, limit: float) -> Any:
    weight = Parameter(np.zeros(array.shape, array.dtype))
    weight.data = array
    MaxNorm(weight, limit).on_step(Run(small_net(), SGD([weight]), 1))
    return weight.data.tolist()


def test_vectors_whose_squares_overflow_are_shortened_and_infinite_ones_stay() -> None:
    array = np.array([[3e200, 4e200], [np.inf, 1], [np.nan, 9], [3, 4]])
    assert str(limited(array, 2.5)) == "[[1.5, 2.0], [inf, 1.0], [nan, 9.0], [1.5, 2.0]]"
    assert limited(np.array([[3e200, 4e200]]), 1e201) == [[3e200, 4e200]]


def test_arrays_of_any_order_and_of_no_vectors_are_limited() -> None:
    array = np.asfortranarray(np.full((2, 2, 2), 2.0, np.float32))
    assert limited(array, 2.0) == np.ones((2, 2, 2)).tolist()
    assert limited(np.zeros((0, 3)), 1.0) == []


def test_training_keeps_the_limit() -> None:
    model = small_net()
    weight = layer_of(model, -1).weight
    free = small_net()
    for net, callbacks in ((model, [MaxNorm(weight, 0.5)]), (free, [])):
        sgd = SGD(net.parameters(), 0.2)
        fit(net, blobs(128), epochs=3, optimizer=sgd, callbacks=callbacks, progress=False)
    assert (np.linalg.norm(layer_of(free, -1).weight.data, axis=1) > 0.5).any()
    assert (np.linalg.norm(weight.data, axis=1) <= 0.5 + 1e-6).all()


class Recorder(Callback):
    """Writes down the order of the calls, and the step at each."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.weights: list[np.ndarray] = []

    def on_backward(self, run: Run) -> None:
        self.calls.append(("backward", run.step))
        self.weights.append(run.optimizer.params[0].data.copy())

    def on_step(self, run: Run) -> None:
        self.calls.append(("step", run.step))
        assert (run.optimizer.params[0].data != self.weights[-1]).any()

    def on_epoch_end(self, run: Run, record: object) -> None:
        self.calls.append(("epoch", run.step))


def test_the_hook_comes_after_each_step() -> None:
    recorder = Recorder()
    fit(small_net(), blobs(64), epochs=1, batch_size=32, callbacks=[recorder], progress=False)
    assert recorder.calls == [
        ("backward", 0), ("step", 1), ("backward", 1), ("step", 2), ("epoch", 2)
    ]  # fmt: skip


class StopBefore(Callback):
    """Stops before the first update."""

    def on_backward(self, run: Run) -> None:
        run.stop("enough")


def test_a_step_that_was_stopped_has_no_hook() -> None:
    recorder = Recorder()
    callbacks = [recorder, StopBefore()]
    history = fit(small_net(), blobs(64), callbacks=callbacks, progress=False)
    assert history.stop_reason == "enough"
    assert recorder.calls == [("backward", 0)]


def test_errors() -> None:
    weight = Parameter(np.ones((2, 2), np.float32))
    with pytest.raises(ValueError, match=r"\[MaxNorm\] limit must be above 0, got -1"):
        MaxNorm(weight, -1)
    with pytest.raises(TypeError, match="limit must be a number"):
        MaxNorm(weight, "3")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="there are no parameters"):
        MaxNorm([], 3)
    with pytest.raises(
        TypeError, match=r"\[MaxNorm\] parameters must hold Parameters, got TrackedArray"
    ):
        MaxNorm([weight.data], 3)
    with pytest.raises(ValueError, match=r"two dimensions or more, not of shape \(2,\)"):
        MaxNorm(Parameter(np.ones(2, np.float32)), 3)
    with pytest.raises(TypeError, match=r"\[MaxNorm\] parameters must be an iterable.*got int"):
        MaxNorm(3, 3)  # type: ignore[arg-type]


def test_a_parameter_that_is_given_twice_is_shortened_once() -> None:
    weight = Parameter(np.ones((2, 2), np.float32))
    assert MaxNorm([weight, weight], 1).parameters == [weight]
