"""The same bits for the same seed, however and wherever a training runs: real processes."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.child import output
from trust.training_code import CODE

PROMISE = "the same bits"

# Threads, workers of the loader, batches ahead, and whether a bar is drawn.
Way = tuple[int, int, int, bool]
PLAIN: Way = (1, 1, 1, False)
SHORT: list[Way] = [(1, 5, 8, True), (2, 2, 4, False), (3, 1, 4, True), (7, 3, 1, False)]

# Each line that it prints is the digest of a training.
IN_THIS_WAY = """
from support.terminal import Terminal

def go(seed, threads, workers, ahead, bar):
    pycnn.set_num_threads(threads)
    stream, sys.stderr = sys.stderr, Terminal(sys.stderr) if bar else sys.stderr
    try:
        print(train(workers, ahead, bar, seed))
    finally:
        sys.stderr = stream
"""


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keep processors busy meanwhile."""
    started = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)
    ]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def digests(seed: int, ways: list[Way]) -> list[str]:
    """Return the results of a process that trains in these ways, one after the other."""
    calls = "".join(f"go({seed}, {', '.join(map(repr, way))})\n" for way in ways)
    return output(CODE + IN_THIS_WAY + calls, 600).split()


def test_the_same_bits_for_any_number_of_threads_and_workers_with_and_without_bars(
    form: str, tried: Callable[[str, int, str], None]
) -> None:
    cases = 0
    chance = random.Random(0)
    for seed in range(1 if form == "short" else 10):
        (expected,) = digests(seed, [PLAIN])
        ways = SHORT
        if form == "long":
            ways = [
                (
                    chance.randint(1, 9),
                    chance.randint(1, 6),
                    chance.randint(1, 9),
                    chance.random() < 0.5,
                )
                for _ in range(50)
            ]
        found = digests(seed, ways)
        assert dict(zip(ways, found, strict=True)) == dict.fromkeys(ways, expected)
        cases += len(ways)
    tried(PROMISE, cases, "threads, workers and bars change nothing")


def test_the_same_bits_on_a_loaded_machine(
    form: str, tried: Callable[[str, int, str], None]
) -> None:
    seeds = range(1 if form == "short" else 8)
    for seed in seeds:
        (expected,) = digests(seed, [PLAIN])
        with busy(2):
            assert digests(seed, SHORT[:3]) == [expected] * 3
    tried(PROMISE, 3 * len(seeds), "busy processors change nothing")


def test_the_same_bits_beside_other_trainings_in_threads(
    form: str, tried: Callable[[str, int, str], None]
) -> None:
    trainings = 2 if form == "short" else 40
    code = f"""{CODE}
pycnn.set_num_threads(2)
seeds = [0, 1, 2]
expected = [train(seed=seed) for seed in seeds]
def go(seed):
    for _ in range({trainings}):
        assert train(seed=seed) == expected[seed]
at_once(*(lambda seed=seed: go(seed) for seed in seeds))
print(len(set(expected)))
"""
    assert output(code, 600) == "3"
    tried(PROMISE, 3 * trainings, "other trainings change nothing")


def test_the_same_bits_in_a_forked_child_and_beside_it(
    form: str, tried: Callable[[str, int, str], None]
) -> None:
    """The child of a fork in the midst of a training goes on with it, loader and all."""
    forks = 3 if form == "short" else 100
    code = f"""{CODE}
pycnn.set_num_threads(2)
expected, _ = train_and_fork_on_the_way(False)
for fork in range({forks}):
    pycnn.set_num_threads(1 + fork % 4)
    assert train_and_fork_on_the_way(True) == (expected, expected)
expected = train()
def work():
    assert train() == expected
for _ in range({forks}):
    ended_well(in_fork(work))
print("same")
"""
    assert output(code, 1500) == "same"
    tried(PROMISE, 3 * forks, "a fork changes nothing, in the parent and in the child")


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_the_same_bits_in_processes_of_multiprocessing(
    form: str, tried: Callable[[str, int, str], None], method: str, tmp_path: Path
) -> None:
    seeds = list(range(1 if form == "short" else 12))
    script = tmp_path / "script.py"  # a spawned process reads its main module from a file
    script.write_text(f"""
import sys
sys.path.append({str(Path(__file__).parents[1])!r})
import multiprocessing
from trust.training_child import in_a_process

if __name__ == "__main__":
    expected = [in_a_process(seed) for seed in {seeds}]
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        print(pool.map(in_a_process, {seeds}) == expected)
""")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)], capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["True"], done.stderr
    tried(PROMISE, len(seeds), f"a process of {method} changes nothing")
