"""Resuming `fit` from its checkpoint: the same bits, or words that say what is not the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_neocognitron import digits, published
from toy import blobs, pairs, same_bits, small_net, snapshot

import pycnn
from pycnn import io
from pycnn.augment import RandomCrop
from pycnn.data import Batches
from pycnn.layers import Linear, Module, Sequential
from pycnn.loader import DataLoader
from pycnn.losses import CrossEntropyLoss
from pycnn.optim import SGD, Adam, Constant, OneCycle, Step
from pycnn.recipes.neocognitron import train_neocognitron
from pycnn.training import (
    BestCheckpoint,
    Callback,
    CSVLog,
    EarlyStopping,
    EpochRecord,
    History,
    Run,
    fit,
)

FIGURES = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate")


class DiedError(Exception):
    """The process is gone."""


class Die(Callback):
    """Ends the training at once, after an update or at the end of an epoch."""

    def __init__(self, step: int = -1, epoch: int = -1) -> None:
        self.step, self.epoch = step, epoch

    def on_step(self, run: Run) -> None:
        if run.step == self.step:
            raise DiedError

    def on_epoch_end(self, run: Run, record: object) -> None:
        if run.epoch == self.epoch:
            raise DiedError


def figures(history: History) -> list[list[Any]]:
    return [history[name] for name in FIGURES]


class Outcome:
    """What a training leaves, but times."""

    def __init__(self, model: Module, optimizer: Any, history: History) -> None:
        self.model, self.history, self.optimizer = model, history, optimizer

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Outcome)
        mine, theirs = (o.optimizer.state_dict() for o in (self, other))
        assert mine["param_groups"] == theirs["param_groups"]
        assert mine["state"].keys() == theirs["state"].keys()
        for key, state in mine["state"].items():
            arrays = {name: np.asarray(value) for name, value in state.items()}
            others = {name: np.asarray(value) for name, value in theirs["state"][key].items()}
            assert same_bits(arrays, others)
        assert str(figures(self.history)) == str(figures(other.history))  # a NaN equals itself
        assert self.history.stop_reason == other.history.stop_reason
        return same_bits(snapshot(self.model), snapshot(other.model))

    __hash__ = None  # type: ignore[assignment]


def trained(**options: Any) -> Outcome:
    """Train a net with dropout, all of it made anew."""
    model = options.pop("model", None) or small_net(dropout=0.5)
    optimizer = options.pop("optimizer", Adam)(model.parameters())
    arguments: dict[str, Any] = {
        "train": blobs(200), "validation": blobs(40), "epochs": 3, "batch_size": 32,
        "schedule": OneCycle(0.01), "callbacks": [Die()],
    }  # fmt: skip
    history = fit(model, optimizer=optimizer, **(arguments | options))
    return Outcome(model, optimizer, history)


def died(die: Die, **options: Any) -> None:
    with pytest.raises(DiedError):
        trained(**({"callbacks": [die]} | options))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "training.safetensors"


# The same bits -------------------------------------------------------------------------------

# 7 steps in an epoch, 21 in all.
MOMENTS = [Die(1), Die(3), Die(6), Die(7), Die(8), Die(13), Die(21), Die(epoch=1), Die(epoch=3)]


@pytest.mark.parametrize("every", [1, 3, None])
def test_a_training_that_dies_anywhere_is_resumed_to_the_same_bits(
    every: int | None, path: Path
) -> None:
    plain = trained()
    for die in MOMENTS:
        path.unlink(missing_ok=True)
        died(die, checkpoint=path, every=every)
        resumed = trained(checkpoint=path, every=every, resume=True)
        assert resumed == plain


def own_loader() -> dict[str, Any]:
    return {"train": DataLoader(blobs(200), 32, seed=5, augment=RandomCrop(8, 1), workers=3)}


def in_order() -> dict[str, Any]:
    return {"train": Batches(blobs(200), 32)}


class Shuffled(Batches):
    """A loader with a pass of its own."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        for x, y in super().__iter__():
            yield -x, y


def own_pass() -> dict[str, Any]:
    return {"train": Shuffled(blobs(200), 32, seed=1)}


def own_batches() -> dict[str, Any]:
    return {"train": pairs(200)}


def augmented() -> dict[str, Any]:
    return {"augment": RandomCrop(8, padding=1)}


def ignoring() -> dict[str, Any]:
    batches = pairs(200)
    batches[3] = (batches[3][0], np.full_like(batches[3][1], -100))
    return {"train": batches, "loss": CrossEntropyLoss(ignore_index=-100)}


