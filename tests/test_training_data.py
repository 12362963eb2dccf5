"""What `fit` takes as data and arguments, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toy import blobs, empty, pairs, same_bits, small_net, snapshot

from pycnn.data import ArrayDataset
from pycnn.losses import CrossEntropyLoss
from pycnn.optim import Adam, OneCycle
from pycnn.training import (
    evaluate,
    fit,
)


def test_a_list_of_batches_is_training_data() -> None:
    first, second = small_net(), small_net()
    history = fit(first, pairs(), pairs(64), epochs=2, optimizer=Adam(first.parameters()))
    assert len(history) == 2
    optimizer = Adam(second.parameters())
    criterion = CrossEntropyLoss()
    for _ in range(2):  # the loop, written out
        for x, y in pairs():
            criterion(second(x), y)
            second.zero_grad()
            second.backward(criterion.backward())
            optimizer.step()
    assert same_bits(first.state_dict(), second.state_dict())
    assert history["val_loss"][1] == pytest.approx(evaluate(first, pairs(64)).loss)


def test_a_generator_lasts_for_one_epoch() -> None:
    assert len(fit(small_net(), iter(pairs()))) == 1
    with pytest.raises(ValueError, match=r"epoch 2 has no training data .*give a list"):
        fit(small_net(), iter(pairs()), epochs=2)


def test_a_schedule_needs_a_length() -> None:
    with pytest.raises(ValueError, match="schedule needs training data with a length"):
        fit(small_net(), iter(pairs()), schedule=OneCycle(0.1))


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (empty(), ValueError, "the data set is empty"),
        ([], ValueError, "epoch 1 has no training data"),
        ([blobs(3).x], TypeError, "must yield batches"),
        ([(blobs(3).x, blobs(2).y)], ValueError, "as many labels as samples, got 3 and 2"),
        ([(empty().x, empty().y)], ValueError, "as many labels as samples, got 0 and 0"),
        ([(blobs(3).x.astype(float), blobs(3).y)], TypeError, r"Sequential\[0\] Conv2d"),
    ],
)
def test_data_that_cannot_be_trained_on(data: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        fit(small_net(), data)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"loss": CrossEntropyLoss(reduction="sum")}, "reduction 'mean'"),
        ({"max_grad_norm": -1.0}, "max_norm must be positive"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_numbers_out_of_range(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        fit(small_net(), blobs(20), **options)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"epochs": 1.5}, "epochs must be an int, got float"),
        ({"epochs": float("nan")}, "epochs must be an int, got float"),
        ({"batch_size": True}, "batch_size must be an int, got bool"),
        ({"seed": 0.5}, "seed must be an int"),
        ({"optimizer": "adam"}, "optimizer must be an Optimizer .*got 'adam'"),
        ({"callbacks": [1]}, "callbacks must be Callback objects, got 1"),
        ({"loss": "ce"}, "loss must be an object to call, .*got 'ce'"),
        ({"loss": CrossEntropyLoss}, "loss must be an object to call"),
        ({"schedule": 0.1}, "schedule must be a function .*got 0.1"),
    ],
)
def test_arguments_of_the_wrong_kind(options: dict[str, Any], text: str) -> None:
    model = small_net()
    before = snapshot(model)
    with pytest.raises(TypeError, match=text):
        fit(model, blobs(20), **options)
    assert same_bits(before, snapshot(model))


@pytest.mark.parametrize(
    ("x", "y", "error", "text"),
    [
        (np.zeros((2, 1)), np.zeros(2, np.int64), TypeError, "x must be a float32 .*got float64"),
        (np.zeros((2, 1), np.float32), np.zeros(2, np.int32), TypeError, "y must be a int64"),
        ([[1.0]], np.zeros(1, np.int64), TypeError, "x must be a float32 array, got list"),
        (np.zeros((2, 1), np.float32), np.zeros(3, np.int64), ValueError, "one label for each"),
        (np.zeros((2, 2), np.float32).T, np.zeros(2, np.int64), ValueError, "C-contiguous"),
    ],
)  # fmt: skip
def test_array_dataset_checks_its_arrays(x: Any, y: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        ArrayDataset(x, y)


def test_array_dataset_slices() -> None:
    data = blobs(10)
    part = data[2:5]
    assert len(part) == 3
    assert np.shares_memory(part.x, data.x)
    assert (part.classes, part.name) == (data.classes, data.name)
    every_second = data[::2]
    assert every_second.x.flags.c_contiguous
    picked = data[np.array([7, 1])]
    np.testing.assert_array_equal(picked.y, data.y[[7, 1]])
    assert "10 samples of shape (1, 8, 8)" in repr(data)


def test_a_pair_of_arrays_is_told_how_to_become_a_data_set() -> None:
    data = blobs(8)
    with pytest.raises(TypeError, match=r"pycnn\.ArrayDataset\(x, y\)"):
        fit(small_net(), (data.x, data.y))
