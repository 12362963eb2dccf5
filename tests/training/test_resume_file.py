"""The file of a checkpoint: its content, and the errors for an unexpected one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.resuming import Die, died, resumed_with, rewrite, trained
from support.small_training import same_bits, small_net, snapshot

import pycnn
from pycnn import _safetensors, io
from pycnn.losses import CrossEntropyLoss
from pycnn.training import BestCheckpoint, Callback, CSVLog, EpochRecord, Run, fit


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
        ({"loss": {"$number": ["object", 1]}}, "object is no dtype of numbers"),
        ({"loss": {"$number": 1}}, "state is not as expected"),
        ({"loss": {"$items": [[[], 1]]}}, "state is not as expected"),
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


def test_a_long_history_and_a_long_list_of_a_callback_are_stored_and_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are data, and no header, whose length is bounded: here by less than either needs."""
    monkeypatch.setattr(_safetensors, "_LEAST_TEXT", 1 << 16)

    class Long(Callback):
        def on_train_begin(self, run: Run, validated: bool) -> None:
            if not len(run.history):
                figures = (0.125, 0.5, 0.25, 0.75, 1e-3, 0.5, 100.0)
                run.history.records += [EpochRecord(e, *figures) for e in range(1, 5001)]

    def callbacks(long: list[Any]) -> list[Callback]:
        return [Long(), Remembers({"long": long})]

    long = [0] * 120_000
    options: dict[str, Any] = {"checkpoint": path, "epochs": 1}
    died(Die(6), callbacks=[*callbacks(long), Die(6)], every=5, **options)
    again = callbacks([])
    resumed = trained(callbacks=[*again, Die()], resume=True, **options)
    assert len(resumed.history) == 5001
    assert again[1].state_dict() == {"long": long}


def test_arrays_of_a_state_whose_keys_look_alike_are_told_apart(path: Path) -> None:
    def state(*numbers: float) -> dict[str, Any]:
        x, y = map(np.array, numbers)
        return {"a.b": x, "a": {"b": y}, "0": [x, {"1": y}]}

    died(Die(6), checkpoint=path, every=5, callbacks=[Remembers(state(1.0, 2.0)), Die(6)])
    other = Remembers({})
    trained(checkpoint=path, resume=True, callbacks=[other, Die()])
    assert other.state == state(1.0, 2.0)


def exactly(value: Any) -> Any:
    """Return a nested value with the kind of each part, to be compared."""
    if isinstance(value, dict):
        return {exactly(key): exactly(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), tuple(map(exactly, value))
    return type(value), repr(value)


@pytest.mark.parametrize(
    "state",
    [
        {"k": {1: 2}, "t": (1, 2)},
        {1: 0.0, "1": 1.0, False: "t", 2.5: (), None: [(), [()]]},
        {(1, ("a", None)): {2: {3: "deep"}}, "$array": "a name", "$": {"$tuple": [1]}},
        {"n": [np.float32(0.1), np.float64(np.nan), np.int8(-3), np.True_, np.uint64(2**64 - 1)]},
        {np.int64(7): np.float16(0.1), "x": (-np.inf, -0.0, 2**70)},
    ],
)  # fmt: skip
def test_tuples_and_keys_of_a_callback_come_back_as_they_were(
    state: dict[Any, Any], path: Path
) -> None:
    died(Die(6), checkpoint=path, every=5, callbacks=[Remembers(state), Die(6)])
    other = Remembers({})
    trained(checkpoint=path, resume=True, callbacks=[other, Die()])
    assert exactly(other.state) == exactly(state)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({b"k": 1}, r"callbacks\.0\.b'k' \(the key\) is bytes"),
        ({"a": [0, {(1, frozenset()): 1}]}, r"a\.1\..*the key\)\.1 is frozenset"),
        ({"a": 1j}, r"a is complex"),
        ({"a": np.complex64(1)}, r"a is complex64"),
        ({"a": np.datetime64("2020-01-01")}, r"a is datetime64"),
        ({"a": np.longdouble(1)}, r"a is longdouble"),
    ],
)
def test_keys_and_numbers_that_a_checkpoint_cannot_hold_are_named(
    state: dict[Any, Any], words: str, path: Path
) -> None:
    steps = Steps()
    with pytest.raises(TypeError, match=words):
        trained(checkpoint=path, callbacks=[Remembers(state), steps])
    assert steps.seen == []


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


def test_a_weight_of_a_batch_that_is_a_number_of_numpy_can_be_stored(path: Path) -> None:
    class Own(CrossEntropyLoss):
        def batch_weight(self, target: np.ndarray) -> Any:
            return np.float32(len(target))

    plain = trained(loss=Own())
    died(Die(3), checkpoint=path, every=1, loss=Own())
    assert trained(checkpoint=path, resume=True, loss=Own()) == plain
