"""The progress bar of an epoch, or of other work."""

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

# A narrow terminal cuts off the end: the speed, not the figures.
BAR_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}, {rate_fmt}"


def show(text: str, visible: bool) -> None:
    """Print a line to stderr if a bar would be shown there."""
    if visible and is_terminal(sys.stderr):
        with suppress(OSError, ValueError):
            print(text, file=sys.stderr)


@cache
def _bar_class() -> Any:
    """Return a class of tqdm's bar with its own lock, which is renewed in a forked child.

    A thread that held the lock does not exist in the child. And tqdm's own lock works between
    processes: making it would fix the start method of `multiprocessing` for the whole program.
    """
    from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        pass

    Bar.set_lock(RLock())
    os.register_at_fork(after_in_child=lambda: Bar.set_lock(RLock()))
    return Bar


class ProgressBar:
    """A tqdm bar that counts samples; it does nothing if stderr is not a terminal.

    An error of the bar, such as a terminal that went away, ends only the bar.

    Parameters
    ----------
    label : str
        Name of the work.
    total : int or None
        Samples in all, if known.
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
            # its own thread, which could meet a broken stream, has nothing to redraw. The position
            # keeps a bar left by an interrupted training from taking a line.
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
        """Show how much is done, with loss and accuracy, if it is time for an update."""
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
        """Clear the line for other text; the bar comes back with its next update."""
        if self._bar is not None:
            with self._alone():
                self._bar.clear()

    def finish(self, text: str) -> None:
        """Replace the bar with a line, complete even in a narrow terminal."""
        if self._bar is not None:
            with self._alone():
                self._bar.leave = False
                self._bar.close()
                print(text, file=self._stream)

    def close(self) -> None:
        """Release the line of the terminal."""
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
                bar.disable = True  # or it closes, and fails, again when it is collected
