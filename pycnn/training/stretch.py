"""Progress of work outside the epochs, such as the learning of a layer without gradients."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from types import TracebackType

from pycnn._progress import Progress, ProgressBar

# A log that is silent for longer looks as if the program hung.
SECONDS_BETWEEN_LINES = 10.0


class Stretch:
    """Shows the progress of the work, as a bar or a log, and as lines for a function.

    Parameters
    ----------
    label : str
        Name of the work.
    samples : int
        Samples in all.
    progress : bool or 'auto'
        Whether to show a bar, see `pycnn.fit`.
    on_line : function of str, optional
        Called with a line every ten seconds, and at the end.
    """

    def __init__(
        self, label: str, samples: int, progress: Progress, on_line: Callable[[str], None] | None
    ) -> None:
        self._label, self._samples, self._on_line = label, samples, on_line
        self._start = self._last = perf_counter()
        self._bar = ProgressBar(label, samples, progress)

    def update(self, done: int) -> None:
        """Show how many samples are done, if it is time for a line."""
        self._bar.update(done)
        now = perf_counter()
        if now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            line = f"{self._label}: {done:,} of {self._samples:,} samples"
            self._bar.note(line)
            if self._on_line is not None:
                self._on_line(line)

    def __enter__(self) -> Stretch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Replace the bar with a line about the whole stretch, unless it has failed."""
        if kind is None:
            line = f"{self._label}: {self._samples:,} samples, {perf_counter() - self._start:.1f} s"
            self._bar.finish(line)
            if self._on_line is not None:
                self._on_line(line)
        self._bar.close()
