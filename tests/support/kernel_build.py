"""What CMakeLists.txt says of the kernels, for tests that compile them themselves."""

from __future__ import annotations

import re

from support.sources import ROOT

KERNELS = ROOT / "csrc" / "cpu" / "isa" / "kernels.cpp"


def instruction_sets() -> dict[str, str]:
    """Return each instruction set, and the regular expression of the processors that it is for."""
    branches = re.findall(
        r'^(?:else)?if\(CMAKE_SYSTEM_PROCESSOR MATCHES "([^"]+)"\)\n((?:  .*\n)+)',
        _cmake(), re.MULTILINE,
    )  # fmt: skip
    return {
        name: processors
        for processors, lines in branches
        for name in re.findall(r"pycnn_add_isa\((\w+)", lines)
    }


def kernel_flags(isa: str) -> list[str]:
    """Return what the kernels of an instruction set are compiled with."""
    common = re.search(
        r"target_compile_options\(pycnn_isa_\$\{name\} PRIVATE(.*?)\$\{ARGN\}\)",
        _cmake(),
        re.DOTALL,
    )
    own = re.search(rf"pycnn_add_isa\({isa}(.*)\)", _cmake())
    assert common
    assert own
    flags = re.findall(r"-[a-zO][\w=.-]*", common[1]) + own[1].split()
    assert {"-O3", "-ffp-contract=fast", "-fno-math-errno"} <= set(flags)
    return [f"-DPYCNN_ISA={isa}", *flags]


def _cmake() -> str:
    return (ROOT / "CMakeLists.txt").read_text()
