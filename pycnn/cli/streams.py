"""Standard output and error of a command, made to accept every text.

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

# Seconds that a process waits before it ends with an error that another one prints: a launcher ends
# all processes with the first one, and what is not printed by then is lost.
_PATIENCE = 1.5

_silent = False  # see `silence`
_late = False  # see `speak_late`


class Output:
    """Standard output, named in its own errors.

    Attributes
    ----------
    forgiving : bool
        Whether text that cannot be written is dropped without an error: a training is worth more
        than its output. A full device gives one warning; a reader that has left gives none.
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
    """Make every text printable within the block: letters that an encoding lacks become escapes.

    A closed stream counts as missing: text printed there is dropped. At the end, text that can no
    longer be written is dropped too, so that Python does not fail at exit.
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
    """Ignore errors of standard output for the rest of this command."""
    if isinstance(sys.stdout, Output):
        sys.stdout.forgiving = True


def silence() -> None:
    """Print nothing more in this command: another process prints the same."""
    global _silent
    _silent = True
    sys.stdout = None  # nothing is printed there


def speak_late() -> None:
    """Delay errors: if another process prints one first, the launcher ends this one meanwhile."""
    global _late
    _late = True


def say(text: str) -> None:
    """Print a line of the program itself to stderr, if there is one."""
    line = printable(" ".join(text.split()))
    if sys.stderr is not None and not _silent:  # print takes None for stdout
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
    """Print a line about an error; it is the last line of the command."""
    if _silent or _late:
        time.sleep(_PATIENCE)
    say(f"error: {text}")


def abandon(stream: Any) -> None:
    """Flush a stream; drop what it can no longer write."""
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

    Otherwise the next file to be opened takes its number, and what libraries print lands in it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _escape(name: str) -> str | None:
    """Make a stream escape what it cannot encode; return its earlier error handler."""
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
