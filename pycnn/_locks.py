"""Locks that are free in a forked child, where the thread that held them does not exist."""

from __future__ import annotations

import os
import threading
from types import TracebackType


class Lock:
    """A reentrant lock for a ``with`` block that runs only code of this package."""

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        """Wait for the lock, and take it."""
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Free the lock."""
        self._lock.release()
