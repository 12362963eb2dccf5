"""The progress bar of an epoch."""

from __future__ import annotations

import shutil
import sys
from time import perf_counter
from typing import Any

# Redrawing costs about as much as a training step of a small network, so it is done rarely.
SECONDS_BETWEEN_UPDATES = 0.1


class ProgressBar:
    """A tqdm bar that counts images, or nothing at all where nobody could watch it.

    Parameters
    ----------
    epoch, epochs : int
        Number of the epoch, from 1, and how many there are.
    images : int or None
        Images in the epoch, where known.
    visible : bool
        Whether a bar is wanted; it appears only if stderr is a terminal.
    """

    __slots__ = ("_bar", "_next", "_shown")

    def __init__(self, epoch: int, epochs: int, images: int | None, visible: bool) -> None:
        self._bar: Any = None
        self._shown = 0
        self._next = 0.0
        if visible and sys.stderr.isatty():
            from tqdm.auto import tqdm

            # tqdm takes a terminal that does not know its width for one of width 0.
            self._bar = tqdm(
                total=images,
                desc=f"epoch {epoch}/{epochs}",
                unit=" images",
                unit_scale=True,
                mininterval=0,
                ncols=shutil.get_terminal_size().columns,
            )

    def update(self, images: int, loss: float, accuracy: float | None) -> None:
        """Show the figures of the epoch so far, if it is time to."""
        if self._bar is None:
            return
        now = perf_counter()
        if now >= self._next:
            self._next = now + SECONDS_BETWEEN_UPDATES
            figures = {"loss": f"{loss:.4f}"}
            if accuracy is not None:
                figures["accuracy"] = f"{accuracy:.2%}"
            self._bar.set_postfix(figures, refresh=False)
            self._bar.update(images - self._shown)
            self._shown = images

    def finish(self, text: str) -> None:
        """Put the figures of the finished epoch in place of the bar."""
        if self._bar is not None:
            self._bar.bar_format = "{desc}"
            self._bar.set_description_str(text)

    def close(self) -> None:
        """Let go of the line of the terminal."""
        if self._bar is not None:
            self._bar.close()
