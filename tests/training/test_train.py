"""fit, evaluate, predict: learning, repeatability, all kinds of data, interruption, history."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.broken import OwnLoss
from support.small_training import blobs, empty, pairs, same_bits, small_net, snapshot

from pycnn import datasets, models
from pycnn.data import ArrayDataset, Batches
from pycnn.layers import Linear, Sequential, Softmax
from pycnn.losses import CrossEntropyLoss, MSELoss
from pycnn.optim import SGD, Adam, OneCycle
from pycnn.training import (
    Callback,
    Run,
    TerminateOnNaN,
    evaluate,
    fit,
    predict,
)


@pytest.fixture(scope="module")
def mnist() -> tuple[ArrayDataset, ArrayDataset]:
    return datasets.mnist()


# Learning ------------------------------------------------------------------------------------


def test_lenet_learns_mnist(mnist: tuple[ArrayDataset, ArrayDataset]) -> None:
    """400 steps of 32 images reach 96 % on all test images (seeds 0-4 give 97.2 to 97.6 %)."""
    train, test = mnist
    model = models.lenet5(rng=0)
    history = fit(model, train[:12800], test, batch_size=32,
                  optimizer=Adam(model.parameters()), schedule=OneCycle(6e-3))  # fmt: skip
    accuracy = history["val_accuracy"][0]
    assert accuracy > 0.96
    answers = predict(model, test).argmax(axis=1)
    assert np.mean(answers == test.y) == accuracy
    assert evaluate(model, test).accuracy == accuracy


def test_the_default_optimizer_solves_the_toy() -> None:
    model = small_net()
    history = fit(model, blobs(2000), blobs(500, seed=1), epochs=3)
    assert history["loss"][-1] < history["loss"][0]
    assert history["val_accuracy"][-1] > 0.97
    assert history["learning_rate"][0] > 1e-3  # near the peak of the cycle
    assert history["learning_rate"][-1] < 1e-6  # at its end


# Repeatability -------------------------------------------------------------------------------


def trained(seed: int = 0, dropout: float | None = None, **options: Any) -> dict[str, np.ndarray]:
    model = small_net(dropout=dropout)
    fit(model, blobs(300), epochs=2, batch_size=32, seed=seed, **options)
    return snapshot(model)


@pytest.mark.parametrize("dropout", [None, 0.5])
def test_the_same_seed_gives_the_same_bits(dropout: float | None) -> None:
    assert same_bits(trained(3, dropout), trained(3, dropout))


def test_another_seed_shuffles_in_another_way() -> None:
    assert not same_bits(trained(0), trained(1))


def test_the_seed_reaches_dropout_anew_in_each_epoch() -> None:
    """With 64 times the same sample shuffling has no effect, and only dropout moves the loss."""
    data = blobs(1)[np.zeros(64, np.int64)]

    def losses(seed: int) -> list[float]:
        model = small_net(dropout=0.5)
        optimizer = SGD(model.parameters(), 0.0)
        return fit(model, data, epochs=2, optimizer=optimizer, seed=seed)["loss"]

    first, second = losses(0), losses(1)
    assert losses(0) == first
    assert len({*first, *second}) == 4


def test_an_epoch_gives_each_sample_once_in_a_new_order() -> None:
    x = np.arange(10, dtype=np.float32).reshape(10, 1)
    data = ArrayDataset(x, np.arange(10))
    batches = Batches(data, 4, seed=0)
    passes = []
    for _ in range(2):
        seen = [(bx.copy(), by.copy()) for bx, by in batches]
        assert [len(by) for _, by in seen] == [4, 4, 2]
        assert all(np.array_equal(bx[:, 0], by) for bx, by in seen)
        passes.append(np.concatenate([by for _, by in seen]).tolist())
    assert sorted(passes[0]) == sorted(passes[1]) == list(range(10))
    assert passes[0] != passes[1]
    # The order of an epoch depends on its number only, so that a run can resume there.
    later = Batches(data, 4, seed=0)
    later.epoch = 1
    assert np.concatenate([by.copy() for _, by in later]).tolist() == passes[1]
    assert [by.tolist() for _, by in Batches(data, 4)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


# The work of fit in a step -------------------------------------------------------------------


class Watch(Callback):
    """Notes the learning rate and the norm of the gradient at each step."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.modes: list[bool] = []

    def on_backward(self, run: Run) -> None:
        self.rates.append(run.optimizer.lr)
        self.modes.append(run.model.training)