def ignoring_all() -> dict[str, Any]:
    return {"train": [(x, np.full_like(y, -100)) for x, y in pairs(200)]}


def momentum() -> dict[str, Any]:
    make = lambda params: SGD(params, 0.05, momentum=0.9, dampening=0.1)  # noqa: E731
    return {"optimizer": make, "schedule": None, "max_grad_norm": 0.5}


class Falling(Callback):
    """Lowers the learning rate by itself."""

    def on_step(self, run: Run) -> None:
        run.optimizer.lr *= 0.9


def falling() -> dict[str, Any]:
    return {"schedule": None, "callbacks": [Die(12), Falling()]}


def stopping() -> dict[str, Any]:
    stop = EarlyStopping("val_loss", patience=1, min_delta=10.0, restore_best=True)
    return {"callbacks": [Die(12), stop], "epochs": 9}


class StopAfter(Callback):
    """Asks for the end after an epoch, from a step in the middle of it."""

    def on_step(self, run: Run) -> None:
        if run.step == 10:
            run.stop("enough")


def stopped() -> dict[str, Any]:
    return {"callbacks": [Die(12), StopAfter()]}


class Noise(Module):
    """A random layer that knows nothing of `reseed`, with a generator of another kind."""

    def __init__(self) -> None:
        self.own = np.random.Generator(np.random.MT19937(3))

    def forward(self, x: np.ndarray) -> np.ndarray:
        if self.training:
            x = x + self.own.normal(0, 0.1, x.shape).astype(np.float32)
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy


def noisy() -> dict[str, Any]:
    frozen = pycnn.BatchNorm2d(1).eval()
    return {"model": Sequential(frozen, Noise(), small_net(dropout=0.5))}


