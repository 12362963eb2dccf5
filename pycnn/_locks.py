"""Locks that a forked child finds free: the thread that held one is not there to free it."""

from __future__ import annotations

import os
import threading
from types import TracebackType


class Lock:
    """A lock that its holder may take again, for a ``with`` block that runs no code of others."""

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        """Wait for it."""
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Free it."""
        self._lock.release()
