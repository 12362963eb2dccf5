"""A forked child goes on with what its parent has begun: loaders, bars, ops of other threads."""

from __future__ import annotations

import pytest
from support.child import output

# A thread holds a lock for longer than what comes next takes.
HOLD = """
def hold(lock):
    def wait():
        with lock:
            held.set()
            time.sleep(3)
    held = threading.Event()
    threading.Thread(target=wait, daemon=True).start()
    held.wait()
"""

LOADER = """
import numpy as np
import pycnn
from support.small_training import blobs

class Pictures:
    def __init__(self, data):
        self.data, self.y, self.classes, self.name = data, data.y, data.classes, "pictures"
    def __len__(self):
        return len(self.data)
    def __getitem__(self, index):
        return Pictures(self.data[index])
    def gather(self, index):
        time.sleep(SLEEP)
        return self.data.gather(index)

def of(batches):
    return [(x.tobytes(), y.tobytes()) for x, y in batches]

loader = pycnn.DataLoader(Pictures(blobs(40)), 4, seed=3, workers=3, ahead=3)
expected = of(pycnn.data.Batches(blobs(40), 4, seed=3))
"""


@pytest.mark.parametrize("sleep", [0, 0.01], ids=["batches ready", "batches in work"])
@pytest.mark.parametrize("taken", [0, 1, 5, 10])
def test_a_forked_child_goes_on_with_the_iterator_of_its_parent(taken: int, sleep: float) -> None:
    code = f"""{LOADER.replace("SLEEP", str(sleep))}
batches = iter(loader)
first = of(next(batches) for _ in range({taken}))

def work():
    assert first + of(batches) == expected
    assert of(loader) != expected  # the order of the next pass
children = [in_fork(work) for _ in range(3)]
assert first + of(batches) == expected
for child in children:
    ended_well(child)
print("same batches")
"""
    assert output(code) == "same batches"


@pytest.mark.parametrize("how", ["del batches", "batches.close()", "pass"])
def test_a_forked_child_may_let_go_of_the_iterator(how: str) -> None:
    code = f"""{LOADER.replace("SLEEP", "0.01")}
batches = iter(loader)
next(batches)

def work():
    global batches
    {how}
child = in_fork(work)
ended_well(child)
child = os.fork()
if child == 0:
    signal.alarm(60)
    sys.exit(0)  # with all that Python does at its end
ended_well(child)
print(len(list(batches)))
"""
    assert output(code) == "9"


def test_a_lock_that_another_thread_holds_at_the_fork_does_not_hold_up_the_child() -> None:
    code = f"""{LOADER.replace("SLEEP", "0")}{HOLD}
batches = iter(loader)
first = of([next(batches)])
hold(batches.gi_frame.f_locals["work"].changed)

def work():
    assert first + of(batches) == expected

def leave():
    batches.close()

for job in (work, leave):
    ended_well(in_fork(job))
print("done")
"""
    assert output(code) == "done"


def test_a_bar_that_is_drawn_at_the_fork_does_not_hold_up_the_childs_bars() -> None:
    code = f"""{HOLD}
import pycnn
from pycnn import _progress as progress
from support.terminal import Terminal

sys.stderr = Terminal(sys.stderr)
bar = progress.ProgressBar("parent", 10, True)

hold(bar._bar.get_lock())

def work():
    bar.close()
    own = progress.ProgressBar("child", 10, True)
    own.update(5, 0.5)
    own.finish("done")
ended_well(in_fork(work))
import multiprocessing
multiprocessing.set_start_method("spawn")  # a bar has not settled it
print("done")
"""
    assert output(code) == "done"


def test_a_fork_while_other_threads_are_in_the_midst_of_training() -> None:
    """Not only ops: the child's own training, on threads of its own, has the parent's bits."""
    code = """
import numpy as np
import pycnn
from support.threads import again_and_again
from support.small_training import blobs, same_bits, small_net, snapshot

pycnn.set_num_threads(2)
data = blobs(400)
crop = pycnn.augment.RandomAffine(5)

def train():
    model = small_net()
    pycnn.fit(model, data, epochs=1, batch_size=100, augment=crop, progress=False)
    return snapshot(model)

expected = train()
def work():
    assert same_bits(train(), expected)
with again_and_again(train), again_and_again(train):
    for _ in range(12):
        time.sleep(0.003)
        ended_well(in_fork(work))
assert same_bits(train(), expected)
print("same bits")
"""
    assert output(code, PYCNN_NUM_THREADS="2") == "same bits"


def test_a_forked_child_has_a_team_of_its_own() -> None:
    code = """
import numpy as np
import pycnn
from pycnn import ops

pycnn.set_num_threads(3)
x = np.ones((64, 64, 28, 28), np.float32)
for _ in range(5):
    ops.relu(x)

def work():
    assert threads() == 1
    for _ in range(5):
        ops.relu(x)
    assert threads() == 4, threads()  # the host, and two helpers
    ended_well(in_fork(lambda: ops.relu(x)))
ended_well(in_fork(work))
print("done")
"""
    assert output(code, PYCNN_NUM_THREADS="3") == "done"
