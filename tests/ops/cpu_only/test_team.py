"""The helper threads of the ops: how they wait, how many there are, and who may call at once."""

from __future__ import annotations

import os

import pytest
from support.child import output

OP = """
from pathlib import Path

import numpy as np
import pycnn
from pycnn import ops

rng = np.random.default_rng(0)
x = rng.standard_normal((16, 32, 14, 14), np.float32)
w = rng.standard_normal((48, 32, 3, 3), np.float32)

def op():
    return ops.conv2d(x, w, padding=1).tobytes()

def helpers():
    return [t for t in os.listdir("/proc/self/task") if t not in before]
before = os.listdir("/proc/self/task")
"""

# The OpenMP runtime as torch has loaded it before: without any bound on how long threads spin.
LIBGOMP_FIRST = """
import ctypes
try:
    ctypes.CDLL("libgomp.so.1")
except OSError:
    print("none")
    raise SystemExit
"""


@pytest.mark.parametrize("first", ["pycnn", "libgomp"])
def test_idle_threads_sleep_soon_whoever_has_loaded_openmp_first(first: str) -> None:
    """Beside another program a thread that spins takes the core of the one it waits for.

    Of 100 regions with 5 ms in between, each of two threads may look for work for 20 us, and work:
    GNU OpenMP's own waiting takes all of the 500 ms.
    """
    code = f"""{LIBGOMP_FIRST if first == "libgomp" else ""}{OP}
def seconds():
    spent = (Path(f"/proc/self/task/{{t}}/schedstat").read_text().split()[0] for t in helpers())
    return sum(map(int, spent)) / 1e9

x = x[:2]  # a region of some 100 us
for _ in range(20):
    op()
time.sleep(0.2)
start = seconds()
for _ in range(100):
    op()
    time.sleep(0.005)
print(seconds() - start)
"""
    told = output(code, PYCNN_NUM_THREADS="2")
    if told == "none":
        pytest.skip("libgomp.so.1 is not among the system's libraries")
    assert float(told) < 0.15


def test_threads_start_with_the_first_large_op_and_are_no_more_than_asked_for() -> None:
    code = f"""{OP}
small = np.ones(4, np.float32)
ops.relu(small)
assert helpers() == []
expected = op()
for count in (3, 2, 5, 1):
    pycnn.set_num_threads(count)
    for _ in range(20):
        assert op() == expected
    time.sleep(0.1)
print(len(helpers()))
"""
    # Four helpers of a team of five, and the thread that hosts them.
    assert output(code, PYCNN_NUM_THREADS="2") == "5"


@pytest.mark.parametrize("asked", ["OMP_NUM_THREADS", "PYCNN_NUM_THREADS", "set_num_threads"])
@pytest.mark.parametrize("limit", [1, 2])
def test_the_thread_limit_of_openmp_is_no_less_a_limit_for_pycnn(limit: int, asked: str) -> None:
    """As many threads work, and where that is one there is no other that waits."""
    code = f"""{OP}
if ASK:
    pycnn.set_num_threads(4)
op()
time.sleep(0.3)
print(len(helpers()))
"""
    settings = {"OMP_THREAD_LIMIT": str(limit), "OPENBLAS_NUM_THREADS": "1"}
    if asked != "set_num_threads":
        settings[asked] = "4"
    # A team has a thread that waits for larger ones. On one processor OMP_NUM_THREADS asks in vain.
    allowed = {1: ("0",), 2: ("0", "2") if asked == "OMP_NUM_THREADS" else ("2",)}
    done = output(code.replace("ASK", str(asked == "set_num_threads")), **settings)
    assert done in allowed[limit]


def test_helpers_leave_signals_to_the_threads_of_the_program() -> None:
    """All but those of their own faults, which faulthandler reports."""
    code = f"""{OP}
for _ in range(20):
    op()
time.sleep(0.1)
for task in helpers():
    status = Path(f"/proc/self/task/{{task}}/status").read_text()
    blocked = int(status.split("SigBlk:")[1].split()[0], 16)
    assert blocked >> (signal.SIGINT - 1) & 1, status
    for fault in ("SEGV", "BUS", "FPE", "ILL", "TRAP", "SYS"):
        number = signal.Signals["SIG" + fault]
        assert not blocked >> (number - 1) & 1, (fault, status)
print(len(helpers()))
"""
    assert output(code, PYCNN_NUM_THREADS="2") == "2"


