"""Ctrl-C and the like in `fit`: between two steps, with a checkpoint of there."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
import pytest
from toy import blobs, pairs, same_bits, small_net, snapshot

from pycnn.layers import Module
from pycnn.losses import CrossEntropyLoss
from pycnn.optim import Adam
from pycnn.training import Callback, History, Run, fit
from pycnn.training.interrupt import Gate, Stopped, Stops
from pycnn.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("default_handler")


@pytest.fixture
def default_handler() -> Iterator[None]:
    """Give SIGINT Python's handler even in the background, and SIGHUP its own under nohup."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    after = signal.signal(signal.SIGINT, before)
    signal.signal(signal.SIGHUP, hangup)
    assert after is signal.default_int_handler


@contextmanager
def warned() -> Iterator[None]:
    with pytest.warns(RuntimeWarning, match=r"\[fit\] interrupted (in|after) epoch"):
        yield


def press() -> None:
    """Press Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


class Press(Callback):
    """Ctrl-C in one of the places of a training."""

    def __init__(self, where: str, step: int = 3, times: int = 1) -> None:
        self.where, self.step, self.times = where, step, times
        self.after = 0

    def _come(self, where: str, run: Run) -> None:
        if where == self.where and run.step == self.step:
            for _ in range(self.times):
                press()
        self.after = run.step

    def on_backward(self, run: Run) -> None:
        self._come("backward", run)

    def on_step(self, run: Run) -> None:
        self._come("step", run)

    def on_epoch_end(self, run: Run, record: object) -> None:
        self._come("epoch", run)


def trained(callback: Callback, **options: Any) -> tuple[dict[str, np.ndarray], History]:
    model = small_net(dropout=0.5)
    data = options.pop("train", blobs(128))
    options = {"epochs": 3, "batch_size": 32, "optimizer": Adam(model.parameters())} | options
    history = fit(model, data, blobs(30), callbacks=[callback], **options)
    return snapshot(model), history


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
        for resume in (False, True):  # the second time in the middle of what is resumed
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


# Where it is not for fit to handle signals ---------------------------------------------------


def test_a_handler_of_the_program_stays_and_is_called_at_once() -> None:
    seen: list[int] = []

    def own(signum: int, frame: object) -> None:
        seen.append(signum)

    before = signal.signal(signal.SIGINT, own)
    try:
        _, history = trained(Press("backward", 2))
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIGINT]
    assert not history.interrupted
    assert len(history) == 3


def test_a_handler_that_the_program_sets_meanwhile_stays() -> None:
    def own(signum: int, frame: object) -> None:
        raise AssertionError

    class Set(Callback):
        def on_step(self, run: Run) -> None:
            signal.signal(signal.SIGINT, own)

    trained(Set())
    assert signal.signal(signal.SIGINT, signal.default_int_handler) is own


def test_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _, history = trained(Press("backward", 2))
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert not history.interrupted


def test_a_training_in_another_thread_has_no_signals() -> None:
    done: list[History] = []
    thread = threading.Thread(target=lambda: done.append(trained(Press("nowhere"))[1]))
    thread.start()
    thread.join(60)
    assert len(done[0]) == 3


def test_a_training_within_a_step_of_another() -> None:
    """The inner one ends after its step, and then the outer one after its own."""
    lengths = []

    class Inner(Callback):
        def on_step(self, run: Run) -> None:
            if run.step == 2:
                lengths.append(len(trained(Press("backward", 1))[1]))

    with warned():
        _, history = trained(Inner())
    assert lengths == [0]
    assert len(history) == 0


def test_errors_and_the_end_give_the_handler_back() -> None:
    class Fail(Callback):
        def on_step(self, run: Run) -> None:
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        trained(Fail())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# The parts -----------------------------------------------------------------------------------


def test_a_gate_raises_after_a_step_what_came_in_it() -> None:
    gate, steps = Gate(), []

    def two_steps() -> None:
        with gate:
            press()
            steps.append("first")
        steps.append("second")

    with gate.watch(), pytest.raises(KeyboardInterrupt):
        two_steps()
    assert steps == ["first"]
    assert not gate.broken


def test_a_gate_is_broken_by_what_ends_a_step_in_its_middle() -> None:
    gate = Gate()

    def step(fail: Callable[[], None]) -> None:
        with gate:
            fail()

    def twice() -> None:
        press()
        press()

    with gate.watch(), pytest.raises(KeyboardInterrupt):
        step(twice)
    assert gate.broken


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_signals_that_end_a_program_are_like_ctrl_c_within_stops(signum: signal.Signals) -> None:
    class End(Callback):
        def on_backward(self, run: Run) -> None:
            if run.step == 5:
                signal.raise_signal(signum)

    with Stops() as stops, warned():
        _, history = trained(End())
    assert history.interrupted
    assert stops.exit_code == 128 + signum
    assert signal.getsignal(signum) == signal.SIG_DFL
    with Stops() as stops, pytest.raises(Stopped) as info:
        signal.raise_signal(signum)
    assert info.value.exit_code == 128 + signum


def test_stops_leave_alone_what_is_ignored_and_what_has_a_handler() -> None:
    def own(signum: int, frame: object) -> None:
        raise AssertionError

    before = [signal.signal(signal.SIGHUP, signal.SIG_IGN), signal.signal(signal.SIGTERM, own)]
    try:
        with Stops():
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGHUP, before[0])
        signal.signal(signal.SIGTERM, before[1])


def test_the_model_forgets_the_step_that_was_forced(tmp_path: Path) -> None:
    model = small_net()
    with warned():
        fit(model, blobs(64), callbacks=[Press("backward", 0, times=2)])
    assert all(module._memory is None for module in Module.modules(model))