KINDS = [
    own_loader, in_order, own_pass, own_batches, augmented, ignoring, ignoring_all, momentum,
    falling, stopping, stopped, noisy,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*no target of epoch:RuntimeWarning")  # of ignoring_all
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_training_is_resumed_to_the_same_bits(kind: Any, path: Path) -> None:
    def once(step: int, **checkpoint: Any) -> dict[str, Any]:
        options = kind()
        callbacks = options.pop("callbacks", [Die()])
        callbacks[0].step = step
        return {**options, "callbacks": callbacks, **checkpoint}

    plain = trained(**once(-1))
    moments = [Die(12), Die(8)] if plain.history["loss"][0] > 0 else [Die(epoch=2)]
    for die in moments:
        path.unlink(missing_ok=True)
        options = once(die.step, checkpoint=path, every=2)
        options["callbacks"][0].epoch = die.epoch
        with pytest.raises(DiedError):
            trained(**options)
        assert trained(**once(-1, checkpoint=path, every=2, resume=True)) == plain


def test_a_dataset_does_not_make_again_what_is_done(path: Path) -> None:
    made = []

    def count(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        made.append(len(x))
        return x

    died(Die(13), checkpoint=path, every=1, augment=count)
    made.clear()
    trained(checkpoint=path, resume=True, augment=count)
    assert len(made) == 21 - 12


def test_a_generator_gives_again_what_is_done(path: Path) -> None:
    options: dict[str, Any] = {"epochs": 1, "schedule": None, "validation": None}
    plain = trained(train=iter(pairs(200)), **options)
    died(Die(5), train=iter(pairs(200)), checkpoint=path, every=1, **options)
    with pytest.raises(ValueError, match="fewer than the 4 batches of the epoch that is resumed"):
        trained(train=iter(pairs(96)), checkpoint=path, resume=True, **options)
    assert trained(train=iter(pairs(200)), checkpoint=path, resume=True, **options) == plain


def test_a_finished_training_gives_its_history_at_once(path: Path) -> None:
    first = trained(checkpoint=path)
    before = path.read_bytes()

    class Never(Die):
        def on_step(self, run: Run) -> None:
            raise AssertionError

    Never.__name__ = "Die"
    again = trained(checkpoint=path, resume=True, callbacks=[Never()])
    assert again == first
    assert again.history.records == first.history.records  # with their times
    assert path.read_bytes() == before


def test_the_time_of_an_epoch_is_that_of_all_processes(path: Path) -> None:
    died(Die(6), checkpoint=path, every=1)
    parts = io.read_parts(path)[2]["inside"]
    parts["seconds"] += 100.0
    rewrite(path, inside=parts)
    resumed = trained(checkpoint=path, resume=True)
    assert 100 < resumed.history.seconds < 200


def rewrite(path: Path, **training: Any) -> None:
    """Change what a checkpoint says, with checksums that are right."""
    from safetensors.numpy import save_file

    model, arrays, state = io.read_parts(path)
    arrays[io.STATE] = np.frombuffer(json.dumps(state | training).encode(), np.uint8)
    header = {
        "format": 1,
        io.CHECKSUM: io._checksum(model),
        io.TRAINING_CHECKSUM: io._checksum(arrays),
    }
    save_file(model | arrays, path, {io.METADATA_KEY: json.dumps(header)})


# One file ------------------------------------------------------------------------------------


def test_the_model_can_be_read_out_of_a_checkpoint(path: Path) -> None:
    plain = trained(checkpoint=path)
    model = small_net(seed=9, dropout=0.5)
    pycnn.load(path, model)
    assert same_bits(snapshot(model), snapshot(plain.model))
    lenet = pycnn.models.lenet5(rng=0)
    x = np.zeros((2, 1, 28, 28), np.float32)
    fit(lenet, [(x, np.zeros(2, np.int64))], checkpoint=path)
    assert same_bits(pycnn.load_model(path).state_dict(), lenet.state_dict())


def test_the_same_training_writes_the_same_checkpoint_but_for_times(tmp_path: Path) -> None:
    from pycnn.training.checkpoint import Checkpoint

    class Still(Callback):
        def on_epoch_end(self, run: Run, record: Any) -> None:
            run.history.records[-1] = record._replace(seconds=1.0, samples_per_second=1.0)

    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        trained(checkpoint=file, callbacks=[Still()])
    assert files[0].read_bytes() == files[1].read_bytes()
    assert Checkpoint(files[0], None, "warn", {}).last == "there is none"


# Other arguments -----------------------------------------------------------------------------


def resumed_with(path: Path, **options: Any) -> str:
    model = options.get("model")
    before = None if model is None else snapshot(model)
    with pytest.raises(ValueError, match=r"^\[fit\] .*training\.safetensors:? ") as info:
        trained(checkpoint=path, resume=True, **options)
    assert before is None or same_bits(before, snapshot(model))
    return str(info.value)


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


# Two calls that are one ----------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"augment": RandomCrop(8, padding=1)}])
def test_two_calls_of_fit_can_be_told_to_be_one(options: dict[str, Any], path: Path) -> None:
    common = {"batch_size": 32, "schedule": OneCycle(0.01), **options}
    plain = trained(epochs=4, **options)
    model = small_net(dropout=0.5)
    optimizer = Adam(model.parameters())
    data, validation = blobs(200), blobs(40)
    first = fit(model, data, validation, epochs=2, schedule_epochs=4, optimizer=optimizer, **common)  # type: ignore[arg-type]  # fmt: skip
    second = fit(model, data, validation, epochs=4, initial_epoch=2, optimizer=optimizer, **common)  # type: ignore[arg-type]  # fmt: skip
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


# Arguments that say nothing, files that are none ---------------------------------------------


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


def test_a_file_that_is_no_checkpoint_is_refused(path: Path) -> None:
    io.save(path, small_net(dropout=0.5))
    assert "is no checkpoint of a training" in resumed_with(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is not a readable safetensors file"):
        trained(checkpoint=path, resume=True)
    with pytest.raises(FileNotFoundError):
        trained(checkpoint=path.parent / "nowhere" / "file", resume=True)
    with pytest.raises(IsADirectoryError):
        trained(checkpoint=path.parent)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "has format 2, this pycnn reads 1"),
        ({"settings": None}, "state is not as expected"),
        ({"history": []}, "state is not as expected"),
        (
            {"layers": {"training": [], "random": []}},
            "cannot be resumed: its state is not as expected",
        ),
        ({"optimizer": {"param_groups": [{}], "state": {}}}, "cannot be resumed"),
        ({"callbacks": []}, "state is not as expected"),
        ({"inside": 3}, "cannot be resumed"),
        ({"loss": {"$array": "gone"}}, "the array gone is missing"),
    ],
)
def test_a_state_that_is_not_as_expected_is_refused_in_words(
    change: dict[str, Any], words: str, path: Path
) -> None:
    died(Die(10), checkpoint=path, every=1)
    rewrite(path, **change)
    with pytest.raises(ValueError, match=words) as info:
        trained(checkpoint=path, resume=True)
    assert str(path) in str(info.value)


def test_a_changed_byte_of_the_state_is_found(path: Path) -> None:
    died(Die(10), checkpoint=path, every=1)
    content = path.read_bytes()
    changed = content.replace(b'"step": 9,', b'"step": 8,')
    assert changed != content
    path.write_bytes(changed)
    assert "corrupt: its checksum does not match" in resumed_with(path)


