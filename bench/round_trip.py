"""The time of a cache line from one core to another and back: two threads depend on it.

On a shared machine, cores that share a cache (some 85 ns) and cores that do not (some 420 ns) may
take turns within minutes, and with them a step may take half as long again.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

_SECONDS = 5.0  # many times what it takes beside other programs


class RoundTrip:
    """Measures it with a program that is compiled first, if there is a compiler."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._program = str(Path(self._folder.name) / "round_trip")
        source = Path(__file__).with_suffix(".cpp")
        command = [os.environ.get("CXX", "c++"), "-O2", "-std=c++17", "-pthread", str(source)]
        try:
            subprocess.run(
                [*command, "-o", self._program], capture_output=True, check=True, timeout=60
            )
        except (OSError, subprocess.SubprocessError):
            self._program = ""

    def nanoseconds(self) -> float | None:
        """Return the time now; None without a compiler, or with one core."""
        if not self._program:
            return None
        try:
            done = subprocess.run(
                [self._program], capture_output=True, text=True, check=True, timeout=_SECONDS
            )
        except subprocess.SubprocessError:
            return None
        return float(done.stdout)

    def close(self) -> None:
        """Remove the program."""
        self._folder.cleanup()

    def __enter__(self) -> RoundTrip:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
