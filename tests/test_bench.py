"""The throughput bench: what it refuses before it measures, and the speedups that it reports."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent / "bench" / "throughput.py"


def test_a_comparison_without_pytorch_stops_at_once(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('there is no torch here')")
    written = [str(tmp_path / name) for name in ("run.json", "run.png")]
    done = subprocess.run(
        [sys.executable, BENCH, "--compare", "torch", "--quick", "--only", "relu",
         "--json", written[0], "--picture", written[1]],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "throughput.py: cannot compare with PyTorch: ImportError: there is no torch here "
        "(--torch-python names an interpreter that has it)\n"
    )
    assert not any(map(os.path.exists, written))


def test_the_better_format_is_the_one_with_the_smaller_ratio(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(BENCH.parent)
    measure = importlib.import_module("measure")
    # The median of the times and the median of the ratios need not name the same format.
    faster, better = measure.Peer(0.1, 1.8, 0.0), measure.Peer(0.2, 1.6, 0.0)
    result = measure.Result(case=None, error=0.0, peers={"contiguous": better, "other": faster})
    assert result.better is better


def test_the_published_speedups_are_those_of_the_published_ratios() -> None:
    content = json.loads((BENCH.parent / "results" / "amd-epyc.json").read_text())
    rows = [row for row in content["results"] if "torch" in row]
    assert rows
    for row in rows:
        ratios = {layout: peer["times_pycnn"] for layout, peer in row["torch"].items()}
        assert row["speedup_over_default"] == ratios["contiguous"], row["name"]
        assert row["speedup_over_better"] == min(ratios.values()), row["name"]
