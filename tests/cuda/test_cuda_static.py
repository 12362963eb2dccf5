"""The code that nvcc makes of the CUDA kernels, if there is an nvcc."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
NVCC = os.environ.get("CUDACXX") or shutil.which("nvcc") or ""

# Minutes of a silent compiler are only for those who ask for them.
OPTION = "PYCNN_TEST_NVCC"
REASON = f"{OPTION}=1 compiles the CUDA kernels with nvcc: some minutes"

needs_nvcc = pytest.mark.skipif(
    os.environ.get(OPTION) != "1" or not NVCC,
    reason=REASON if NVCC else f"{REASON} (and there is no nvcc)",
)


@needs_nvcc
@pytest.mark.parametrize(
    ("architecture", "sources", "least"), [(90, "", 100), (75, "linear", 5)], ids=["90", "75"]
)
def test_every_kernel_keeps_the_rules(architecture: int, sources: str, least: int) -> None:
    """No warnings, no spills, no local memory; products have wide loads and few registers.

    90 is the last architecture that nvcc 12 knows, too; 75 lacks the tensor cores of TF32, which
    are all that sources ask about. ``bench/cuda_static.py`` by itself compiles for all.
    """
    command = [sys.executable, str(BENCH / "cuda_static.py"), "--arch", str(architecture)]
    done = subprocess.run(
        [*command, "--only", sources], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 broken rules" in done.stdout
    kernels = re.findall(r"^ *(\d+) .*%.*", done.stdout, re.MULTILINE)
    assert set(kernels) == {str(architecture)}
    assert len(kernels) >= least
    assert "TileShape<128, 128, 8, 8, 8>" in done.stdout
    assert "Tf32TileShape<128, 128, 8, 64, 32>" in done.stdout


@needs_nvcc
@pytest.mark.parametrize(
    "name",
    ["cuda/memory", "cuda/runtime", "cuda/step_graph", "cuda/stream", "ops/conv_transpose2d"],
)
def test_the_host_code_compiles_with_the_headers_of_cuda(name: str, tmp_path: Path) -> None:
    """Elsewhere these files are only compiled for the emulation, which has its own headers."""
    sources = BENCH.parent / "csrc"
    command = [NVCC, "-std=c++20", "-c", "-Xcompiler", "-Wall,-Wextra,-Werror"]
    folders = [f"-I{sources}", f"-I{sources / 'cuda' / 'for_ops'}"]
    output = ["-o", str(tmp_path / "object"), str(sources / f"{name}.cpp")]
    done = subprocess.run(
        [*command, *folders, *output], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
