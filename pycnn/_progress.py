"""Progress of an epoch, or of other work: a bar where people look, else lines of a log."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import Any, Literal, TypeAlias

from pycnn import _notebook
from pycnn._arguments import flag, written
from pycnn._bars import notebook_bar, stream_bar
from pycnn._printable import loss_text
from pycnn._streams import is_terminal

Progress: TypeAlias = "bool | Literal['auto']"

# Redrawing costs about as much as a training step of a small network, so it is done rarely.
SECONDS_BETWEEN_UPDATES = 0.1

LOGGER = logging.getLogger("pycnn")


def progress_wish(owner: str, value: Any) -> Progress:
    """Return the argument `progress` of a function: True, False or 'auto'."""
    if isinstance(value, str):
        if value == "auto":
            return "auto"
        raise ValueError(f"[{owner}] progress must be True, False or 'auto', got {written(value)}")
    try:
        return flag(owner, "progress", value)
    except TypeError as error:
        text = str(error).replace("True or False", "True, False or 'auto'")
        raise TypeError(text) from None


def place_of(progress: Progress) -> Literal["nowhere", "stream", "notebook", "log"]:
    """Return where progress is shown.

    A bar belongs into a notebook or a terminal; True wants it on any stderr. Else there is the log.
    """
    if not progress:
        return "nowhere"
    if _notebook.is_here():
        return "notebook"
    if sys.stderr is not None and (progress is True or is_terminal(sys.stderr)):
        return "stream"
    return "log"


def show(text: str, progress: Progress) -> None:
    """Show a line where a bar would be shown."""
    place = place_of(progress)
    with suppress(Exception):
        if place == "notebook":
            _notebook.Shown(_notebook.plain(text))
        elif place == "stream":
            print(text, file=sys.stderr)
        elif place == "log":
            LOGGER.info(text)


class ProgressBar:
    """A bar of tqdm that counts samples, or if there is no place for one a line in the log.

    An error of the bar, such as a terminal that went away, ends only the bar.

    Parameters
    ----------
    label : str
        Name of the work.
    total : int or None
        Samples in all, if known.
    progress : bool or 'auto'
        Whether a bar is wanted, see `place_of`.
    unit : str
        What is counted.
    """

    __slots__ = ("_bar", "_done", "_label", "_logged", "_next")

    def __init__(
        self, label: str, total: int | None, progress: Progress, unit: str = " samples"
    ) -> None:
        self._bar: Any = None
        self._label = label
        self._done = 0
        self._next = 0.0
        place = place_of(progress)
        self._logged = place == "log"
        with self._alone():
            if place == "notebook":
                self._bar = notebook_bar(label, total, unit)
            elif place == "stream":
                self._bar = stream_bar(sys.stderr, label, total, unit)

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
        """Replace the bar with a line, or log the line."""
        if self._bar is not None:
            with self._alone():
                self._bar.finish(text)
        else:
            self.note(text)

    def note(self, text: str) -> None:
        """Write a line where there is a log in place of the bar."""
        if self._logged:
            with suppress(Exception):  # of a handler of the program
                LOGGER.info(text)

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
