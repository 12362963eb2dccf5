"""Standard output and error of a command: every text can be printed, whatever they are.

They may lack letters (``PYTHONIOENCODING=ascii``), be closed (``2>&-``), missing, full, or a pipe
that nobody reads.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pycnn._printable import printable
from pycnn._streams import warn

NAMES = ("stdout", "stderr")

# Seconds that a process waits before it ends with an error of which another one tells: a launcher
# ends them all with the first, and what is not printed by then is lost.
_PATIENCE = 1.5

_silent = False  # see `silence`
_late = False  # see `speak_late`


class Output:
    """Standard output, whose errors are told as its own.

    Attributes
    ----------
    forgiving : bool
        Whether what cannot be written is lost without an error: a training is worth more than its
        lines. A full device is warned of, once; a reader that has left is not missed.
    """

    def __init__(self, stream: Any) -> None:
        self._stream, self._warned = stream, False
        self.forgiving = False

    def write(self, text: str) -> int:
        """Write to the stream."""
        with self._judged():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        with self._judged():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _judged(self) -> Iterator[None]:
        try:
            yield
        except (BrokenPipeError, ValueError):  # nobody reads it, or it was closed
            if not self.forgiving:
                raise
        except OSError as error:
            reason = error.strerror or str(error)
            if not self.forgiving:
                raise OSError(error.errno, reason, "standard output") from error
            if not self._warned:
                self._warned = True
                warn(f"[train] standard output cannot be written: {reason}")


@contextmanager
def usable_streams() -> Iterator[None]:
    """Let every text be printed meanwhile: letters that an encoding lacks come as escapes.

    A stream that is closed counts as one that is missing: what is printed there goes nowhere. In
    the end, what can no longer be written goes nowhere, so that Python's exit does not fail for it.
    """
    _hold_descriptors()
    before = {name: getattr(sys, name) for name in NAMES}
    errors = {name: _escape(name) for name in NAMES}
    if sys.stdout is not None:
        output: Any = Output(sys.stdout)
        sys.stdout = output
    try:
        yield
    finally:
        global _silent, _late
        _silent = _late = False
        for name in NAMES:
            setattr(sys, name, before[name])
            abandon(before[name])
            if errors[name] is not None:
                _reconfigure(before[name], errors[name])


def forgive_stdout() -> None:
    """Go on from here, in a command, whatever becomes of standard output."""
    if isinstance(sys.stdout, Output):
        sys.stdout.forgiving = True


def silence() -> None:
    """Print nothing more in this command: another process says the same."""
    global _silent
    _silent = True
    sys.stdout = None  # nothing is printed there


def speak_late() -> None:
    """Tell of an error only if no other process has, which ends this one meanwhile."""
    global _late
    _late = True


def say(text: str) -> None:
    """Print a line of the program itself to stderr, as far as there is one."""
    line = printable(" ".join(text.split()))
    if sys.stderr is not None and not _silent:  # None would mean stdout to print
        with suppress(OSError, ValueError):
            print(f"pycnn: {line}", file=sys.stderr)


def say_error(error: Exception) -> None:
    """Print what went wrong to stderr."""
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"
    else:
        text = str(error) or type(error).__name__
    say_wrong(text)


def say_wrong(text: str) -> None:
    """Print a line about an error, which is the last one of the command."""
    if _silent or _late:
        time.sleep(_PATIENCE)
    say(f"error: {text}")


def abandon(stream: Any) -> None:
    """Send what a stream cannot write any more nowhere."""
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            number = stream.fileno()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, number)
            os.close(nowhere)


def _hold_descriptors() -> None:
    """Open the null device where a standard stream is closed.

    The next file to be opened would take its number, and with it what libraries write there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _escape(name: str) -> str | None:
    """Let the stream of this name escape what it cannot encode; gives what it did before."""
    stream = getattr(sys, name)
    if getattr(stream, "closed", False):
        setattr(sys, name, None)
        return None
    errors = getattr(stream, "errors", None)
    return errors if _reconfigure(stream, "backslashreplace") else None


def _reconfigure(stream: Any, errors: str | None) -> bool:
    if not isinstance(stream, io.TextIOWrapper):
        return False
    with suppress(OSError, ValueError):
        stream.reconfigure(errors=errors)
        return True
    return False
