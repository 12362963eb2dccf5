"""Killing a process at each of its system calls that change files."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

# Calls that Python reports beforehand, and os.fsync, which it does not report.
EVENTS = {
    "open", "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate",
}  # fmt: skip

FINISHED = 0


def killed_at(call: int, work: Callable[[], object]) -> bool:
    """Work in a child killed before a call, counted from 0; return whether it got that far."""
    child = os.fork()
    if child == 0:
        try:
            count_down(call)
            work()
            os._exit(FINISHED)
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == FINISHED
    return False


def count_down(call: int) -> None:
    """Kill this process before a call, counted from 0."""
    left = [call]

    def count(*_: object) -> None:
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    def audit(event: str, _: object) -> None:
        if event in EVENTS:
            count()

    def fsync(descriptor: int) -> None:
        count()
        sync(descriptor)

    sync = os.fsync
    vars(os)["fsync"] = fsync
    sys.addaudithook(audit)
