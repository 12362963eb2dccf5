"""A good neighbour: other libraries, processes and threads, and the system's limits."""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.child import output
from trust.training_code import CODE

PROMISE = "a good neighbour"

HERE = Path(__file__).parent

# The control bits of the floating-point unit (rounding, masked exceptions, denormals as zero), of
# the calling thread: the last word of what fegetenv stores on x86-64, the first one on AArch64.
MODE = """
import ctypes
def mode():
    stored = (ctypes.c_uint32 * 64)()
    ctypes.CDLL("libm.so.6").fegetenv(stored)
    return stored[7] & ~0x3F if X86 else stored[0]
def modes():
    found = []
    thread = threading.Thread(target=lambda: found.append(mode()))
    thread.start()
    thread.join()
    return mode(), *found
""".replace("X86", str(platform.machine() == "x86_64"))

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)


def test_import_starts_no_threads_and_changes_no_floating_point_state(
    tried: Callable[[str, int, str], None],
) -> None:
    code = f"""{MODE}
import numpy
def handlers():
    return [signal.getsignal(number) for number in signal.valid_signals()]
before = threads(), modes(), handlers(), dict(os.environ)
import pycnn
assert (threads(), modes(), handlers(), dict(os.environ)) == before
pycnn.get_num_threads(), pycnn.show_config()
assert (threads(), modes()) == before[:2]
{CODE}
for count in (1, 3):
    pycnn.set_num_threads(count)
    train()
    assert modes() == before[1], count
tiny = numpy.full(8, 1e-40, numpy.float32)
assert (tiny * numpy.float32(0.5) > 0).all()
"""
    output(code)
    tried(PROMISE, 1, "import and training leave threads, signals and floating-point mode alone")


@needs_torch
@pytest.mark.parametrize("first", ["import torch\nimport pycnn", "import pycnn\nimport torch"])
def test_torch_in_either_order(
    form: str, tried: Callable[[str, int, str], None], first: str
) -> None:
    """Both compute in turns, in one process, with the same results as alone."""
    turns = 3 if form == "short" else 60
    code = f"""{MODE}
before = mode()
{first}
{CODE}
expected = train()
torch.manual_seed(0)
layer, x = torch.nn.Conv2d(8, 16, 3), torch.ones(8, 8, 32, 32)
alone = layer(x).sum().item()
for turn in range({turns}):
    pycnn.set_num_threads(1 + turn % 3)
    torch.set_num_threads(1 + turn % 2)
    assert train() == expected
    assert abs(layer(x).sum().item() - alone) < 1e-3 * abs(alone)
    assert mode() == before
"""
    output(code, 600)
    tried(PROMISE, turns, "torch beside it, in this order of imports")


def test_two_models_trained_in_two_threads(
    form: str, tried: Callable[[str, int, str], None]
) -> None:
    turns = 2 if form == "short" else 50
    code = f"""{CODE}
pycnn.set_num_threads(2)
def go(train):
    expected = train()
    def work():
        for _ in range({turns}):
            assert train() == expected
    return work
at_once(go(toy_digest), go(lambda: train(seed=1)))
"""
    output(code, 600)
    tried(PROMISE, 2 * turns, "two models in two threads have the bits they have alone")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver", "loky"])
def test_processes_in_the_midst_of_a_training(
    form: str, tried: Callable[[str, int, str], None], method: str, tmp_path: Path
) -> None:
    """A thread trains while processes are started, which train too."""
    if method == "loky":
        pytest.importorskip("joblib", reason="joblib is not installed")
    tasks = [0, 1] if form == "short" else list(range(40))
    if method == "loky":
        pool = f"found = joblib.Parallel(2)(joblib.delayed(in_a_process)(s) for s in {tasks})"
        imports = "import joblib"
    else:
        pool = (
            f"with multiprocessing.get_context({method!r}).Pool(2) as pool:\n"
            f"            found = pool.map(in_a_process, {tasks})"
        )
        imports = "import multiprocessing"
    script = tmp_path / "script.py"
    script.write_text(f"""
import sys, warnings
sys.path.append({str(HERE.parent)!r})
warnings.simplefilter("ignore", DeprecationWarning)
{imports}
import pycnn
from support.threads import again_and_again
from trust.training_child import in_a_process, train

if __name__ == "__main__":
    pycnn.set_num_threads(2)
    beside = [train(seed=99)]
    expected = [in_a_process(seed) for seed in {tasks}]
    with again_and_again(lambda: beside.append(train(seed=99))):
        {pool}
    print(found == expected, len(set(beside)))
""")
    paths = [str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["True", "1"], done.stderr
    tried(PROMISE, len(tasks), f"processes of {method} in the midst of a training")


def test_a_fork_at_any_moment_of_a_training(
    form: str, tried: Callable[[str, int, str], None]
) -> None:
    """Whatever the other threads hold: no child hangs or comes to other numbers."""
    forks = 10 if form == "short" else 500
    code = f"""{CODE}
import random
pycnn.set_num_threads(3)
expected, beside = toy_digest(), train()
def train_beside():
    assert train() == beside
def work():
    assert toy_digest() == expected
chance = random.Random(0)
with again_and_again(train_beside):
    for _ in range({forks}):
        time.sleep(chance.random() * 0.01)
        ended_well(in_fork(work))
"""
    output(code, 1500)
    tried(PROMISE, forks, "forks at random moments of a training, no child hangs")


def test_affinity_quota_and_threadpoolctl_bound_the_threads(
    tried: Callable[[str, int, str], None],
) -> None:
    """As they are found; made-up control groups are in tests/ops/cpu_only/test_cpu_limits.py."""
    pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed")
    code = f"""{CODE}
from pycnn import _core
quota = _core.cgroup_quota("") or 1024
free = min(len(os.sched_getaffinity(0)), quota)
assert pycnn.get_num_threads() == free
import threadpoolctl
before = threads()
with threadpoolctl.threadpool_limits(1):
    train(workers=1)
    assert pycnn.get_num_threads() == 1
    assert threads() == before
assert pycnn.get_num_threads() == free
"""
    output(code)
    one = "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    told = f"{one}\nimport pycnn; print(pycnn.get_num_threads())"
    assert output(told, OMP_NUM_THREADS="8") == output(told) == "1"
    tried(PROMISE, 3, "affinity, quota and threadpoolctl bound the threads")
