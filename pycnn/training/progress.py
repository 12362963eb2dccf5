"""The progress bar of an epoch, or of another stretch of learning."""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache
from threading import RLock
from time import perf_counter
from typing import Any

# Redrawing costs about as much as a training step of a small network, so it is done rarely.
SECONDS_BETWEEN_UPDATES = 0.1

# What comes last is cut off first where the terminal is narrow: the speed, not the figures.
FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}, {rate_fmt}"


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

    Parameters
    ----------
    label : str
        What is going on.
    samples : int or None
        Samples in all, where known.
    visible : bool
        Whether a bar is wanted; it appears only if stderr is a terminal.
    """

    __slots__ = ("_bar", "_label", "_next", "_shown")

    def __init__(self, label: str, samples: int | None, visible: bool) -> None:
        self._bar: Any = None
        self._label = label
        self._shown = 0
        self._next = 0.0
        if visible and sys.stderr.isatty():
            # tqdm takes a terminal that does not know its size for one of size 0.
            size = shutil.get_terminal_size()
            self._bar = _bar_class()(
                total=samples,
                desc=label,
                unit=" samples",
                unit_scale=True,
                mininterval=0,
                ncols=size.columns,
                nrows=size.lines,
                bar_format=FORMAT if samples else None,
            )

    def update(
        self, samples: int, loss: float | None = None, accuracy: float | None = None
    ) -> None:
        """Show how many samples are done, and figures of them, if it is time to."""
        if self._bar is None:
            return
        now = perf_counter()
        if now >= self._next:
            self._next = now + SECONDS_BETWEEN_UPDATES
            parts = [self._label]
            if loss is not None:
                parts.append(f"loss {loss:.4f}")
            if accuracy is not None:
                parts.append(f"accuracy {accuracy:.2%}")
            self._bar.set_description_str(", ".join(parts), refresh=False)
            self._bar.update(samples - self._shown)
            self._shown = samples

    def finish(self, text: str) -> None:
        """Put a line in place of the bar: all of it, however narrow the terminal."""
        if self._bar is not None:
            self._bar.leave = False
            self._bar.close()
            print(text, file=sys.stderr)

    def close(self) -> None:
        """Let go of the line of the terminal."""
        if self._bar is not None:
            self._bar.close()
