"""Ctrl-C lands between the steps of a training, never inside an update."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

Handler = Callable[[int, FrameType | None], Any]


class Stopped(KeyboardInterrupt):
    """Like Ctrl-C, from a signal that asks a program to end.

    Attributes
    ----------
    exit_code : int
        What a shell reports for it.
    """

    exit_code: int


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Gate:
    """Lets interrupting signals through between steps, and makes them wait during a step.

    ``with gate:`` encloses a step. A signal that arrives within it raises its KeyboardInterrupt at
    the end of the step; a second one raises at once. Outside of a step, while training waits for
    data or measures, a signal raises at once. The gate handles the signals that `watch` took over;
    without any (outside the main thread, or in a program with its own handlers) it changes nothing.
    If one training runs in a callback of another, the inner one is interrupted between its own
    steps, and then the outer one at the end of its step.

    Attributes
    ----------
    broken : bool
        Whether an exception has ended a step in the middle.
    """

    __slots__ = ("_before", "_handlers", "_inside", "_outer", "_waiting", "broken")

    def __init__(self) -> None:
        self._handlers: dict[int, Handler] = {}  # those that raise
        self._before: dict[int, Any] = {}
        self._outer: Gate | None = None
        self._inside = False
        self._waiting: int | None = None
        self.broken = False

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Replace the handlers that raise KeyboardInterrupt; restore them at the end."""
        try:
            if threading.current_thread() is threading.main_thread():
                for signum in SIGNALS:
                    self._take(signum)
            yield
        finally:
            for taken, own in self._before.items():
                if signal.getsignal(taken) == self._on_signal:  # else the program has set its own
                    signal.signal(taken, own)
            self._before, self._handlers, self._outer = {}, {}, None

    def _take(self, signum: int) -> None:
        before: Any = signal.getsignal(signum)
        handler, outer = before, getattr(before, "__self__", None)
        if isinstance(outer, Gate):  # of a training in whose callback this one runs
            self._outer, handler = outer, outer._handlers[signum]
        if handler is signal.default_int_handler or _of_stops(handler):
            self._before[signum], self._handlers[signum] = before, handler
            signal.signal(signum, self._on_signal)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self._inside and self._waiting is None:
            self._waiting = signum
        else:
            self._raise(signum, frame)

    def _raise(self, signum: int, frame: FrameType | None) -> None:
        """End this training now, and those that enclose it after their steps."""
        outer = self._outer
        while outer is not None:
            outer._waiting = signum
            outer = outer._outer
        self._handlers[signum](signum, frame)

    def __enter__(self) -> None:
        self._inside = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._inside = False
        if error is not None:
            self.broken = True
        else:
            self._let_through()

    def _let_through(self) -> None:
        """Raise between two steps for a signal that came during the last one."""
        if self._waiting is not None:
            signum, self._waiting = self._waiting, None
            self._raise(signum, None)


class Stops:
    """Context in which SIGTERM and SIGHUP raise `Stopped`, as SIGINT raises KeyboardInterrupt.

    Only in the main thread, and only signals that would end the process: one that is ignored
    (``nohup`` does that) or already has a handler is left alone.

    Attributes
    ----------
    exit_code : int
        What a shell reports for the last of these signals, or for SIGINT if there was none.
    """

    def __init__(self) -> None:
        self.exit_code = 128 + signal.SIGINT
        self._taken: list[int] = []

    def __enter__(self) -> Stops:
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(signum) == signal.SIG_DFL:
                    signal.signal(signum, self.stop)
                    self._taken.append(signum)
        return self

    def __exit__(self, *_: object) -> None:
        for signum in self._taken:
            signal.signal(signum, signal.SIG_DFL)

    def stop(self, signum: int, _: FrameType | None) -> None:
        """Handle a signal."""
        stopped = Stopped()
        self.exit_code = stopped.exit_code = 128 + signum
        raise stopped


def _of_stops(handler: Any) -> bool:
    return isinstance(getattr(handler, "__self__", None), Stops)
