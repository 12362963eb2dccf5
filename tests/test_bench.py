"""The throughput bench: what it refuses, before it measures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
