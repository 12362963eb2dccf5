"""Run code in a fresh interpreter, with a time-out, to protect the test's own process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Tests of processes start with this. A process that hangs is killed by its own alarm.
PRELUDE = f"""
import os, signal, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python's own, about forking with threads
signal.alarm(int(sys.argv[1]))
sys.path.append({str(Path(__file__).parents[1])!r})

def threads():
    # One that has ended is listed a moment longer, also after it was joined.
    counts = []
    for _ in range(20):
        counts.append(len(os.listdir("/proc/self/task")))
        time.sleep(0.01)
    return min(counts)

def in_fork(work):
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            work()
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child

def ended_well(child):
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, f"the child ended with {{status}}"
"""


def run(code: str, limit: int = 120, /, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code for at most this many seconds, with only these settings of threads and pycnn."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYCNN_", "OMP_", "GOMP_", "KMP_"))
    }
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + code, str(limit)],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=limit + 10,
        check=False,
    )


def output(code: str, limit: int = 120, /, **environment: str) -> str:
    """Run code that must succeed, and return its output."""
    done = run(code, limit, **environment)
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()
