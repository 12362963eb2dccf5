"""The data and arguments that `fit` accepts, and those that it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.annotations import layer_of, wrong
from support.small_training import blobs, empty, pairs, same_bits, small_net, snapshot

from pycnn.data import ArrayDataset
from pycnn.io import load, save
from pycnn.losses import CrossEntropyLoss
from pycnn.optim import Adam, OneCycle
from pycnn.training import EarlyStopping, evaluate, fit, predict


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
        (0.5, TypeError, r"^\[fit\] train must be a Dataset, .*got 0.5"),
        ([blobs(3).x], TypeError, "must yield batches"),
        ([(blobs(3).x, blobs(2).y)], ValueError, "as many labels as samples, got 3 and 2"),
        ([(empty().x, empty().y)], ValueError, "as many labels as samples, got 0 and 0"),
        ([(blobs(3).x[:, 0], blobs(3).y)], ValueError, r"Sequential\[0\] Conv2d"),
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
        ({"max_grad_norm": -1.0}, "max_grad_norm must be positive"),
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
        ({"callbacks": EarlyStopping()}, "callbacks must be a list of Callback objects"),
        ({"max_grad_norm": "x"}, "max_grad_norm must be a number, got str"),
        ({"loss": "ce"}, "loss must be a loss object .*got 'ce'"),
        ({"loss": CrossEntropyLoss}, "loss must be a loss object"),
        ({"augment": True}, r"augment must be a function of \(x, rng\) such as .*got True"),
        ({"validation": True}, r"^\[fit\] validation must be a Dataset, .*got True"),
        ({"schedule": 0.1}, "schedule must be a function .*got 0.1"),
    ],
)
def test_arguments_of_the_wrong_kind(options: dict[str, Any], text: str) -> None:
    model = small_net()
    before = snapshot(model)
    with pytest.raises(TypeError, match=text):
        fit(model, blobs(20), **options)
    assert same_bits(before, snapshot(model))


def test_an_optimizer_of_another_model_is_refused() -> None:
    model, other = small_net(), small_net()
    with pytest.raises(ValueError, match="the optimizer has no parameter of this model"):
        fit(model, blobs(20), optimizer=Adam(other.parameters()))
    fit(model, blobs(20), optimizer=Adam([*other.parameters(), layer_of(model, -1).weight]))


def test_only_a_model_and_samples_can_be_run() -> None:
    model, data = small_net(), blobs(4)
    with pytest.raises(TypeError, match=r"\[evaluate\] model must be an instance of Module, got"):
        evaluate(None, data)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"\[predict\] model must be an instance .* got ndarray"):
        predict(data.x, model)
    with pytest.raises(TypeError, match=r"\[predict\] x must be an array, a tensor, .* got None"):
        predict(model, None)


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


@pytest.mark.parametrize("index", [0, np.int64(1), np.zeros((1, 1), np.int64), (0, 1), "a", None])
def test_array_dataset_gives_parts_and_no_single_samples(index: Any) -> None:
    with pytest.raises(
        TypeError, match=r"^\[ArrayDataset\] takes a slice or an array of positions, "
    ):
        blobs(10)[index]


def test_a_pair_of_arrays_is_told_how_to_become_a_data_set() -> None:
    data = blobs(8)
    with pytest.raises(TypeError, match=r"pycnn\.ArrayDataset\(x, y\)"):
        fit(small_net(), wrong((data.x, data.y)))


class Folder:
    """A data set that makes its samples on demand, with few methods."""

    def __init__(self, data: ArrayDataset) -> None:
        self.data, self.y, self.classes, self.name = data, data.y, data.classes, "folder"

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> Folder:
        return Folder(self.data[index])

    def gather(self, index: np.ndarray) -> np.ndarray:
        return np.asarray(self.data.x[index])


def test_any_data_set_trains_like_an_array_of_the_same_samples() -> None:
    data = blobs(50)
    models = []
    for train in (data, Folder(data)):
        models.append(small_net())
        fit(models[-1], train, train, epochs=2, batch_size=8, seed=3)
    assert same_bits(*map(snapshot, models))
    of_array, of_folder = (predict(models[0], x) for x in (data, Folder(data)))
    np.testing.assert_array_equal(of_array, of_folder)
    assert evaluate(models[0], data) == evaluate(models[0], Folder(data))


def test_augmentation_has_random_numbers_of_its_own_for_each_batch() -> None:
    data = blobs(20)
    seen = []

    def augment(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        seen.append(rng.integers(1 << 60))
        return x + rng.standard_normal(x.shape, np.float32)

    models = []
    for _ in range(2):
        models.append(small_net())
        fit(models[-1], data, epochs=2, batch_size=8, seed=3, augment=augment)
    assert same_bits(*map(snapshot, models))
    assert len(set(seen)) == 6
    assert sorted(seen[:6]) == sorted(seen[6:])  # workers draw them in any order
    plain = small_net()
    fit(plain, data, epochs=2, batch_size=8, seed=3)
    assert not same_bits(snapshot(plain), snapshot(models[0]))
    with pytest.raises(ValueError, match="augment needs a Dataset"):
        fit(plain, [(data.x, data.y)], augment=augment)


def test_metadata_and_words_go_through_a_checkpoint(tmp_path: Path) -> None:
    model = small_net()
    model.metadata = {"classes": ["no", "y\u00e9s"], "mean": [1.5]}
    save(tmp_path / "model.safetensors", model)
    other = small_net()
    load(tmp_path / "model.safetensors", other)
    assert other.metadata == model.metadata
    words = ArrayDataset(np.arange(6).reshape(2, 3), np.zeros(2, np.int64))
    assert words.gather(np.array([1])).dtype == np.int64
