"""Resuming with other arguments: taken where they leave the bits alone, else refused."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.annotations import Options
from support.drawn_strokes import digits, published
from support.resuming import Die, DiedError, Outcome, died, resumed_with, trained
from support.small_training import blobs, pairs, same_bits, small_net, snapshot

from pycnn.augment import RandomCrop
from pycnn.layers import Linear, Sequential
from pycnn.losses import CrossEntropyLoss
from pycnn.optim import SGD, Adam, Constant, OneCycle, Step
from pycnn.recipes.neocognitron import train_neocognitron
from pycnn.training import (
    BestCheckpoint,
    Callback,
    CSVLog,
    EarlyStopping,
    EpochRecord,
    Run,
    fit,
)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": 1}, "seed: 0 in the checkpoint, 1 here"),
        ({"batch_size": 16}, "batch_size: 32 in the checkpoint, 16 here"),
        ({"train": blobs(199)}, "samples: 200 in the checkpoint, 199 here"),
        ({"train": blobs(200, seed=1)}, "labels: with checksum "),
        ({"train": pairs(200)}, "samples: 200 in the checkpoint, None here"),
        ({"validation": blobs(41)}, "validation samples: 40 in the checkpoint, 41 here"),
        ({"augment": RandomCrop(8)}, "augment: None in the checkpoint, RandomCrop((8, 8), "),
        ({"max_grad_norm": 2.0}, "max_grad_norm: None in the checkpoint, 2.0 here"),
        ({"schedule": OneCycle(0.1)}, "schedule: OneCycle(max_lr=0.01, pct_start=0.3, "),
        ({"schedule": None}, "div_factor=25.0, final_div_factor=10000.0) in the checkpoint, None"),
        ({"optimizer": SGD}, "optimizer: Adam(betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0) in"),
        ({"callbacks": []}, "callbacks: 1 in the checkpoint, 0 here"),
        ({"callbacks": [EarlyStopping()]}, "callbacks: Die in the checkpoint, EarlyStopping here"),
        ({"loss": CrossEntropyLoss(label_smoothing=0.1)}, "label_smoothing=0.0) in the"),
        ({"model": small_net(dropout=0.4)}, "(4): Dropout(0.5) in the checkpoint, "),
        ({"initial_epoch": 1}, "initial_epoch: 0 in the checkpoint, 1 here"),
        ({"epochs": 1}, "has come to epoch 2, epochs is 1"),
        ({"epochs": 5}, "has a schedule over 21 steps, here it is over 35: the rate of step 1 was"),
    ],
)  # fmt: skip
def test_a_training_that_is_not_the_same_is_refused_with_both_values(
    options: dict[str, Any], words: str, path: Path
) -> None:
    died(Die(10), checkpoint=path, every=1)
    before = path.read_bytes()
    assert words in resumed_with(path, **options)
    assert path.read_bytes() == before


def test_parameters_that_are_trained_and_shapes_must_be_the_same(path: Path) -> None:
    died(Die(10), checkpoint=path, every=1)
    model = small_net(dropout=0.5)
    head = Adam(model[-1].parameters())
    text = resumed_with(path, model=model, optimizer=lambda _: head)
    assert "trained parameters: 0.weight in the checkpoint, 5.weight here" in text
    text = resumed_with(path, model=Sequential(*small_net(dropout=0.5), Linear(4, 4, rng=0)))
    assert "model: ) in the checkpoint, (6): Linear(4, 4) here" in text


def test_without_a_schedule_the_learning_rate_must_be_the_first_or_the_last(path: Path) -> None:
    def with_rate(rate: float) -> dict[str, Any]:
        make = lambda params: SGD(params, rate)  # noqa: E731
        return {"optimizer": make, "schedule": None, "checkpoint": path}

    died(Die(10), every=1, **with_rate(0.5))
    with pytest.raises(ValueError, match=r"began with learning rate 0\.5, here it is 0\.25"):
        trained(resume=True, **with_rate(0.25))
    trained(resume=True, **with_rate(0.5))


@pytest.mark.parametrize("schedule", [None, Constant(0.01), lambda step, total: 0.1 / (1 + step)])
def test_more_epochs_are_taken_where_the_schedule_allows_it(schedule: Any, path: Path) -> None:
    plain = trained(schedule=schedule, epochs=5)
    trained(schedule=schedule, epochs=2, checkpoint=path)
    assert trained(schedule=schedule, epochs=5, checkpoint=path, resume=True) == plain


def test_a_schedule_that_has_not_yet_differed_may_be_laid_over_other_epochs(path: Path) -> None:
    schedule = Step(0.01, (0.5,))
    plain = trained(schedule=schedule, epochs=6)
    died(Die(10), schedule=schedule, epochs=4, checkpoint=path, every=1)
    assert trained(schedule=schedule, epochs=6, checkpoint=path, resume=True) == plain


@pytest.mark.parametrize("options", [{}, {"augment": RandomCrop(8, padding=1)}])
def test_two_calls_of_fit_can_be_told_to_be_one(options: dict[str, Any], path: Path) -> None:
    common: Options = {"batch_size": 32, "schedule": OneCycle(0.01), **options}
    plain = trained(epochs=4, **options)
    model = small_net(dropout=0.5)
    optimizer = Adam(model.parameters())
    data, validation = blobs(200), blobs(40)
    first = fit(model, data, validation, epochs=2, schedule_epochs=4, optimizer=optimizer, **common)
    second = fit(model, data, validation, epochs=4, initial_epoch=2, optimizer=optimizer, **common)
    assert second["epoch"] == [3, 4]
    second.records[:0] = first.records
    assert Outcome(model, optimizer, second) == plain
    # The same by way of a checkpoint.
    trained(epochs=2, schedule_epochs=4, checkpoint=path, **options)
    assert trained(epochs=4, checkpoint=path, resume=True, **options) == plain


def test_the_neocognitron_learns_its_layers_again_and_resumes_the_readout(path: Path) -> None:
    data = digits(1, seed=0)

    def learned(callback: Callback, **options: Any) -> dict[str, np.ndarray]:
        model = published()
        train_neocognitron(
            model, data, data, epochs=4, batch_size=2, presentations=6, callbacks=[callback],
            **options,
        )  # fmt: skip
        return snapshot(model)

    plain = learned(Die())
    with pytest.raises(DiedError):
        learned(Die(6), checkpoint=path, every=1)
    assert same_bits(learned(Die(), checkpoint=path, resume=True), plain)


def test_an_initial_epoch_needs_the_optimizer_and_may_be_the_last() -> None:
    with pytest.raises(ValueError, match="initial_epoch needs the optimizer of the epochs before"):
        fit(small_net(), blobs(20), epochs=2, initial_epoch=1)
    assert len(trained(epochs=2, initial_epoch=2).history) == 0
    with pytest.raises(ValueError, match=r"\[fit\] initial_epoch must be at most 2, got 3"):
        trained(epochs=2, initial_epoch=3)
    with pytest.raises(ValueError, match=r"\[fit\] schedule_epochs must be at least 3, got 2"):
        trained(schedule_epochs=2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"resume": True}, "resume needs a checkpoint"),
        ({"every": 3}, "every needs a checkpoint"),
        ({"every": 0, "checkpoint": "x"}, "every must be at least 1"),
        ({"on_checkpoint_error": "stop", "checkpoint": "x"}, "must be one of .'warn', 'raise'.,"),
        ({"initial_epoch": -1}, "initial_epoch must be at least 0"),
    ],
)
def test_arguments_that_say_nothing_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=rf"^\[fit\] .*{words}"):
        trained(**options)


def test_early_stopping_counts_from_the_initial_epoch() -> None:
    figures = iter([3.0, 2.0, 4.0, 4.0])

    class Set(Callback):
        def on_epoch_end(self, run: Run, record: EpochRecord) -> None:
            early.on_epoch_end(run, record._replace(val_loss=next(figures)))

        def on_train_begin(self, run: Run, validated: bool) -> None:
            early.on_train_begin(run, validated)

    early = EarlyStopping(patience=2)
    outcome = trained(initial_epoch=10, epochs=20, callbacks=[Set()])
    assert len(outcome.history) == 4


@pytest.mark.parametrize(
    "hidden",
    [
        {"a": np.random.default_rng(0)},
        [np.random.default_rng(0)],
        np.random.RandomState(0),
        np.random.PCG64(0),
        random.Random(0),
        partial(max, np.random.default_rng(0)),
    ],
    ids=lambda hidden: type(hidden).__name__,
)
def test_random_states_that_a_checkpoint_would_not_hold_are_refused(
    hidden: Any, tmp_path: Path
) -> None:
    model = small_net()
    model[0].hidden = hidden
    with pytest.raises(TypeError, match=r"^\[fit\] the state of a \w+ in Conv2d.hidden would not"):
        trained(model=model, checkpoint=tmp_path / "c.safetensors")
    trained(model=model)
    model[0].hidden = [generator := np.random.default_rng(0)]
    model.own = generator  # which is stored
    trained(model=model, checkpoint=tmp_path / "c.safetensors")


def test_validation_data_that_last_for_one_epoch_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^\[fit\] validation is a generator, which lasts for one"
    ):
        fit(small_net(), blobs(8), ((x, y) for x, y in pairs(32)), epochs=3, progress=False)
    fit(small_net(), blobs(8), iter(pairs(32)), epochs=1, progress=False)


def test_two_callbacks_with_one_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.st"
    callbacks = [BestCheckpoint(path), CSVLog(tmp_path / "." / "b.st")]
    with pytest.raises(ValueError, match="BestCheckpoint and CSVLog have the same file"):
        fit(small_net(), blobs(8), blobs(8), callbacks=callbacks)
