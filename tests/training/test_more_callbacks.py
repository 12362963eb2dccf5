"""Callbacks of the training kit: what they do, and that a resumed training has the same bits."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from support.annotations import wrong
from support.resuming import Die, died, trained
from support.small_training import blobs, same_bits, small_net, snapshot

from pycnn import evaluate, load
from pycnn.devices import move, on_cpu
from pycnn.optim import SGD, Adam
from pycnn.optim.running_mean import update_mean
from pycnn.training import (
    EMA,
    BestCheckpoint,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochRecord,
    LambdaCallback,
    ReduceLROnPlateau,
    Run,
    TensorBoard,
    TimeLimit,
    fit,
)


def plateau(figures: list[float], **options: Any) -> list[float]:
    """Return the rates after epochs with these figures."""
    callback, run = (
        ReduceLROnPlateau(**options),
        Run(small_net(), SGD([wrong(p) for p in params]), 9),
    )
    run.optimizer.add_param_group({"params": extra, "lr": 0.4})
    callback.on_train_begin(run, True)
    rates = []
    for epoch, figure in enumerate(figures, 1):
        callback.on_epoch_end(run, EpochRecord(epoch, 1.0, 0.5, figure, 0.5, 0.1, 1.0, 1.0))
        first, second = (group["lr"] for group in run.optimizer.param_groups)
        assert second == pytest.approx(400 * first)
        rates.append(first)
    return rates


params, extra = list(small_net().parameters()), list(small_net(1).parameters())


@pytest.mark.parametrize(
    ("options", "figures", "falls"),
    [
        ({"patience": 2}, [3.0, 2.0, 2.5, 2.0, 2.1, 2.1], [0, 0, 0, 1, 1, 2]),
        ({"patience": 1, "cooldown": 2}, [1.0] * 8, [0, 1, 1, 1, 2, 2, 2, 3]),
        ({"patience": 1}, [1.0, 1.0, 0.5, 0.4, 0.4], [0, 1, 1, 1, 2]),
        ({"patience": 1, "min_delta": 0.2}, [1.0, 0.9, 0.7], [0, 1, 1]),
    ],
)
def test_the_rate_falls_on_a_plateau(
    options: dict[str, Any], figures: list[float], falls: list[int]
) -> None:
    rates = plateau(figures, factor=0.5, **options)
    assert rates == pytest.approx([1e-3 * 0.5**k for k in falls])


def test_a_rate_does_not_fall_below_its_limit_nor_under_a_schedule() -> None:
    run = Run(small_net(), SGD(params, 0.1), 9)
    callback = ReduceLROnPlateau(factor=0.1, patience=1, min_lr=0.05)
    callback.on_train_begin(run, True)
    for epoch in range(1, 5):
        callback.on_epoch_end(run, EpochRecord(epoch, 1, 0.5, 1.0, 0.5, 0.1, 1, 1))
    assert run.optimizer.lr == 0.05
    with pytest.raises(ValueError, match=r"\[ReduceLROnPlateau\] the schedule of fit sets"):
        fit(small_net(), blobs(20), blobs(10), callbacks=[ReduceLROnPlateau()])


def test_the_mean_of_the_weights_is_measured_saved_and_kept(tmp_path: Path) -> None:
    model, path = small_net(), tmp_path / "best.safetensors"
    means: list[list[np.ndarray]] = []
    expected = [p.data.astype(np.float64) for p in model.parameters()]
    steps: list[float] = []

    def average(run: Run) -> None:
        steps.append(1)
        kept = min(0.9, (1 + len(steps)) / (10 + len(steps)))
        for mean, p in zip(expected, run.model.parameters(), strict=True):
            mean += (1 - kept) * (p.data - mean)
        means.append([p.data.copy() for p in run.model.parameters()])

    seen: list[float] = []

    def end(run: Run, record: EpochRecord) -> None:
        seen.append(evaluate(run.model, data).loss)
        assert record.val_loss == seen[-1]

    data = blobs(40, seed=1)
    note = LambdaCallback(on_step=average, on_epoch_end=end)
    best = BestCheckpoint(path)
    history = fit(model, blobs(200), data, epochs=2, callbacks=[note, best, EMA(0.9)])
    for mean, p in zip(expected, model.parameters(), strict=True):
        np.testing.assert_allclose(p.data, mean, rtol=1e-4, atol=1e-6)
    assert evaluate(model, data).loss == history.records[-1].val_loss
    saved = small_net()
    load(path, saved)
    assert evaluate(saved, data).loss == min(history["val_loss"])
    # Steps went on from the weights: those after the first epoch are near those before its end.
    straight = small_net()
    fit(straight, blobs(200), data, epochs=2)
    assert means[-1][0].tobytes() == next(straight.parameters()).data.tobytes()


def test_an_average_and_the_best_epoch_agree() -> None:
    model, data = small_net(), blobs(40, seed=1)
    history = fit(
        model, blobs(100), data, epochs=4, callbacks=[EarlyStopping(patience=1), EMA(0.5)]
    )
    assert evaluate(model, data).loss == min(history["val_loss"])


def test_a_mean_on_a_device_is_that_of_the_cpu(device: str) -> None:
    rng = np.random.default_rng(0)
    mean, value = rng.standard_normal((2, 5, 3)).astype(np.float32)
    there = move(mean.copy(), device)
    update_mean(there, move(value, device), 0.9)
    update_mean(mean, value, 0.9)
    np.testing.assert_allclose(on_cpu(there), mean, rtol=1e-6)


@pytest.mark.parametrize("step", [8, 13])
def test_resumed_callbacks_have_the_same_bits(step: int, tmp_path: Path) -> None:
    def options() -> dict[str, Any]:
        plateau = ReduceLROnPlateau("loss", 0.5, 1, min_delta=10)
        kit = [EMA(0.9), plateau, EarlyStopping(patience=9), Checkpoint(tmp_path / "{epoch}")]
        return {"callbacks": [Die(), *kit], "schedule": None, "epochs": 4}

    path = tmp_path / "training.safetensors"
    straight = trained(**options())
    assert straight.history["learning_rate"][-1] < straight.history["learning_rate"][0]
    again = options()
    again["callbacks"][0] = Die(step)
    died(wrong(None), **again, checkpoint=path, every=3)
    assert trained(**options(), checkpoint=path, resume=True) == straight


def test_files_are_saved_now_and_then(tmp_path: Path) -> None:
    model = small_net()
    every = Checkpoint(tmp_path / "model-{epoch:02}.safetensors", every=2)
    fit(model, blobs(40), epochs=5, callbacks=[every, Checkpoint(tmp_path / "last")])
    names = ["last", "model-02.safetensors", "model-04.safetensors"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    saved = small_net(1)
    load(tmp_path / "last", saved)
    assert same_bits(snapshot(saved), snapshot(model))
    for name in ("{step}", "{", "{}", "{epoch:x9q}", "{epoch.real}"):
        with pytest.raises(ValueError, match=r"\[Checkpoint\] path .* may hold \{epoch\} only"):
            Checkpoint(tmp_path / name)
    same = tmp_path / "same"
    with pytest.raises(ValueError, match="Checkpoint and BestCheckpoint have the same file"):
        fit(model, blobs(20), blobs(9), callbacks=[Checkpoint(same), BestCheckpoint(same)])


def test_functions_are_called() -> None:
    called: list[str] = []
    names = ["on_train_begin", "on_backward", "on_step", "on_epoch_end", "on_train_end"]
    functions: dict[str, Any] = {n: lambda *_, name=n: called.append(name) for n in names}
    fit(small_net(), blobs(10), callbacks=[LambdaCallback(**functions)])
    assert called == names
    fit(small_net(), blobs(10), callbacks=[LambdaCallback(), Callback()])
    with pytest.raises(TypeError, match=r"\[LambdaCallback\] on_step must be a function, got 3"):
        LambdaCallback(on_step=wrong(3))


def test_a_training_ends_in_time_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 10))
    monkeypatch.setattr("pycnn.training.more_callbacks.perf_counter", lambda: float(next(clock)))
    path = tmp_path / "training.safetensors"

    def run() -> Any:
        model = small_net()
        options: dict[str, Any] = {"epochs": 5, "checkpoint": path, "resume": True}
        adam = Adam(model.parameters())
        return fit(model, blobs(20), optimizer=adam, callbacks=[TimeLimit(25)], **options)

    first, second, third = run(), run(), run()
    assert [len(history) for history in (first, second, third)] == [2, 4, 5]
    text = "no time for another epoch: 20 of 25 seconds have passed"
    assert [h.stop_reason for h in (first, second, third)] == [text, text, None]


def test_figures_go_to_tensorboard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r"pip install 'pycnn\[tensorboard\]'"):
        fit(small_net(), blobs(10), callbacks=[TensorBoard(tmp_path)])
    written: list[tuple[str, float, int]] = []

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            assert folder == str(tmp_path)

        def add_scalar(self, name: str, value: float, step: int) -> None:
            written.append((name, value, step))

        def flush(self) -> None: ...

        def close(self) -> None:
            written.append(("closed", 0.0, 0))

    module = ModuleType("tensorboardX")
    module.__dict__["SummaryWriter"] = SummaryWriter
    monkeypatch.setitem(sys.modules, "tensorboardX", module)
    history = fit(
        small_net(), blobs(96), blobs(9), batch_size=32, callbacks=[TensorBoard(tmp_path, every=2)]
    )
    assert ("val/loss", history["val_loss"][0], 1) in written
    assert [name for name, _, step in written if step == 2] == ["step/loss", "step/learning_rate"]
    assert written[-1][0] == "closed"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ReduceLROnPlateau(factor=1.0), r"factor must be in \(0, 1\), got 1.0"),
        (lambda: ReduceLROnPlateau(patience=0), "patience must be at least 1"),
        (lambda: EMA(1.0), r"decay must be in \(0, 1\), got 1.0"),
        (lambda: TimeLimit(0), "seconds must be above 0"),
        (lambda: Checkpoint("a", 0), "every must be at least 1"),
        (lambda: TensorBoard("a", 0), "every must be at least 1"),
    ],
)
def test_settings_out_of_range(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()


def test_ctrl_c_while_an_average_is_measured_keeps_the_bits(tmp_path: Path) -> None:
    path, presses = tmp_path / "training.safetensors", [True]

    def figure(y_true: Any, y_pred: Any) -> float:
        if presses and presses.pop():
            raise KeyboardInterrupt
        return float(np.mean(y_true == y_pred))

    def run(**options: Any) -> Any:
        options |= {"callbacks": [Die(), EMA(0.9)], "metrics": {"figure": figure}}
        return trained(**options)

    with pytest.warns(RuntimeWarning, match="interrupted in epoch 1 of 3"):
        first = run(checkpoint=path)
    assert first.history.interrupted
    assert run(checkpoint=path, resume=True) == run()


def test_two_averages_do_not_train_each_other() -> None:
    """What they put in the place of the parameters is taken back in the other order."""
    states = []
    for callbacks in ([], [EMA(0.5), EMA(0.9)]):
        model = small_net()
        rows: list[Any] = []

        def note(run: Run, rows: list[Any] = rows) -> None:
            rows.append(snapshot(run.model))

        watching = LambdaCallback(on_step=note)
        fit(model, blobs(40), blobs(8), epochs=3, callbacks=[*callbacks, watching])
        states.append(rows)
    assert all(same_bits(one, other) for one, other in zip(*states, strict=True))


def test_callbacks_that_only_undo_are_called_and_none_is_there_twice() -> None:
    called = []

    class Undoes(Callback):
        def on_measured(self, run: Run, record: EpochRecord | None) -> None:
            called.append(run.epoch)

    fit(small_net(), blobs(8), epochs=2, callbacks=[Undoes()])
    assert called == [1, 2]
    average = EMA()
    with pytest.raises(ValueError, match="callbacks holds one object twice"):
        fit(small_net(), blobs(8), callbacks=[average, average])


def test_nothing_to_train_is_told() -> None:
    model = small_net()
    model.freeze()
    with pytest.warns(RuntimeWarning, match="no parameter of the optimizer requires a gradient"):
        fit(model, blobs(8))
