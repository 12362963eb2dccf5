"""Promise: a training that was killed and resumed ends with the bits of one that was not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("resumed.py")

# Kills in the short and in the long form; the long forms together kill 200 processes.
KILLS = {"short": 3, "long": 50}


@pytest.mark.parametrize("network", ["lenet5", "batch_norm", "dropout", "text"])
def test_a_killed_training_that_is_resumed_ends_with_the_same_bits(
    network: str, form: str, tmp_path: Path, tried: Callable[[str, int, str], None]
) -> None:
    """SIGKILL at random moments, some of them in the middle of writing the checkpoint."""
    command = [sys.executable, str(SCRIPT), network, str(tmp_path), "1", str(KILLS[form])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["kills"] == KILLS[form]
    assert told["finished"] > 0
    if form == "long":
        assert told["in writes"] >= 5
    assert told["torn"] == told["went back"] == told["other bits"] == 0
    tried(
        f"exact resume, {network}",
        told["kills"],
        f"{told['in writes']} in a write, {told['finished']} finished with the same bits",
    )
