"""Promise: a run is replaced all of it or not at all, wherever the process is killed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from support.killed import killed_at
from support.saved_run import save_run, seeds_of

from pycnn._run_files import REPORT
from pycnn.cli.results import results_folder

# Every call in the long form; in the short one every fifth.
STEP = {"short": 5, "long": 1}


def test_a_kill_while_results_are_written_leaves_the_old_run_or_the_new_one(
    form: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tried: Callable[[str, int, str], None],
) -> None:
    original = tmp_path / "original"
    original.mkdir()
    save_run(original, 0, monkeypatch)
    (original / REPORT).write_text("<footer>pycnn 1</footer></body></html>\n")  # as reports end
    (original / "notes.txt").write_text("mine")
    outcomes = []
    for call in count(0, STEP[form]):
        folder = tmp_path / f"killed{call}"
        shutil.copytree(original, folder)
        killed = killed_at(call, partial(save_run, folder, 1, monkeypatch))
        found = seeds_of(folder)
        assert len(found) == 1, f"a mixture at call {call}"
        (seed,) = found
        assert (folder / REPORT).exists() == (seed == 0)
        assert (folder / "notes.txt").read_text() == "mine"
        with results_folder(folder, None, None):
            assert not [path.name for path in folder.iterdir() if path.name.endswith(".tmp")]
        outcomes.append(seed)
        if not killed:
            break
    assert outcomes == sorted(outcomes)
    assert outcomes.count(0) > 20 // STEP[form]
    assert outcomes.count(1) > 10 // STEP[form]
    tried(
        "a run is replaced whole",
        len(outcomes) - 1,
        f"{outcomes.count(0)} left the old run, {outcomes.count(1) - 1} the new one",
    )
