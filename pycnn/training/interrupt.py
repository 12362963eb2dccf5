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
    """Lets signals that interrupt through between steps, and makes them wait during one.

    ``with gate:`` stands around a step. A signal that comes within raises its KeyboardInterrupt at
    the end of the step; a second one forces it at once. Outside of a step, where training waits
    for data or measures, it is raised at once. The gate is for the signals that `watch` has found;
    without any (in a thread that is not the main one, or where the program has handlers of its
    own) it changes nothing.

    Attributes
    ----------
    broken : bool
        Whether an exception has ended a step in its middle.
    """

    __slots__ = ("_handlers", "_inside", "_waiting", "broken")

    def __init__(self) -> None:
        self._handlers: dict[int, Handler] = {}
        self._inside = False
        self._waiting: int | None = None
        self.broken = False

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Take the place of the handlers that raise KeyboardInterrupt; give it back in the end."""
        if threading.current_thread() is threading.main_thread():
            for signum in SIGNALS:
                handler = signal.getsignal(signum)
                if handler is signal.default_int_handler or _of_stops(handler):
                    self._handlers[signum] = handler  # type: ignore[assignment]
                    signal.signal(signum, self._on_signal)
        try:
            yield
        finally:
            for taken, own in self._handlers.items():
                if signal.getsignal(taken) == self._on_signal:  # else it is the program's by now
                    signal.signal(taken, own)
            self._handlers = {}

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self._inside and self._waiting is None:
            self._waiting = signum
        else:
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
        elif self._waiting is not None:
            signum, self._waiting = self._waiting, None
            self._handlers[signum](signum, None)


class Stops:
    """Within it, SIGTERM and SIGHUP raise `Stopped`, as SIGINT raises KeyboardInterrupt.

    In the main thread, and where they would end the process: one that is ignored (as ``nohup``
    does), or has a handler already, is left alone.

    Attributes
    ----------
    exit_code : int
        What a shell reports for the last of them; for SIGINT if there was none.
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
