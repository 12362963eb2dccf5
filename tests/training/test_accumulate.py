"""Several batches for one update, gradients limited by value, and a last batch left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.resuming import Die, DiedError
from support.small_training import blobs, pairs, same_bits, small_net, snapshot

from pycnn.data import ArrayDataset
from pycnn.losses import CrossEntropyLoss
from pycnn.optim import SGD, Adam, Cosine
from pycnn.training import Callback, Run, fit


def trained(data: Any, **options: Any) -> dict[str, np.ndarray]:
    model = small_net()
    sgd = SGD(model.parameters(), 0.1, momentum=0.9)
    chosen: dict[str, Any] = {"optimizer": sgd, "epochs": 2} | options
    fit(model, data, **chosen)
    return snapshot(model)


@pytest.mark.parametrize("samples", [256, 200])
def test_four_batches_of_16_train_as_one_of_64(samples: int) -> None:
    """Also where the epoch ends with fewer batches, and with a smaller one."""
    whole = trained(blobs(samples), batch_size=64, schedule=Cosine(0.1))
    parts = trained(blobs(samples), batch_size=16, accumulate=4, schedule=Cosine(0.1))
    for name, array in whole.items():
        np.testing.assert_allclose(parts[name], array, atol=1e-6, rtol=1e-6)


def test_batches_are_weighted_by_what_counts_in_them() -> None:
    data = blobs(60)
    data.y[3:20] = -100
    data.y[32:48] = -100  # a whole batch that counts nothing
    loss = CrossEntropyLoss(weight=np.array([1, 5, 0.5, 1], np.float32))
    whole = trained([(data.x, data.y)], loss=loss)
    small = [(data.x[i : i + 16], data.y[i : i + 16]) for i in range(0, 60, 16)]
    parts = trained(small, accumulate=4, loss=loss)
    for name, array in whole.items():
        np.testing.assert_allclose(parts[name], array, atol=1e-6, rtol=1e-5)
    nothing = ArrayDataset(data.x, np.full(60, -100))
    with pytest.warns(RuntimeWarning, match="no target of epoch 1 counts"):
        assert same_bits(trained(nothing, accumulate=2, epochs=1), snapshot(small_net()))


def test_steps_are_updates_and_the_loss_is_that_of_all(tmp_path: Path) -> None:
    class Note(Callback):
        def __init__(self) -> None:
            self.steps: list[tuple[int, int, float]] = []

        def on_step(self, run: Run) -> None:
            self.steps.append((run.step, run.batch_number, run.loss))

    note, whole = Note(), Note()
    trained(blobs(80), batch_size=16, accumulate=2, epochs=1, callbacks=[note])
    trained(blobs(80), batch_size=32, epochs=1, callbacks=[whole])
    assert [step[:2] for step in note.steps] == [(1, 2), (2, 4), (3, 5)]
    for mine, theirs in zip(note.steps, whole.steps, strict=True):
        assert mine[2] == pytest.approx(theirs[2], rel=1e-5)
    path = tmp_path / "training.safetensors"
    options: dict[str, Any] = {"batch_size": 16, "accumulate": 2, "callbacks": [Die()]}
    straight = trained(blobs(80), **options)
    with pytest.raises(DiedError):
        trained(blobs(80), **options | {"callbacks": [Die(5)]}, checkpoint=path, every=2)
    assert same_bits(straight, trained(blobs(80), **options, checkpoint=path, resume=True))
    with pytest.raises(ValueError, match="accumulate: 2 in the checkpoint, None here"):
        trained(blobs(80), **options | {"accumulate": 1}, checkpoint=path, resume=True)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"accumulate": 0}, ValueError, "accumulate must be at least 1, got 0"),
        ({"accumulate": 1.5}, TypeError, "accumulate must be an int, got float"),
        ({"max_grad_value": 0}, ValueError, "max_grad_value must be positive, got 0"),
        ({"drop_last": 1}, TypeError, "drop_last must be True or False"),
        ({"accumulate": 2, "cuda_graph": True}, ValueError, "updates after each batch"),
        ({"max_grad_value": 2, "cuda_graph": True}, ValueError, "max_grad_value needs the grad"),
    ],
)
def test_wrong_arguments_are_refused(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        fit(small_net(), blobs(20), **options)


def test_drop_last_leaves_out_a_small_batch() -> None:
    history = fit(small_net(), blobs(70), batch_size=32, drop_last=True)
    assert history.records[0].seconds * history.samples_per_second == pytest.approx(64)
    with pytest.raises(ValueError, match="drop_last needs a Dataset"):
        fit(small_net(), pairs(), drop_last=True)


def test_a_limit_on_values_holds_for_each_step() -> None:
    model = small_net()
    before = snapshot(model)
    fit(model, blobs(64), optimizer=SGD(model.parameters(), 1.0), max_grad_value=1e-4)
    for name, array in snapshot(model).items():
        assert np.abs(array - before[name]).max() <= 1e-4 + 1e-7
    fit(model, blobs(64), optimizer=Adam(model.parameters()), max_grad_norm=1, max_grad_value=1)


def test_samples_keep_their_weights_in_parts_of_a_batch() -> None:
    data, rng = blobs(60), np.random.default_rng(0)
    weights: dict[str, Any] = {
        "sample_weight": rng.uniform(0, 2, 60),
        "class_weight": [1, 2, 0.5, 1],
    }
    found = []
    ways: list[dict[str, Any]] = [{"batch_size": 32}, {"batch_size": 8, "accumulate": 4}]
    for options in ways:
        model = small_net()
        sgd = SGD(model.parameters(), 0.1, momentum=0.9)
        fit(model, data.x, data.y, optimizer=sgd, epochs=2, **weights, **options)
        found.append(snapshot(model))
    for name, array in found[0].items():
        np.testing.assert_allclose(found[1][name], array, atol=1e-6, rtol=1e-5)