class Remembers(Callback):
    """Has a state of whatever it was given."""

    def __init__(self, state: dict[Any, Any]) -> None:
        self.state = state

    def state_dict(self) -> dict[Any, Any]:
        return self.state

    def load_state_dict(self, state: Any) -> None:
        self.state = state


def test_a_long_history_and_a_long_list_of_a_callback_are_stored_and_read(path: Path) -> None:
    """They are data, and no header, whose length is bounded."""

    class Long(Callback):
        def on_train_begin(self, run: Run, validated: bool) -> None:
            if not len(run.history):
                figures = (0.125, 0.5, 0.25, 0.75, 1e-3, 0.5, 100.0)
                run.history.records += [EpochRecord(e, *figures) for e in range(1, 50_001)]

    def callbacks(long: list[Any]) -> list[Callback]:
        return [Long(), Remembers({"long": long})]

    long = [0] * 1_200_000
    options: dict[str, Any] = {"checkpoint": path, "epochs": 1}
    died(Die(6), callbacks=[*callbacks(long), Die(6)], every=5, **options)
    again = callbacks([])
    resumed = trained(callbacks=[*again, Die()], resume=True, **options)
    assert len(resumed.history) == 50_001
    assert again[1].state_dict() == {"long": long}


def test_arrays_of_a_state_whose_keys_look_alike_are_told_apart(path: Path) -> None:
    def state(*numbers: float) -> dict[str, Any]:
        x, y = map(np.array, numbers)
        return {"a.b": x, "a": {"b": y}, "0": [x, {"1": y}]}

    died(Die(6), checkpoint=path, every=5, callbacks=[Remembers(state(1.0, 2.0)), Die(6)])
    other = Remembers({})
    trained(checkpoint=path, resume=True, callbacks=[other, Die()])
    assert other.state == state(1.0, 2.0)
    both = [Remembers({1: 0.0, "1": 1.0})]
    with pytest.raises(TypeError, match="as a string and as a number"):
        trained(checkpoint=path, callbacks=both)


def test_a_state_that_a_checkpoint_cannot_hold_is_named(path: Path) -> None:
    class Odd(Callback):
        def state_dict(self) -> dict[str, Any]:
            return {"seen": {1, 2}}

    steps = Steps()
    with pytest.raises(TypeError, match=r"the state training:callbacks\.0\.seen is set"):
        trained(checkpoint=path, callbacks=[Odd(), steps])
    assert steps.seen == []  # none was taken in vain


class Steps(Callback):
    """Lists steps, and the batch numbers at ends of epochs."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.batches: list[int] = []

    def on_step(self, run: Run) -> None:
        self.seen.append(run.step)

    def on_epoch_end(self, run: Run, record: object) -> None:
        self.batches.append(run.batch_number)


def test_the_number_of_the_last_batch_is_known_behind_it(path: Path) -> None:
    died(Die(epoch=1), checkpoint=path, every=7, callbacks=[Steps(), Die(epoch=1)])
    steps = Steps()
    trained(checkpoint=path, resume=True, callbacks=[steps, Die()])
    assert steps.batches == [7, 7, 7]


def test_a_callback_with_the_file_of_the_checkpoint_is_refused(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    for callback in (BestCheckpoint(link, monitor="loss"), CSVLog(link)):
        with pytest.raises(ValueError, match="have the same file"):
            trained(checkpoint=path, callbacks=[callback])
    assert not path.exists()


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


def test_a_weight_of_a_batch_that_is_a_number_of_numpy_can_be_stored(path: Path) -> None:
    class Own(CrossEntropyLoss):
        def batch_weight(self, target: np.ndarray) -> Any:
            return np.float32(len(target))

    plain = trained(loss=Own())
    died(Die(3), checkpoint=path, every=1, loss=Own())
    assert trained(checkpoint=path, resume=True, loss=Own()) == plain


# Devices -------------------------------------------------------------------------------------


def test_a_device_saves_and_resumes(device: str, path: Path) -> None:
    def once(**options: Any) -> dict[str, np.ndarray]:
        model = small_net(dropout=0.5).to(device)
        data = blobs(40)
        fit(model, data, epochs=2, batch_size=16, optimizer=Adam(model.parameters()), **options)
        return {name: pycnn.devices.on_cpu(a) for name, a in model.state_dict().items()}

    plain = once(callbacks=[Die()])
    with pytest.raises(DiedError):
        once(callbacks=[Die(4)], checkpoint=path, every=1)
    assert same_bits(once(callbacks=[Die()], checkpoint=path, resume=True), plain)
