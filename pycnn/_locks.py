"""Locks that are free in a forked child, where the thread that held them does not exist."""

from __future__ import annotations

import os
import threading


class Lock:
    """A reentrant lock: ``with lock.held`` runs code of this package alone.

    Attributes
    ----------
    held : threading.RLock
        The lock itself, of this process.
    """

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self.held = threading.RLock()
