"""Handlers of signals: whose they are while `fit` runs, and what `Gate` and `Stops` do."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import pytest
from support.pressing import Press, press, trained, warned

from pycnn.training import Callback, History, Run
from pycnn.training.interrupt import Gate, Stopped, Stops

pytestmark = pytest.mark.usefixtures("default_handler")


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
