"""What nvcc makes of the CUDA kernels, where there is an nvcc."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent / "bench"


@pytest.mark.skipif(
    not (os.environ.get("CUDACXX") or shutil.which("nvcc")), reason="there is no nvcc"
)
def test_every_kernel_keeps_the_rules() -> None:
    """No warnings, no spills, no local memory; products have wide loads and few registers."""
    done = subprocess.run(
        [sys.executable, BENCH / "cuda_static.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    kernels = re.search(r"(\d+) kernels, 0 broken rules", done.stdout)
    assert kernels is not None
    assert int(kernels[1]) >= 20
    assert "GemmTile<128, 128, 8, 8, 8>" in done.stdout
    assert "Tf32Tile<128, 128, 8, 64, 32>" in done.stdout
