"""Ctrl-C and the like in `fit`: between two steps, with a checkpoint of there."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import pytest
from support.pressing import Press, press, trained, warned
from support.small_training import blobs, pairs, same_bits, small_net

from pycnn.layers import Module
from pycnn.losses import CrossEntropyLoss
from pycnn.training import Callback, Run, fit
from pycnn.training.interrupt import Gate
from pycnn.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("default_handler")


@pytest.mark.parametrize(
    ("where", "step", "records"), [("backward", 6, 1), ("step", 6, 1), ("epoch", 8, 2)]
)
def test_ctrl_c_waits_for_the_end_of_a_step_and_leaves_a_checkpoint_of_there(
    where: str, step: int, records: int, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    plain, whole = trained(Press("nowhere"))
    press_there = Press(where, step)
    with warned():
        stopped, history = trained(press_there, checkpoint=checkpoint)
    assert history.interrupted
    assert len(history) == records
    assert press_there.after == step + (where == "backward")
    resumed, history = trained(Press("nowhere"), checkpoint=checkpoint, resume=True)
    assert not history.interrupted
    assert same_bits(resumed, plain)
    assert history["loss"] == whole["loss"]
    assert not same_bits(stopped, plain)


def test_a_second_ctrl_c_forces_and_then_the_checkpoint_of_before_stays(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    plain, _ = trained(Press("nowhere"))
    with warned():
        _, history = trained(Press("backward", 6, times=2), checkpoint=checkpoint, every=5)
    assert history.interrupted
    resumed, _ = trained(Press("nowhere"), checkpoint=checkpoint, resume=True)
    assert same_bits(resumed, plain)


def test_ctrl_c_ends_a_training_within_a_callback_and_then_the_one_around_it() -> None:
    inner = Press("step", 2)
    records: list[int] = []

    class Nested(Callback):
        def on_epoch_end(self, run: Run, record: object) -> None:
            _, history = trained(inner, epochs=50)
            records.append(len(history))
            assert history.interrupted

    with pytest.warns(RuntimeWarning, match="interrupted") as warnings:
        _, history = trained(Nested())
    assert len(warnings) == 2
    assert records == [0]
    assert inner.after == 2
    assert history.interrupted
    assert len(history) == 1


def test_ctrl_c_while_handlers_are_taken_leaves_them_as_they_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take = Gate._take

    def pressed(gate: Gate, signum: int) -> None:
        take(gate, signum)
        press()

    monkeypatch.setattr(Gate, "_take", pressed)
    with pytest.raises(KeyboardInterrupt), Gate().watch():
        raise AssertionError("it did not come")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class Interrupted:
    """Data that Ctrl-C comes in the middle of."""

    def __init__(self, at: int) -> None:
        self.at, self.passes = at, 0
        self.waited = False

    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[Any]:
        for index, batch in enumerate(pairs()):
            if index == self.at:
                press()
                self.waited = True  # it did not come at once
            yield batch


@pytest.mark.parametrize("at", [0, 2])
def test_ctrl_c_comes_at_once_while_training_waits_for_data(at: int, tmp_path: Path) -> None:
    checkpoint, data = tmp_path / "checkpoint", Interrupted(at)
    with warned():
        _, history = trained(Press("nowhere"), train=data, checkpoint=checkpoint)
    assert history.interrupted
    assert not data.waited
    plain, _ = trained(Press("nowhere"), train=pairs())
    resumed, _ = trained(Press("nowhere"), train=pairs(), checkpoint=checkpoint, resume=True)
    assert same_bits(resumed, plain)


def test_ctrl_c_comes_at_once_while_training_measures(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    left = [9]

    class Loss(CrossEntropyLoss):
        def __call__(self, output: np.ndarray, target: np.ndarray) -> Any:
            left[0] -= len(target) == 30  # the validation data
            if left[0] == 0:
                press()
                raise AssertionError("it waited")
            return super().__call__(output, target)

    plain, whole = trained(Press("nowhere"), loss=Loss())
    left[0] = 2
    with warned():
        _, history = trained(Press("nowhere"), loss=Loss(), checkpoint=checkpoint)
    assert len(history) == 1
    left[0] = 9
    resumed, history = trained(Press("nowhere"), loss=Loss(), checkpoint=checkpoint, resume=True)
    assert same_bits(resumed, plain)
    assert history["val_loss"] == whole["val_loss"]


def test_a_real_ctrl_c_ends_a_training_whose_loader_waits(tmp_path: Path) -> None:
    def slow(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        time.sleep(0.2)
        return x

    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    start = time.perf_counter()
    with warned():
        _, history = trained(Press("nowhere"), augment=slow, epochs=1000)
    assert history.interrupted
    assert time.perf_counter() - start < 30


class AtLine:
    """Ctrl-C before each of the lines of a function, in turn."""

    def __init__(self, function: Any, at: int) -> None:
        self.code, self.left = function.__code__, at

    def __call__(self, frame: Any, event: str, _: object) -> Any:
        if frame.f_code is self.code and event == "line":
            self.left -= 1
            if self.left == -1:
                press()
        return self if frame.f_code is self.code else None


@pytest.mark.parametrize("function", [fit, Trainer.begin, Trainer.epoch, Trainer._steps])
def test_ctrl_c_at_any_line_of_the_loop_leaves_a_checkpoint_that_goes_on_exactly(
    function: Any, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    options: dict[str, Any] = {"train": blobs(40), "epochs": 2, "checkpoint": checkpoint}
    plain, _ = trained(Press("nowhere"), **options)
    for at in count():
        checkpoint.unlink(missing_ok=True)
        for resume in (False, True):  # the second time in the middle of the resumed training
            tracer = AtLine(function, at)
            before = sys.gettrace()
            sys.settrace(tracer)
            try:
                with suppress(KeyboardInterrupt), catch_warnings():
                    simplefilter("ignore")
                    trained(Press("nowhere"), resume=resume, every=1, **options)
            finally:
                sys.settrace(before)
        resumed, _ = trained(Press("nowhere"), resume=True, **options)
        assert same_bits(resumed, plain), at
        if tracer.left >= 0:
            break
    assert at >= 5


def test_the_model_forgets_the_step_that_was_forced(tmp_path: Path) -> None:
    model = small_net()
    with warned():
        fit(model, blobs(64), callbacks=[Press("backward", 0, times=2)])
    assert all(module._memory is None for module in Module.modules(model))
