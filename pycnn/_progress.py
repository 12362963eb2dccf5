"""The progress bar of an epoch, or of another stretch of work."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from threading import RLock
from time import perf_counter
from typing import Any

from pycnn._printable import loss_text
from pycnn._streams import is_terminal

# Redrawing costs about as much as a training step of a small network, so it is done rarely.
SECONDS_BETWEEN_UPDATES = 0.1

# What comes last is cut off first where the terminal is narrow: the speed, not the figures.
BAR_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}, {rate_fmt}"


def show(text: str, visible: bool) -> None:
    """Print a line to stderr where a bar would be shown."""
    if visible and is_terminal(sys.stderr):
        with suppress(OSError, ValueError):
            print(text, file=sys.stderr)


@cache
def _bar_class() -> Any:
    """Return tqdm's bar with a lock of its own, which a forked child gets anew.

    In the child the thread is missing that may have held the lock. And tqdm's own lock, which is
    one between processes, would settle how `multiprocessing` starts them in the whole program.
    """
    from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        pass

    Bar.set_lock(RLock())
    os.register_at_fork(after_in_child=lambda: Bar.set_lock(RLock()))
    return Bar


class ProgressBar:
    """A tqdm bar that counts samples, or nothing at all where nobody could watch it.

    What goes wrong with the bar, such as a terminal that went away, is the end of the bar alone.

    Parameters
    ----------
    label : str
        What is going on.
    total : int or None
        Samples in all, where known.
    visible : bool
        Whether a bar is wanted; it appears only if stderr is a terminal.
    unit : str
        What is counted.
    """

    __slots__ = ("_bar", "_done", "_label", "_next", "_stream")

    def __init__(
        self, label: str, total: int | None, visible: bool, unit: str = " samples"
    ) -> None:
        self._bar: Any = None
        self._label = label
        self._done = 0
        self._next = 0.0
        self._stream = sys.stderr
        if not (visible and is_terminal(self._stream)):
            return
        with self._alone():
            # tqdm takes a terminal that does not know its size for one of size 0. With miniters
            # its own thread, which would meet a broken stream, has nothing to redraw. A bar that an
            # interrupted training has left would make room for itself: hence the position.
            size = shutil.get_terminal_size()
            self._bar = _bar_class()(
                total=total,
                desc=label,
                unit=unit,
                unit_scale=True,
                mininterval=0,
                miniters=1,
                position=0,
                ncols=size.columns,
                nrows=size.lines,
                bar_format=BAR_FORMAT if total else None,
            )

    def update(self, done: int, loss: float | None = None, accuracy: float | None = None) -> None:
        """Show how much is done, and figures of it, if it is time to."""
        if self._bar is None:
            return
        now = perf_counter()
        if now >= self._next:
            self._next = now + SECONDS_BETWEEN_UPDATES
            parts = [self._label]
            if loss is not None:
                parts.append(f"loss {loss_text(loss)}")
            if accuracy is not None:
                parts.append(f"accuracy {accuracy:.2%}")
            with self._alone():
                self._bar.set_description_str(", ".join(parts), refresh=False)
                self._bar.update(done - self._done)
            self._done = done

    def clear(self) -> None:
        """Make room for another line; the bar comes back with its next update."""
        if self._bar is not None:
            with self._alone():
                self._bar.clear()

    def finish(self, text: str) -> None:
        """Put a line in place of the bar: all of it, however narrow the terminal."""
        if self._bar is not None:
            with self._alone():
                self._bar.leave = False
                self._bar.close()
                print(text, file=self._stream)

    def close(self) -> None:
        """Let go of the line of the terminal."""
        if self._bar is not None:
            with self._alone():
                self._bar.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep failures of the bar from the work that it shows."""
        try:
            yield
        except Exception:
            bar, self._bar = self._bar, None
            with suppress(Exception):
                bar.disable = True  # or it would close, and fail, once more when it is collected