def test_the_schedule_sets_each_step() -> None:
    model, watch, schedule = small_net(), Watch(), OneCycle(0.2)
    optimizer = SGD(model.parameters(), 123.0)
    history = fit(model, blobs(100), epochs=2, batch_size=32, optimizer=optimizer,
                  schedule=schedule, callbacks=[watch])  # fmt: skip
    assert watch.rates == [schedule(step, 8) for step in range(8)]
    assert history["learning_rate"] == [watch.rates[3], watch.rates[7]]


def test_training_happens_in_training_mode() -> None:
    model, watch = small_net(dropout=0.5).eval(), Watch()
    fit(model, blobs(64), blobs(10), epochs=2, batch_size=32, callbacks=[watch])
    assert watch.modes == [True] * 4
    assert model.training


def test_max_grad_norm_limits_the_step() -> None:
    model = small_net()
    before = snapshot(model)
    fit(model, blobs(64), batch_size=64, optimizer=SGD(model.parameters(), 1.0), max_grad_norm=1e-3)
    moved = [np.sum((model.state_dict()[name] - before[name]) ** 2) for name in before]
    assert np.sqrt(sum(moved)) == pytest.approx(1e-3, rel=1e-2)


def test_losses_are_means_over_samples() -> None:
    """With a learning rate of 0 the epoch's figures are those of evaluate, ragged batch or not."""
    model, data = small_net(), blobs(100)
    optimizer = SGD(model.parameters(), 0.0)
    record = fit(model, data, data, batch_size=48, optimizer=optimizer).records[0]
    measured = evaluate(model, data, batch_size=7)
    assert record.loss == pytest.approx(measured.loss, rel=1e-5)
    assert record.val_loss == pytest.approx(measured.loss, rel=1e-5)
    assert record.accuracy == record.val_accuracy == measured.accuracy


WEIGHT = np.array([1.0, 5.0, 0.25, 2.0], np.float32)


@pytest.mark.parametrize(
    "criterion",
    [CrossEntropyLoss(WEIGHT), CrossEntropyLoss(ignore_index=2), CrossEntropyLoss(WEIGHT, 2)],
    ids=["weight", "ignored", "both"],
)
def test_weighted_losses_do_not_depend_on_the_batch_size(criterion: CrossEntropyLoss) -> None:
    model, data = small_net(), blobs(100)
    whole = float(criterion(model(data.x), data.y))
    counted = data.y != criterion.ignore_index
    right = predict(model, data).argmax(axis=1) == data.y
    accuracy = right[counted].mean()
    optimizer = SGD(model.parameters(), 0.0)
    for size in (1, 7, 100):  # batches of 1 hold ignored targets alone
        measured = evaluate(model, data, batch_size=size, loss=criterion)
        assert measured.loss == pytest.approx(whole, rel=1e-5)
        assert measured.accuracy == pytest.approx(accuracy)
        record = fit(
            model, data, batch_size=size, optimizer=optimizer, loss=criterion,
            callbacks=[TerminateOnNaN()],
        ).records[0]  # fmt: skip
        assert record.loss == pytest.approx(whole, rel=1e-5)
        assert record.accuracy == pytest.approx(accuracy)


def test_ignored_targets_alone_teach_nothing() -> None:
    model, data = small_net(), blobs(20)
    data.y[:] = -100
    before = snapshot(model)
    with pytest.warns(RuntimeWarning) as caught:
        record = fit(model, data, data).records[0]
    assert [str(warning.message).partition(" counts")[0] for warning in caught] == [
        "[fit] no target of epoch 1",
        "[fit] after epoch 1 no target of the validation data",
    ]
    assert same_bits(before, snapshot(model))
    assert np.isnan(record.loss)
    assert record.val_loss is not None
    assert np.isnan(record.val_loss)
    assert record.accuracy is record.val_accuracy is None


