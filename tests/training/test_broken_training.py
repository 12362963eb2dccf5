"""Broken training does not look fine: what `fit` says of values that are not finite."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support.annotations import layer_of
from support.broken import INF, NAN, spoilt, told
from support.small_training import blobs, same_bits, small_net, snapshot

from pycnn.layers import BatchNorm2d, Conv2d, Flatten, Linear, Module, ReLU, Sequential
from pycnn.losses import CrossEntropyLoss, MSELoss
from pycnn.optim import SGD
from pycnn.training import Callback, Run, TerminateOnNaN, fit


@pytest.mark.parametrize(("value", "name"), [(NAN, "NaN"), (INF, "infinity"), (-INF, "infinity")])
def test_nan_in_a_batch_is_named_once(value: float, name: str) -> None:
    texts = told(lambda: fit(small_net(), spoilt(3, value), epochs=3))
    assert len(texts) == 1
    assert texts[0].startswith("[fit] the loss of batch 3 of epoch 1 is nan: ")
    assert f"x of batch 3 holds {name}, first in its sample 3" in texts[0]


def test_nan_in_the_targets_is_named() -> None:
    y = np.ones((6, 2), np.float32)
    y[4, 1] = NAN
    batches = [
        (np.ones((6, 3), np.float32), np.ones((6, 2), np.float32)),
        (y @ np.ones((2, 3), "f4"), y),
    ]
    batches[1] = (batches[0][0], y)
    texts = told(lambda: fit(Linear(3, 2, rng=0), batches, loss=MSELoss()))
    assert "y of batch 2 holds NaN, first in its sample 4" in texts[0]


class Poison(Module):
    """The identity, with a NaN in its output from some call on."""

    def __init__(self, at: int, *, backward: bool = False) -> None:
        self.at, self.in_backward, self.calls = at, backward, 0

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.calls += 1
        return self._poisoned(x, not self.in_backward)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return self._poisoned(dy, self.in_backward)

    def _poisoned(self, x: np.ndarray, here: bool) -> np.ndarray:
        x = x.copy()
        if here and self.calls >= self.at:
            x[0, 0] = np.nan
        return x


def vectors(n: int = 8) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [(rng.standard_normal((6, 3), dtype=np.float32), rng.integers(0, 4, 6))] * n


def test_the_layer_and_the_batch_of_a_nan_are_named() -> None:
    model = Sequential(Linear(3, 5, rng=0), ReLU(), Poison(4), Linear(5, 4, rng=1))
    texts = told(lambda: fit(model, vectors(), epochs=2))
    assert len(texts) == 1
    assert "batch 4 of epoch 1 is nan: the output of layer 2 (Poison) is not finite" in texts[0]


def training_of(model: Sequential) -> Callable[[], object]:
    return lambda: fit(model, vectors())


def test_gradients_that_are_nan_show_in_the_next_step_or_after_the_epoch() -> None:
    """A finite loss hides them for one update."""
    for at, expected in ((4, "batch 5 of epoch 1 is nan: weight of layer 0 (Linear) is not"),
                         (8, "after epoch 1 0.weight holds NaN")):  # fmt: skip
        model = Sequential(Linear(3, 5, rng=0), Poison(at, backward=True), Linear(5, 4, rng=1))
        texts = told(training_of(model))
        assert len(texts) == 1
        assert expected in texts[0]


def test_running_statistics_that_are_nan_are_noticed() -> None:
    """The loss does not show them in training mode, and validation alone would."""
    model = Sequential(Conv2d(1, 2, 3, rng=0), BatchNorm2d(2), Flatten(), Linear(72, 4, rng=1))

    class Spoil(Callback):
        def on_step(self, run: Run) -> None:
            model[1].running_var.data[1] = NAN

    texts = told(lambda: fit(model, blobs(32), blobs(8), callbacks=[Spoil()]))
    assert texts == ["[fit] after epoch 1 1.running_var holds NaN or infinity"]


def test_what_was_infinite_before_is_no_news() -> None:
    model = small_net()
    layer_of(model, 0).bias.data[0] = -INF  # a channel that is off for good, behind a ReLU
    fit(model, blobs(64), optimizer=SGD(model[-1].parameters(), 0.1))


def test_validation_data_that_are_nan_are_told_once() -> None:
    texts = told(lambda: fit(small_net(), blobs(64), spoilt(2), epochs=3))
    assert texts == [
        "[fit] after epoch 1 the loss of the validation data is nan: x of batch 2 holds NaN, first "
        "in its sample 3"
    ]


def test_with_terminate_on_nan_its_reason_is_enough() -> None:
    model = small_net()
    history = fit(model, spoilt(2), callbacks=[TerminateOnNaN()])
    assert history.stop_reason is not None
    assert "x of batch 2 holds NaN" in history.stop_reason
    assert all(np.isfinite(array).all() for array in model.state_dict().values())


def test_an_epoch_whose_classes_have_no_weight_is_told() -> None:
    loss = CrossEntropyLoss(weight=np.zeros(4, np.float32))
    texts = told(lambda: fit(small_net(), blobs(32), epochs=2, loss=loss))
    assert len(texts) == 1
    assert "no target of epoch 1 counts" in texts[0]


def test_a_nan_of_ignored_targets_is_none() -> None:
    data = blobs(32)
    data.y[:8] = -100
    batches = [(data.x[i : i + 8], data.y[i : i + 8]) for i in range(0, 32, 8)]
    fit(small_net(), batches, epochs=2)


def test_the_watch_changes_no_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    watched, plain = small_net(dropout=0.5), small_net(dropout=0.5)
    fit(watched, blobs(100), epochs=2)
    for name in ("step", "epoch"):
        monkeypatch.setattr(f"pycnn.training.watch.Watch.{name}", lambda *_, **__: None)
    fit(plain, blobs(100), epochs=2)
    assert same_bits(snapshot(watched), snapshot(plain))


@pytest.mark.parametrize("value", [NAN, INF])
def test_captured_steps_are_watched(device: str, value: float) -> None:
    model = small_net().to(device)
    batches = [(data.x, data.y) for data in map(lambda i: blobs(8, seed=i), range(4))]
    batches[2][0][1, 0, 0, 0] = value
    texts = told(lambda: fit(model, batches, cuda_graph=True))
    assert "x of batch 3 holds" in texts[0]
    model = small_net().to(device)
    optimizer = SGD(model.parameters(), 1e30)
    texts = told(lambda: fit(model, blobs(64), epochs=2, batch_size=8, optimizer=optimizer,
                             cuda_graph=True))  # fmt: skip
    assert "cuda_graph=False names the layer" in texts[0]
