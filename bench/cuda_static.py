"""Show the compiled CUDA kernels: registers, spills, loads, occupancy. Needs no GPU.

``python bench/cuda_static.py`` compiles csrc/cuda/*.cu with nvcc, for all architectures that it
knows, and prints a line for each kernel. The exit status is 1 if the compiler issues a warning or a
kernel breaks a rule (README.md, "CUDA, without a GPU").
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import site
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURES = (75, 80, 86, 89, 90, 100, 120)
FLAGS = (
    "-std=c++20",
    "-O3",
    "-ftz=true",
    "-Xptxas",
    "-v",
    "-Werror",
    "all-warnings",  # of the front end and of ptxas
    "-fatbin",
    f"-I{ROOT / 'csrc'}",
)
GEMM, GEMM_TF32 = "gemm_kernel", "gemm_tf32_kernel"
OLDEST_WITH_TF32 = 80
CONTIGUOUS = ("AlongDepth", "AcrossDepth", "GradientRows")  # operands of csrc/cuda
MOST_REGISTERS = 128  # of a product's kernel with 256 threads: two blocks fit a multiprocessor
REDUCED_IN_MEMORY = ("Sine", "Cosine")  # CUDA's reduction of large angles looks up digits of 2 / pi
LEAST_PRODUCTS = 8  # multiply-adds per load of four floats from shared memory
INSTRUCTION = re.compile(r"^\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+ )?([A-Z][\w.]*)", re.MULTILINE)


@dataclass
class Kernel:
    """One kernel for one architecture."""

    name: str
    architecture: int
    registers: int = 0
    shared: int = 0
    spills: int = 0
    threads: int = 256
    blocks: int = 0  # blocks that a multiprocessor holds
    occupancy: float = 0.0
    instructions: dict[str, int] = field(default_factory=dict)

    @property
    def is_product(self) -> bool:
        """Whether it is a tile of a matrix product; without TF32 hardware, a TF32 tile is empty."""
        return GEMM in self.name or (self.is_tf32 and self.architecture >= OLDEST_WITH_TF32)

    @property
    def is_tf32(self) -> bool:
        """Whether it multiplies on tensor cores."""
        return GEMM_TF32 in self.name

    @property
    def is_contiguous(self) -> bool:
        """Whether an operand is read in the order of its memory; pixels under taps are not."""
        return any(name in self.name for name in CONTIGUOUS)

    def broken_rules(self) -> Iterator[str]:
        """Yield the rules that the kernel breaks."""
        count = self.instructions
        if self.spills:
            yield f"{self.spills} bytes of spills"
        local = count.get("LDL", 0) + count.get("STL", 0)
        if local and not any(name in self.name for name in REDUCED_IN_MEMORY):
            yield f"{local} accesses of local memory"
        if self.is_product:
            if self.threads == 256 and self.registers > MOST_REGISTERS:
                yield f"{self.registers} registers"
            if count and self.is_contiguous and not count.get("LDG.E.128"):
                yield "no loads of four floats from memory"
            if count.get("double"):
                yield f"{count['double']} instructions in double"
            yield from self.broken_rules_of_tf32() if self.is_tf32 else self.broken_rules_of_fp32()

    def broken_rules_of_fp32(self) -> Iterator[str]:
        """Yield the broken rules of products in FP32."""
        count = self.instructions
        if count and not count.get("LDS.128"):
            yield "no loads of four floats from shared memory"
        if count.get("LDS.128", 0) * LEAST_PRODUCTS > count.get("FFMA", 0):
            yield "few multiply-adds a load from shared memory"

    def broken_rules_of_tf32(self) -> Iterator[str]:
        """Yield those of products on tensor cores, whose reads must be known as shared memory."""
        count = self.instructions
        if count and not count.get("HMMA"):
            yield "no multiply-adds of tensor cores"
        if generic := count.get("LD"):
            yield f"{generic} loads with generic addresses"


Kernels = dict[tuple[str, int], Kernel]  # by mangled name and architecture


def tool(name: str, variable: str) -> str | None:
    """Find a program by an environment variable, on the path, or in NVIDIA's Python packages."""
    folders = map(Path, site.getsitepackages())
    packaged = (path for folder in folders for path in sorted(folder.glob(f"nvidia/*/bin/{name}")))
    return os.environ.get(variable) or shutil.which(name) or next(map(str, packaged), None)


def known_architectures(nvcc: str) -> list[int]:
    """Return those of our architectures that this compiler supports."""
    listed = subprocess.run([nvcc, "--list-gpu-code"], capture_output=True, text=True, check=True)
    return [a for a in ARCHITECTURES if f"sm_{a}" in listed.stdout.split()]