def test_frozen_parameters_keep_values_and_only_the_last_gradient() -> None:
    """Training the last layer alone leaves the gradient of the last step in the others."""
    model, data = small_net(), blobs(64)
    before = snapshot(model)
    fit(model, data, batch_size=8, epochs=2, optimizer=SGD(model[4].parameters(), 0.0))
    assert same_bits(before, snapshot(model))
    gradients = {}
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        gradients[name] = parameter.grad
    # With a learning rate of 0 the last step can be repeated alone.
    *_, (x, y) = _second_pass(data, 8)
    criterion = CrossEntropyLoss()
    model.zero_grad()
    criterion(model(x), y)
    model.backward(criterion.backward())
    for name, parameter in model.named_parameters():
        np.testing.assert_array_equal(parameter.grad, gradients[name])


def _second_pass(data: ArrayDataset, batch_size: int) -> Batches:
    batches = Batches(data, batch_size, seed=0)
    batches.epoch = 1
    return batches


def test_regression_with_a_loss_of_ones_own() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 3), dtype=np.float32)
    y = x @ np.array([[1.0], [-2.0], [0.5]], np.float32)
    model = Sequential(Linear(3, 1, rng=0))
    history = fit(model, [(x, y)], [(x, y)], epochs=200, loss=OwnLoss(),
                  optimizer=Adam(model.parameters(), 0.1))  # fmt: skip
    assert history["val_loss"][-1] < 1e-3
    assert history["accuracy"][-1] is None
    assert history["val_accuracy"][-1] is None


# evaluate and predict ------------------------------------------------------------------------


def test_evaluate_and_predict_do_not_train() -> None:
    model, data = small_net(dropout=0.5), blobs(50)
    before = snapshot(model)
    first, second = predict(model, data.x, batch_size=16), predict(model, data, batch_size=50)
    np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
    assert evaluate(model, data) == evaluate(model, data)
    assert same_bits(before, snapshot(model))
    assert all(module.training for module in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert predict(model, empty().x).shape == (0, 4)


def test_evaluate_and_predict_errors() -> None:
    with pytest.raises(ValueError, match="empty"):
        evaluate(small_net(), empty())
    with pytest.raises(ValueError, match="empty"):
        evaluate(small_net(), [])
    with pytest.raises(ValueError, match="batch_size"):
        predict(small_net(), blobs(3).x, batch_size=0)
    model = small_net().train()
    with pytest.raises(ValueError, match=r"Sequential\[4\] Linear"):
        predict(model, np.zeros((2, 1, 9, 12), np.float32))
    assert model.training


# Interruption --------------------------------------------------------------------------------


class Interrupt(Callback):
    """Ctrl-C at a step."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.ended = False

    def on_backward(self, run: Run) -> None:
        if run.step == self.step:
            raise KeyboardInterrupt

    def on_train_end(self, run: Run) -> None:
        self.ended = True


def test_a_softmax_before_cross_entropy_is_warned_of() -> None:
    model = Sequential(small_net(), Sequential(Softmax()))
    text = r"^\[fit\] the model ends in Sequential\[1\]\[0\] Softmax, but CrossEntropyLoss"
    with pytest.warns(RuntimeWarning, match=text):
        fit(model, blobs(32))
    fit(model, [(x, np.eye(4, dtype=np.float32)[y]) for x, y in pairs()], loss=MSELoss())


def test_ctrl_c_ends_training_and_keeps_what_was_learned() -> None:
    model, interrupt = small_net(), Interrupt(6)
    before = snapshot(model)
    with pytest.warns(RuntimeWarning, match=r"\[fit\] interrupted in epoch 2 of 5.* no record"):
        history = fit(model, blobs(128), epochs=5, batch_size=32, callbacks=[interrupt])
    assert history.interrupted
    assert repr(history).startswith("epoch 1: loss ")
    assert interrupt.ended
    assert len(history) == 1
    assert not same_bits(before, snapshot(model))
    assert all(np.isfinite(array).all() for array in model.state_dict().values())
    assert not fit(model, blobs(32)).interrupted
