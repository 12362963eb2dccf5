"""The object of each instruction set exports its table and nothing else.

A function that two objects export would be merged by the linker: a machine without AVX-512 might
get the AVX-512 copy.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.kernel_build import KERNELS, instruction_sets, kernel_flags
from support.sources import ROOT

ISAS = instruction_sets()

# Functions of C that a compiler calls for copies, or where it has no instruction.
OF_C = {"memcpy", "memset", "memmove", "sqrtf", "sqrt", "fmaf", "fma", "_GLOBAL_OFFSET_TABLE_"}


def test_the_instruction_sets_are_those_of_the_build() -> None:
    assert {"baseline", "avx2", "avx512", "neon"} <= set(ISAS)


def compiler(isa: str) -> str:
    """Return the compiler for the processors that have these instructions, or skip the test."""
    if re.fullmatch(ISAS[isa], platform.machine()):
        names = [os.environ.get("CXX") or "c++", "g++", "clang++"]
    else:
        names = ["aarch64-linux-gnu-g++" if isa == "neon" else "x86_64-linux-gnu-g++"]
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"needs a C++ compiler for {isa}: {' or '.join(names)}")
    return found


@pytest.mark.parametrize("isa", ISAS)
def test_an_object_exports_its_table_alone(isa: str, tmp_path: Path) -> None:
    """Without optimisation: each inline function that is used is then a symbol, if a weak one."""

    def run(*command: str | Path) -> list[str]:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    name, target = compiler(isa), tmp_path / "kernels.o"
    flags = [*kernel_flags(isa), "-O0", "-std=c++20", "-Wno-psabi", "-Icsrc"]
    run(name, *flags, "-c", KERNELS, "-o", target)
    (nm,) = run(name, "-print-prog-name=nm")
    exported = {
        line.split()[0]: line.split()[1] for line in run(nm, "-Pg", "--defined-only", target)
    }
    table = f"kernels_{isa}"
    assert list(exported) == [f"_ZN5pycnn{len(table)}{table}E"]
    assert set(exported.values()) <= {"D", "R"}, "not an ordinary variable"
    # Nothing is called that allocates, throws or runs threads.
    assert {line.split()[0] for line in run(nm, "-Pu", target)} <= OF_C