def compile_one(nvcc: str, source: Path, architectures: list[int], binary: Path) -> str:
    """Write the code for all architectures; return the compiler's messages."""
    # As CMake builds it. One front-end run for all takes half the time, but makes different code.
    targets = [f"-gencode=arch=compute_{a},code=sm_{a}" for a in architectures]
    command = [nvcc, *FLAGS, *targets, "-o", str(binary), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{source.name}:\n{done.stdout}{done.stderr}")
    return done.stderr


def resources(text: str) -> Kernels:
    """Read ptxas's report."""
    kernels: Kernels = {}
    entries = re.split(r"Compiling entry function '(\w+)' for 'sm_(\d+)'", text)
    mangled, architectures, reports = entries[1::3], entries[2::3], entries[3::3]
    for key, architecture, name, report in zip(
        mangled, map(int, architectures), demangled(mangled), reports, strict=True
    ):
        kernel = kernels[key, architecture] = Kernel(name, architecture)
        kernel.registers = number(r"Used (\d+) registers", report)
        kernel.shared = number(r"(\d+) bytes smem", report)
        kernel.spills = number(r"(\d+) bytes spill stores", report)
        if tile := re.search(r"(?:Gemm|Tf32)Tile<(\d+), (\d+), \d+, (\d+), (\d+)>", name):
            rows, columns, high, wide = map(int, tile.groups())
            kernel.threads = rows // high * (columns // wide)
            if kernel.is_tf32:  # the figures are per warp, not per thread
                kernel.threads *= 32
    return kernels


def number(pattern: str, text: str) -> int:
    """Return the number that a pattern matches, or 0."""
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def demangled(names: list[str]) -> Iterator[str]:
    """Yield the C++ names of kernels, without namespaces and arguments."""
    lines = "\n".join(names)
    text = subprocess.run(["c++filt"], input=lines, capture_output=True, text=True, check=True)
    for line in text.stdout.splitlines():
        name = line.removeprefix("void ").replace("(anonymous namespace)::", "")
        name = name.replace("(int)", "").split("(", 1)[0]
        yield re.sub(r"(pycnn|cuda)::", "", name).strip()


def count_instructions(cuobjdump: str, binary: Path, kernels: Kernels) -> None:
    """Count the telling instructions of a binary."""
    # cuobjdump starts nvdisasm, which Python's packages install next to it.
    path = os.pathsep.join((os.environ.get("PATH", ""), str(Path(cuobjdump).parent)))
    done = subprocess.run(
        [cuobjdump, "-sass", str(binary)],
        capture_output=True, text=True, check=False, env=os.environ | {"PATH": path},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"cuda_static.py: {done.stderr.strip()}")
    for listing in re.split(r"^arch = sm_", done.stdout, flags=re.M)[1:]:
        architecture, *functions = listing.split("Function : ")
        for part in functions:
            count = kernels[part.split()[0], int(architecture.split()[0])].instructions
            for code in re.findall(INSTRUCTION, part):
                base = code.split(".")[0]
                if code.startswith("LDS") and ".128" in code:
                    base = "LDS.128"
                elif code.startswith("LDG.E") and ".128" in code:
                    base = "LDG.E.128"
                elif base in ("DADD", "DMUL", "DFMA"):
                    base = "double"
                count[base] = count.get(base, 0) + 1


def add_occupancy(nvcc: str, kernels: list[Kernel], folder: Path) -> None:
    """Ask NVIDIA's calculator, cuda_occupancy.h, how many blocks a multiprocessor holds."""
    program = folder / "occupancy"
    source = Path(__file__).with_name("occupancy.cpp")
    subprocess.run([nvcc, "-o", program, source], check=True)  # nvcc knows where the header is
    lines = (
        f"{k.architecture // 10} {k.architecture % 10} {k.registers} {k.shared} {k.threads}"
        for k in kernels
    )
    answers = subprocess.run(
        [program], input="\n".join(lines), capture_output=True, text=True, check=True
    ).stdout
    for kernel, answer in zip(kernels, answers.splitlines(), strict=True):
        kernel.blocks, most = map(int, answer.split())
        kernel.occupancy = kernel.blocks * kernel.threads / most


def measure(
    architectures: list[int], nvcc: str, cuobjdump: str | None, only: str = ""
) -> list[Kernel]:
    """Compile the sources with `only` in their names and gather all figures."""
    sources = sorted(path for path in (ROOT / "csrc" / "cuda").glob("*.cu") if only in path.name)
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(os.cpu_count()) as pool:
        folder = Path(name)

        def examine(source: Path) -> Kernels:
            binary = folder / f"{source.stem}.fatbin"
            kernels = resources(compile_one(nvcc, source, architectures, binary))
            if cuobjdump:
                count_instructions(cuobjdump, binary, kernels)
            return kernels

        found = [kernel for kernels in pool.map(examine, sources) for kernel in kernels.values()]
        found.sort(key=lambda kernel: (kernel.architecture, kernel.name))
        add_occupancy(nvcc, found, folder)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--arch", type=int, nargs="+", choices=ARCHITECTURES, help="of these alone")
    parser.add_argument("--only", default="", help="sources whose names contain this")
    args = parser.parse_args(arguments)
    nvcc, cuobjdump = tool("nvcc", "CUDACXX"), tool("cuobjdump", "CUOBJDUMP")
    if not nvcc:
        print("cuda_static.py: there is no nvcc (CUDACXX may name it)", file=sys.stderr)
        return 2
    if not cuobjdump:
        print("cuda_static.py: no cuobjdump (CUOBJDUMP may name it): instructions not counted")
    kernels = measure(args.arch or known_architectures(nvcc), nvcc, cuobjdump, args.only)
    columns = f"{'sm':>4} {'regs':>4} {'shared':>6} {'threads':>7} {'blocks':>6} {'occ.':>5}"
    print(f"{columns} {'FFMA':>5} {'HMMA':>4} {'LDS.128':>7} {'LDG.128':>7}  kernel")
    broken = 0
    for k in kernels:
        count = k.instructions
        print(
            f"{k.architecture:>4} {k.registers:>4} {k.shared:>6} {k.threads:>7} {k.blocks:>6} "
            f"{k.occupancy:>5.0%} {count.get('FFMA', 0):>5} {count.get('HMMA', 0):>4} "
            f"{count.get('LDS.128', 0):>7} {count.get('LDG.E.128', 0):>7}  {k.name}"
        )
        for rule in k.broken_rules():
            broken += 1
            print(f"     BROKEN: {rule}")
    print(f"{len(kernels)} kernels, {broken} broken rules")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
