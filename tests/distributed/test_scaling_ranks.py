"""Two ranks of bench/scaling.py, and the script of docs/distributed.md: they run. No timing."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from support.annotations import Options

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def plan() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "bench")
        return importlib.import_module("scaling_plan")


@pytest.fixture(scope="module")
def command(plan: ModuleType) -> str:
    try:
        found: str = plan.launcher(None, None, [])
    except plan.LaunchError as error:
        pytest.skip(str(error))
    return found


@pytest.mark.parametrize("ranks", [1, 2])
def test_ranks_give_all_figures_of_a_plan(plan: ModuleType, command: str, ranks: int) -> None:
    ways = ("alone",) if ranks == 1 else ("plain", "overlap", "sync")
    sizes = [] if ranks == 1 else [("allreduce", 4096), ("tree_sum", 16384)]
    asked: Options = {
        "ranks": ranks, "threads": 1, "budget": 600.0, "seconds": 1e-3, "sum_seconds": 1e-3,
        "sums": sizes,
        "steps": [("batch norm", 4, way) for way in ways] + [("lenet5", 4, ways[0])],
    }  # fmt: skip
    answer = plan.run(asked, command, 240.0, local=True)
    assert answer["threads"] == 1
    assert answer["parameters"] == {"batch norm": 34_058, "lenet5": 61_706}
    assert len(answer["steps"]) == len(asked["steps"])
    assert len(answer["sums"]) == len(sizes)
    assert all(seconds > 0 for seconds in [*answer["steps"], *answer["sums"]])
    assert ("mpi" in answer) is (ranks > 1)


def test_what_begins_too_late_is_left_out(plan: ModuleType, command: str) -> None:
    asked: Options = {
        "ranks": 2, "threads": 1, "budget": -1.0, "seconds": 1e-3, "sum_seconds": 1e-3,
        "steps": [("lenet5", 4, "plain")], "sums": [("allreduce", 4096)],
    }  # fmt: skip
    answer = plan.run(asked, command, 240.0, local=True)
    assert answer["steps"] == answer["sums"] == [None]


def test_the_script_of_the_guide_trains_and_saves(
    plan: ModuleType, command: str, tmp_path: Path
) -> None:
    found = re.search(r"```python\n(.*?)```", (ROOT / "docs/distributed.md").read_text(), re.DOTALL)
    assert found
    script = found[1].replace("(pycnn.datasets.mnist)", "(few)").replace("epochs=3", "epochs=1")
    few = (
        "def few():\n    train, test = pycnn.datasets.mnist()\n    return train[:512], test[:64]\n"
    )
    first, rest = script.split("\n", 1)
    assert (first, script.count("few")) == ("import pycnn", 1)
    (tmp_path / "train.py").write_text(f"{first}\n{few}\n{rest}")
    words = [word.replace("{ranks}", "2") for word in shlex.split(command)]
    done = subprocess.run(
        [*words, sys.executable, "train.py"],
        cwd=tmp_path, env=plan.environment(2, local=True),
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "lenet5.safetensors").stat().st_size > 4 * 61_706
