"""The kernels for AArch64, on any machine: cross-compiled, and run in an emulator.

The program is tests/selftest, the C++ functions without Python around them. It is linked
statically, so that the emulator needs nothing else of the other system.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.kernel_build import KERNELS, kernel_flags
from support.sources import ROOT

COMPILER = "aarch64-linux-gnu-g++"
EMULATORS = ("qemu-aarch64", "qemu-aarch64-static")
EMULATOR = next(filter(None, map(shutil.which, EMULATORS)), None)
MISSING = [
    what
    for what, there in [
        (f"the cross-compiler {COMPILER} (Debian: g++-aarch64-linux-gnu)", shutil.which(COMPILER)),
        (f"an emulator, {' or '.join(EMULATORS)} (Debian: qemu-user)", EMULATOR),
    ]
    if not there
]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs {' and '.join(MISSING)}")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile as many files at a time as there are processors, the slowest one first."""
    folder = tmp_path_factory.mktemp("neon")

    def run(*arguments: str | Path) -> None:
        done = subprocess.run(
            [COMPILER, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def compile_file(source: Path) -> Path:
        target = folder / "-".join(source.relative_to(ROOT).with_suffix(".o").parts)
        flags = kernel_flags("neon") if source == KERNELS else ["-O2", "-fopenmp"]
        run("-std=c++20", "-Wno-psabi", "-Icsrc", *flags, "-c", source, "-o", target)
        return target

    folders = ("csrc/core", "csrc/ops", "csrc/cpu", "csrc/cpu/conv2d", "tests/selftest")
    sources = [KERNELS, *(file for name in folders for file in sorted((ROOT / name).glob("*.cpp")))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_file, sources))
    run("-static", "-fopenmp", *objects, "-o", folder / "selftest")
    return folder / "selftest"


def test_neon_kernels_in_an_emulator(program: Path) -> None:
    """Every op is within its error bounds on the table that an AArch64 machine would choose."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYCNN_")}
    done = subprocess.run(
        [str(EMULATOR), str(program)],
        env=plain, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    wrong = [line for line in lines if line.startswith("FAILED")]
    assert done.returncode == 0, "\n".join([*wrong, done.stderr])
    assert lines[0] == "table neon compiled for neon"
    assert lines[-1] == "0 failed"
    assert sum(line.startswith("ok") for line in lines) == len(lines) - 2 > 400
