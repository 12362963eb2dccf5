"""The kernels for AArch64, on any machine: cross-compiled, and run in an emulator.

The program is tests/selftest, the C++ functions without Python around them. It is linked
statically, so that the emulator needs nothing else of the other system. The emulator notes what
code it translates: so a kernel that no check has run is found.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.kernel_build import KERNELS, kernel_flags
from support.sources import ROOT

INCLUDES = ("-Icsrc", "-Icsrc/cpu/for_ops")
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
        run("-std=c++20", "-Wno-psabi", *INCLUDES, *flags, "-c", source, "-o", target)
        return target

    folders = (
        "csrc/core",
        "csrc/ops",
        "csrc/cpu",
        "csrc/cpu/conv2d",
        "csrc/cpu/nhwc",
        "tests/selftest",
    )
    sources = [KERNELS, *(file for name in folders for file in sorted((ROOT / name).glob("*.cpp")))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_file, sources))
    run("-static", "-fopenmp", *objects, "-o", folder / "selftest")
    return folder / "selftest"


@pytest.fixture(scope="module")
def run(program: Path) -> subprocess.CompletedProcess[str]:
    """Run the program; the addresses of what is translated go to a file beside it."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYCNN_")}
    return subprocess.run(
        [str(EMULATOR), "-d", "in_asm", "-D", program.with_suffix(".log"), program],
        env=plain, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def test_neon_kernels_in_an_emulator(run: subprocess.CompletedProcess[str]) -> None:
    """Every op is within its error bounds on the table that an AArch64 machine would choose."""
    lines = run.stdout.splitlines()
    wrong = [line for line in lines if line.startswith("FAILED")]
    assert run.returncode == 0, "\n".join([*wrong, run.stderr])
    assert lines[0] == "table neon compiled for neon"
    assert lines[-1] == "0 failed"
    assert sum(line.startswith("ok") for line in lines) == len(lines) - 2 > 900


@pytest.mark.usefixtures("run")
def test_every_kernel_of_the_table_is_checked(program: Path) -> None:
    """A new kernel needs a check in tests/selftest."""
    translated = {
        int(address, 16)
        for address in re.findall(
            r"^IN: .*\n(0x\w+):", program.with_suffix(".log").read_text(), re.MULTILINE
        )
    }
    kernels = kernels_of_table(program)
    assert len(kernels) > 250
    assert not [name for address, name in kernels.items() if address not in translated]


def kernels_of_table(program: Path) -> dict[int, str]:
    """Return the functions that the table in the program points to, by their addresses."""

    def words_of(tool: str, *options: str) -> str:
        command = [COMPILER.replace("g++", tool), *options, str(program)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    symbols = words_of("nm", "--demangle", "--print-size")
    table = re.search(r"^(\w+) (\w+) \w pycnn::kernels_neon$", symbols, re.MULTILINE)
    assert table
    start, size = (int(number, 16) for number in table.groups())
    dump = words_of(
        "objdump", "--full-contents", f"--start-address={start}", f"--stop-address={start + size}"
    )
    # A line has an address, four words of eight digits and the same as text.
    lines = re.findall(r"^ [0-9a-f]+ ((?:[0-9a-f]+ ){1,4})", dump, re.MULTILINE)
    content = bytes.fromhex("".join(lines).replace(" ", ""))
    assert len(content) == size
    functions = {
        int(address, 16): name
        for address, name in re.findall(r"^(\w+) (?:\w+ )?[tT] (.*)$", symbols, re.MULTILINE)
    }
    pointers = (int.from_bytes(content[i : i + 8], "little") for i in range(0, size, 8))
    return {pointer: functions[pointer] for pointer in pointers if pointer in functions}
