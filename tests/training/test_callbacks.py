"""Callbacks: when they stop, what they keep, and which layer TerminateOnNaN blames."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.annotations import wrong
from support.small_training import blobs, same_bits, small_net, snapshot

from pycnn.io import load
from pycnn.layers import Linear, Module, ReLU, Sequential
from pycnn.losses import MSELoss
from pycnn.optim import SGD
from pycnn.training import (
    BestCheckpoint,
    Callback,
    CSVLog,
    EarlyStopping,
    EpochRecord,
    Run,
    TerminateOnNaN,
    fit,
)
from pycnn.training.nonfinite import first_nonfinite


def run_of(model: Module) -> Run:
    return Run(model, SGD(model.parameters()), 10)


def record(epoch: int, val_loss: float | None, val_accuracy: float | None = None) -> EpochRecord:
    return EpochRecord(epoch, 1.0, 0.5, val_loss, val_accuracy, 0.1, 1.0, 1.0)


def feed(callback: Callback, run: Run, figures: list[float | None]) -> int | None:
    """Return the epoch after which the callback stops the run; the weights count the epochs."""
    callback.on_train_begin(run, True)
    for epoch, figure in enumerate(figures, start=1):
        for array in run.model.state_dict().values():
            array[...] = epoch
        callback.on_epoch_end(run, record(epoch, figure, figure))
        if run.history.stop_reason is not None:
            return epoch
    return None


NAN = float("nan")


@pytest.mark.parametrize(
    ("options", "figures", "stop"),
    [
        ({"patience": 2}, [3.0, 2.0, 2.5, 2.0], 4),
        ({"patience": 2}, [3.0, 2.0, 2.5, 1.9, 1.8], None),
        ({"patience": 1, "min_delta": 0.5}, [3.0, 2.6], 2),
        ({"patience": 1, "min_delta": 0.5}, [3.0, 2.4], None),
        ({"patience": 1, "monitor": "val_accuracy"}, [0.5, 0.6, 0.55], 3),
        ({"patience": 2}, [3.0, NAN, NAN], 3),
        ({"patience": 2}, [NAN, NAN], 2),
        ({"patience": 2, "monitor": "loss"}, [9.0, 8.0, 7.0], 3),
    ],
)
def test_early_stopping_counts_epochs_without_improvement(
    options: dict[str, object], figures: list[float | None], stop: int | None
) -> None:
    callback = EarlyStopping(**options)  # type: ignore[arg-type]
    assert feed(callback, run_of(small_net()), figures) == stop
    # The same object serves another run.
    assert feed(callback, run_of(small_net()), figures) == stop


@pytest.mark.parametrize("restore", [False, True])
def test_early_stopping_restores_the_best_weights_if_asked(restore: bool) -> None:
    run = run_of(small_net())
    callback = EarlyStopping(patience=2, restore_best=restore)
    feed(callback, run, [3.0, 1.0, 2.0, 2.0])
    callback.on_train_end(run)
    expected = 2 if restore else 4
    assert all(np.all(array == expected) for array in run.model.state_dict().values())
    assert run.history.stop_reason == "val_loss has not improved since epoch 2"


def test_early_stopping_ends_fit() -> None:
    model = small_net()
    history = fit(model, blobs(64), blobs(64), epochs=9, optimizer=SGD(model.parameters(), 0.0),
                  callbacks=[EarlyStopping(patience=2)])  # fmt: skip
    assert len(history) == 3
    assert history.stop_reason == "val_loss has not improved since epoch 1"
    assert not history.interrupted


MONITORS: dict[str, Callable[..., Callback]] = {
    "stop": lambda path, field: EarlyStopping(field, patience=1),
    "restore": lambda path, field: EarlyStopping(field, patience=9, restore_best=True),
    "save": lambda path, field: BestCheckpoint(path, field),
}


@pytest.mark.parametrize("kind", MONITORS)
@pytest.mark.parametrize("field", ["accuracy", "val_accuracy"])
def test_a_figure_that_is_never_there_is_an_error_of_the_first_epoch(
    kind: str, field: str, tmp_path: Path
) -> None:
    """The accuracy of a regression: this once stopped at once, saved nothing and said nothing."""
    x = np.random.default_rng(0).standard_normal((8, 3), dtype=np.float32)
    pairs = [(x, x[:, :2].copy())] * 3
    with pytest.raises(ValueError, match=rf"^\[\w+\] monitor '{field}' is not there: epoch 1"):
        fit(Linear(3, 2, rng=0), pairs, pairs, epochs=3, loss=MSELoss(),
            callbacks=[MONITORS[kind](tmp_path / "best.safetensors", field)])  # fmt: skip


def test_an_accuracy_that_goes_away_later_is_named_in_the_reason() -> None:
    callback, run = EarlyStopping("val_accuracy", patience=2), run_of(small_net())
    assert feed(callback, run, [0.5, None, None]) == 3
    assert run.history.stop_reason == (
        "val_accuracy has not improved since epoch 1 (the last: none)"
    )


@pytest.mark.parametrize("value", [NAN, float("inf")])
def test_the_reason_of_a_figure_that_is_no_number_tells_the_truth(value: float) -> None:
    run = run_of(small_net())
    assert feed(EarlyStopping(patience=2), run, [value, value]) == 2
    assert run.history.stop_reason == f"val_loss was finite in no epoch (the last: {value})"
    run = run_of(small_net())
    assert feed(EarlyStopping(patience=2), run, [1.0, value, value]) == 3
    assert run.history.stop_reason == f"val_loss has not improved since epoch 1 (the last: {value})"


@pytest.mark.parametrize("kind", ["restore", "save"])
def test_nothing_saved_or_restored_is_said_in_the_end(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    data = blobs(32)
    data.x[:] = NAN
    model = small_net()
    with pytest.warns(RuntimeWarning) as caught:
        fit(model, blobs(32), data, epochs=2, callbacks=[MONITORS[kind](path, "val_loss")])
    texts = [str(warning.message) for warning in caught]
    assert "validation data is nan" in texts[0]
    assert "val_loss was finite in no epoch (the last: nan)" in texts[1]
    assert ("was not written" if kind == "save" else "no best epoch to restore") in texts[1]
    assert len(texts) == 2
    assert not path.exists()


def test_best_checkpoint_keeps_the_best_epoch(tmp_path: Path) -> None:
    path, run = tmp_path / "best.safetensors", run_of(small_net())
    feed(BestCheckpoint(path), run, [3.0, NAN, 1.0, 2.0])
    best = small_net()
    load(path, best)
    assert all(np.all(array == 3) for array in best.state_dict().values())
    feed(BestCheckpoint(path, monitor="val_accuracy"), run, [0.1, 0.5, 0.3])
    load(path, best)
    assert all(np.all(array == 2) for array in best.state_dict().values())
    assert [file.name for file in tmp_path.iterdir()] == ["best.safetensors"]


@pytest.mark.parametrize("make", [EarlyStopping, lambda: BestCheckpoint("best.safetensors")])
def test_validation_monitors_need_validation(make: type[Callback]) -> None:
    with pytest.raises(ValueError, match="monitor 'val_loss' needs validation data"):
        fit(small_net(), blobs(20), callbacks=[make()])


def test_settings_out_of_range() -> None:
    with pytest.raises(TypeError, match=r"\[EarlyStopping\] monitor must be the name of a figure"):
        EarlyStopping(wrong(5))
    with pytest.raises(ValueError, match="mode must be one of auto, min, max"):
        EarlyStopping(mode="least")
    with pytest.raises(ValueError, match="patience"):
        EarlyStopping(patience=0)
    with pytest.raises(ValueError, match="min_delta"):
        EarlyStopping(min_delta=-1)
    with pytest.raises(TypeError, match=r"\[EarlyStopping\] patience must be an int, got float"):
        EarlyStopping(patience=1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="min_delta must be a number, got str"):
        EarlyStopping(min_delta="0.1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="restore_best must be True or False, got 'no'"):
        EarlyStopping(restore_best="no")  # type: ignore[arg-type]


def test_csv_log_is_whole_after_each_epoch(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    lines = []

    class Count(Callback):
        def on_epoch_end(self, run: Run, record: EpochRecord) -> None:
            lines.append(len(path.read_text().splitlines()))

    history = fit(small_net(), blobs(64), epochs=3, callbacks=[CSVLog(path), Count()])
    assert lines == [2, 3, 4]
    with open(path, newline="") as file:
        assert [float(row["loss"]) for row in csv.DictReader(file)] == history["loss"]


def test_hooks_come_in_order() -> None:
    calls = []

    class Note(Callback):
        def on_train_begin(self, run: Run, validated: bool) -> None:
            calls.append(f"begin {validated}")

        def on_backward(self, run: Run) -> None:
            assert run.batch is not None
            assert all(parameter.grad is not None for parameter in run.model.parameters())
            calls.append(f"step {run.step} of {len(run.batch[1])}")

        def on_epoch_end(self, run: Run, record: EpochRecord) -> None:
            calls.append(f"epoch {record.epoch} of {run.epochs}")

        def on_train_end(self, run: Run) -> None:
            calls.append("end")

    fit(small_net(), blobs(40), epochs=2, batch_size=32, callbacks=[Note()])
    assert calls == [
        "begin False", "step 0 of 32", "step 1 of 8", "epoch 1 of 2",
        "step 2 of 32", "step 3 of 8", "epoch 2 of 2", "end",
    ]  # fmt: skip


# TerminateOnNaN ------------------------------------------------------------------------------


class Poison(Module):
    """The identity, until a call of forward or backward puts a NaN into it."""

    def __init__(self, forward_at: int = -1, backward_at: int = -1) -> None:
        self.forward_at, self.backward_at = forward_at, backward_at
        self.calls = 0

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.calls += 1
        x = x.copy()
        if self.calls >= self.forward_at > 0:
            x[0, 0] = np.nan
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        dy = dy.copy()
        if self.calls >= self.backward_at > 0:
            dy[0, 0] = np.inf
        return dy


def mlp(*middle: Module) -> Sequential:
    return Sequential(Linear(3, 5, rng=0), *middle, Linear(5, 4, rng=1))


def batches(n: int = 8) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [(rng.standard_normal((6, 3), dtype=np.float32), rng.integers(0, 4, 6))] * n


def test_the_first_layer_with_a_nan_output_is_named() -> None:
    model = mlp(ReLU(), Poison(forward_at=3), ReLU())
    history = fit(model, batches(), callbacks=[TerminateOnNaN()])
    assert history.stop_reason == (
        "epoch 1, step 3: the loss is nan: the output of layer 2 (Poison) is not finite"
    )
    assert len(history) == 0
    assert all(np.isfinite(array).all() for array in model.state_dict().values())


def test_a_gradient_that_is_not_finite_is_named_from_the_end() -> None:
    model = mlp(ReLU(), Linear(5, 5, rng=2), Poison(backward_at=2), ReLU())
    history = fit(model, batches(), callbacks=[TerminateOnNaN()])
    assert history.stop_reason == "epoch 1, step 2: the gradient of 2.bias is not finite"
    assert all(np.isfinite(array).all() for array in model.state_dict().values())


def test_a_parameter_or_batch_that_is_not_finite_is_named() -> None:
    model = mlp(ReLU())
    model.state_dict()["2.weight"][0, 0] = np.inf
    history = fit(model, batches(), callbacks=[TerminateOnNaN()])
    assert history.stop_reason is not None
    assert history.stop_reason.endswith("weight of layer 2 (Linear) is not finite")
    x, y = batches(1)[0]
    x[1, 1] = np.nan
    history = fit(mlp(ReLU()), [(x, y)], callbacks=[TerminateOnNaN()])
    assert history.stop_reason is not None
    assert history.stop_reason.endswith("x of batch 1 holds NaN, first in its sample 1")
    assert first_nonfinite(Linear(3, 2, rng=0).eval(), batches()[0][0]).startswith("every output")


def test_a_learning_rate_out_of_hand_is_stopped() -> None:
    model = small_net()
    history = fit(model, blobs(640), epochs=3, optimizer=SGD(model.parameters(), 1e12),
                  callbacks=[TerminateOnNaN()])  # fmt: skip
    assert history.stop_reason is not None
    assert "is not finite" in history.stop_reason


def test_terminate_on_nan_changes_nothing_as_long_as_all_is_finite() -> None:
    plain, watched = small_net(), small_net()
    fit(plain, blobs(128))
    history = fit(watched, blobs(128), callbacks=[TerminateOnNaN()])
    assert history.stop_reason is None
    assert same_bits(snapshot(plain), snapshot(watched))


def test_large_gradients_are_no_infinity() -> None:
    """The quick check sums; a sum that overflows is not a gradient that did."""
    model = Sequential(Linear(3, 2, rng=0))
    run = run_of(model)
    run.batch = batches()[0]
    for parameter in model.parameters():
        parameter.grad = np.full(parameter.shape, 3e38, np.float32)
    TerminateOnNaN().on_backward(run)
    assert run.history.stop_reason is None