def test_a_system_without_room_for_threads_only_costs_time() -> None:
    """GNU OpenMP ends the process when it cannot create a thread."""
    code = f"""{OP}
import resource
x = np.ones((64, 32, 14, 14), np.float32)

def relu():  # without work areas; the result's memory is used again
    return ops.relu(x).tobytes()

pycnn.set_num_threads(1)
expected = relu()
relu()
pages = int(Path("/proc/self/statm").read_text().split()[0])
size = pages * resource.getpagesize() + (ROOM << 20)
resource.setrlimit(resource.RLIMIT_AS, (size, size))
pycnn.set_num_threads(64)
for _ in range(20):
    assert relu() == expected
    time.sleep(0.002)
print("done")
"""
    for megabytes in (4, 20, 40):
        assert output(code.replace("ROOM", str(megabytes))) == "done"


def test_a_team_grows_once_there_is_room_for_it() -> None:
    code = f"""{OP}
import resource
x = np.ones((64, 32, 14, 14), np.float32)
pycnn.set_num_threads(1)
expected = ops.relu(x).tobytes()
pages = int(Path("/proc/self/statm").read_text().split()[0])
size = pages * resource.getpagesize() + (20 << 20)
unlimited = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (size, unlimited[1]))
pycnn.set_num_threads(4)
for _ in range(5):
    assert ops.relu(x).tobytes() == expected
    time.sleep(0.02)
few = len(helpers())
resource.setrlimit(resource.RLIMIT_AS, unlimited)
end = time.monotonic() + 30
while len(helpers()) < 4 and time.monotonic() < end:
    assert ops.relu(x).tobytes() == expected
    time.sleep(0.1)
print(few < 4, len(helpers()))
"""
    assert output(code) == "True 4"


def test_a_loaded_machine_does_not_make_the_team_smaller_for_good() -> None:
    """GNU OpenMP takes the load off the number of processors, if it may."""
    code = f"""{OP}
pycnn.set_num_threads(4)
for _ in range(20):
    op()
time.sleep(0.1)
print(len(helpers()))
"""
    assert output(code, OMP_DYNAMIC="true") == "4"


def test_helpers_round_to_nearest_whoever_started_them() -> None:
    code = f"""{OP}
import ctypes, platform
libm = ctypes.CDLL("libm.so.6")
upward = 0x400000 if platform.machine() == "aarch64" else 0x800
pycnn.set_num_threads(1)
expected = op()
pycnn.set_num_threads(2)
assert libm.fesetround(upward) == 0
first = [op() for _ in range(5)]
assert libm.fegetround() == upward
libm.fesetround(0)
print({{result == expected for result in first}}, {{op() == expected for _ in range(50)}})
"""
    assert output(code) == "{True} {True}"


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="the process has one processor",
)
def test_a_thread_with_a_processor_of_its_own_may_have_the_first_op() -> None:
    code = f"""{OP}
allowed = os.sched_getaffinity(0)
counts = []

def pinned():
    os.sched_setaffinity(0, {{min(allowed)}})
    counts.append(pycnn.get_num_threads())
    pycnn.set_num_threads(3)
    op()

thread = threading.Thread(target=pinned)
thread.start()
thread.join()
time.sleep(0.1)
print(*counts, len(helpers()), all(os.sched_getaffinity(int(t)) == allowed for t in helpers()))
"""
    count = output("import pycnn; print(pycnn.get_num_threads())")
    assert output(code) == f"{count} 3 True"


def test_more_callers_than_helpers_and_places() -> None:
    """Each region gets the helpers that are free; while all places are taken callers work alone."""
    code = f"""{OP}
expected, wrong = op(), []

def call(number):
    for turn in range(30):
        if number == 0:
            pycnn.set_num_threads(1 + turn % 5)
        if op() != expected:
            wrong.append(number)

threads = [threading.Thread(target=call, args=(n,)) for n in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(wrong)
"""
    assert output(code, PYCNN_NUM_THREADS="3") == "[]"


@pytest.mark.parametrize("ending", ["pass", "sys.exit(0)", "os._exit(0)"])
def test_a_program_ends_while_other_threads_compute(ending: str) -> None:
    code = f"""{OP}
def forever():
    while True:
        op()
for _ in range(3):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.2)
{ending}
"""
    assert output(code, PYCNN_NUM_THREADS="3") == ""


@pytest.mark.parametrize(
    "settings",
    [
        {"OMP_PROC_BIND": "close", "OMP_PLACES": "cores"},
        {"OMP_PROC_BIND": "spread"},
        {"OMP_THREAD_LIMIT": "2"},
        {"OMP_DYNAMIC": "true"},
        {"OMP_WAIT_POLICY": "active"},
        {"OMP_MAX_ACTIVE_LEVELS": "0"},
    ],
    ids=lambda settings: "-".join(f"{name}={value}" for name, value in settings.items()),
)
def test_settings_of_openmp_change_no_result(settings: dict[str, str]) -> None:
    code = f"""{OP}
pycnn.set_num_threads(1)
expected = op()
pycnn.set_num_threads(4)
print(all(op() == expected for _ in range(20)))
"""
    assert output(code, **settings) == "True"
