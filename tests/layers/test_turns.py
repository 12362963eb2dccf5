"""The line in which threads that read a model and those that change it wait for each other."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pytest

from pycnn.layers import Linear, Module, Sequential
from pycnn.layers.turns import Turn, _line


class Actor:
    """A thread that takes turns when it is told to."""

    def __init__(self) -> None:
        self._tasks: list[Callable[[], None]] = []
        self._go = threading.Semaphore(0)
        self._stack: list[object] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.holds = 0

    def _run(self) -> None:
        while True:
            self._go.acquire()
            self._tasks.pop(0)()

    def _do(self, task: Callable[[], None]) -> None:
        self._tasks.append(task)
        self._go.release()

    def enter(self, model: Module, alone: bool = False) -> None:
        def task() -> None:
            context = Turn(model, alone=alone).taken()
            context.__enter__()
            self._stack.append(context)
            self.holds += 1

        before = len(_line.turns)
        self._do(task)
        until(lambda: len(_line.turns) > before)

    def leave(self) -> None:
        before = len(_line.turns)
        self._do(lambda: self._stack.pop().__exit__(None, None, None))  # type: ignore[attr-defined]
        until(lambda: len(_line.turns) < before)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.001)


def stays(condition: Callable[[], bool]) -> None:
    time.sleep(0.15)  # longer than the line's patience
    assert condition()


@pytest.fixture(autouse=True)
def _empty_line() -> None:
    assert _line.turns == []


def test_readers_at_once_and_one_who_writes_alone_in_order() -> None:
    model = Linear(2, 2)
    r1, r2, w, r3 = (Actor() for _ in range(4))
    r1.enter(model)
    r2.enter(model)
    until(lambda: r1.holds == r2.holds == 1)
    w.enter(model, alone=True)
    r3.enter(model)  # behind it: readers do not keep it out for ever
    stays(lambda: w.holds == r3.holds == 0)
    r1.leave()
    stays(lambda: w.holds == 0)
    r2.leave()
    until(lambda: w.holds == 1)
    stays(lambda: r3.holds == 0)
    w.enter(model, alone=True)  # its own turn does not hold it up
    until(lambda: w.holds == 2)
    w.leave()
    w.leave()
    until(lambda: r3.holds == 1)
    r3.leave()


def test_models_without_a_part_in_common_do_not_wait() -> None:
    shared = Linear(2, 2)
    one, two, other = Sequential(shared), Sequential(shared, Linear(2, 2)), Linear(2, 2)
    a, b, c = (Actor() for _ in range(3))
    a.enter(one, alone=True)
    c.enter(other, alone=True)
    b.enter(two)
    until(lambda: c.holds == 1)
    stays(lambda: b.holds == 0)
    a.leave()
    until(lambda: b.holds == 1)
    b.leave()
    c.leave()


def test_a_turn_within_a_turn_is_not_behind_who_waits_for_the_outer_one() -> None:
    model = Linear(2, 2)
    r, w = Actor(), Actor()
    r.enter(model)
    w.enter(model, alone=True)
    r.enter(model)
    until(lambda: r.holds == 2)
    r.leave()
    stays(lambda: w.holds == 0)
    r.leave()
    until(lambda: w.holds == 1)
    w.leave()


def test_threads_that_train_with_each_others_models_do_not_wait_for_ever() -> None:
    models = [Linear(2, 2) for _ in range(3)]
    actors = [Actor() for _ in range(3)]
    for actor, model in zip(actors, models, strict=True):
        actor.enter(model, alone=True)
    for number, actor in enumerate(actors):  # each reads the next one's: a circle
        until(lambda a=actor: a.holds == 1)  # type: ignore[misc]
        actor.enter(models[(number + 1) % 3])
    until(lambda: actors[2].holds == 2)
    for actor in reversed(actors):
        until(lambda a=actor: a.holds == 2)  # type: ignore[misc]
        actor.leave()
        actor.leave()


def test_a_third_that_waits_is_no_reason_to_go_ahead() -> None:
    """A circle is only one if it comes back to a turn that runs."""
    a, b = Linear(2, 2), Linear(2, 2)
    x, y, z = (Actor() for _ in range(3))
    x.enter(a, alone=True)
    y.enter(b, alone=True)
    z.enter(a)  # waits for x
    x.enter(b)  # waits for y
    stays(lambda: z.holds == 0)
    stays(lambda: x.holds == 1)
    y.leave()
    until(lambda: x.holds == 2)
    stays(lambda: z.holds == 0)
    x.leave()
    x.leave()
    until(lambda: z.holds == 1)
    z.leave()


def test_a_pause_lets_others_in() -> None:
    model, other = Linear(2, 2), Actor()
    one = Turn(model, alone=True)
    with one.taken():
        other.enter(model)
        stays(lambda: other.holds == 0)
        with one.paused():
            until(lambda: other.holds == 1)
            other.leave()
        other.enter(model)
        stays(lambda: other.holds == 1)
    until(lambda: other.holds == 2)
    other.leave()


def test_a_pause_lets_in_who_reads_and_keeps_out_who_writes() -> None:
    """Readers go ahead of a waiting writer: the pause may be meant for them."""
    model, (w, r1, r2) = Linear(2, 2), (Actor() for _ in range(3))
    one = Turn(model, alone=True)
    with one.taken():
        w.enter(model, alone=True)
        r1.enter(model)
        stays(lambda: w.holds == r1.holds == 0)
        with one.paused():
            until(lambda: r1.holds == 1)
            stays(lambda: w.holds == 0)
            timer = threading.Timer(0.2, r1.leave)
            timer.start()
        assert not r1._stack  # it has waited for the readers
        timer.join()
        r2.enter(model)
        stays(lambda: w.holds == r2.holds == 0)
    until(lambda: w.holds == 1)
    stays(lambda: r2.holds == 0)
    w.leave()
    until(lambda: r2.holds == 1)
    r2.leave()


def test_who_waits_by_way_of_others_for_a_pause_holds_up_nobody_who_reads() -> None:
    first, second = Linear(2, 2), Linear(2, 2)
    w1, w2, r = (Actor() for _ in range(3))
    one = Turn(first, alone=True)
    with one.taken():
        w1.enter(Sequential(first, second), alone=True)
        w2.enter(second, alone=True)
        r.enter(second)
        with one.paused():
            until(lambda: r.holds == 1)
            stays(lambda: w1.holds == w2.holds == 0)
            r.leave()
    until(lambda: w1.holds == 1)
    w1.leave()
    until(lambda: w2.holds == 1)
    w2.leave()


def test_an_interrupted_wait_leaves_the_line() -> None:
    model, other = Linear(2, 2), Actor()
    other.enter(model, alone=True)
    until(lambda: other.holds == 1)
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt), Turn(model).taken():
            raise AssertionError("it was not its turn")
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert len(_line.turns) == 1
    other.leave()


def test_an_error_within_a_turn_ends_it() -> None:
    model = Linear(2, 2)
    with pytest.raises(KeyError), Turn(model, alone=True).taken():
        raise KeyError
    assert _line.turns == []
