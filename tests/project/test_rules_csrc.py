"""Rules of csrc: who includes whom, where threads come from, what macros are called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.sources import CPP, ROOT, cpp_code, sources, text

CSRC = [path.relative_to("csrc") for path in sources(CPP, ("csrc",))]

# What a file may include, by the folder in which it lies. `array_view.hpp` and `workspace.hpp` are
# named without a folder: the include path of the module decides whose they are.
MAY_INCLUDE = {
    "core": {"core"},
    "ops": {"ops", "core", "workspace.hpp"},
    "cpu": {"cpu", "cpu/conv2d", "ops", "core"},
    "cpu/conv2d": {"cpu", "cpu/conv2d", "ops", "core"},
    "cpu/nhwc": {"cpu", "cpu/conv2d", "cpu/nhwc", "ops", "core"},
    "cpu/isa": {"cpu/isa", "cpu/kernel_table.hpp", "core/sum_block.hpp"},
    "cpu/for_ops": {"core"},
    "cuda/for_ops": {"cuda"},
    "cuda": {"cuda", "cuda/emulator", "ops", "core"},
    "python": {"python", "ops", "core", "array_view.hpp"},
    "python/numpy": {
        *("python/numpy", "python", "cpu", "cpu/conv2d", "cpu/nhwc", "ops", "core"),
    },
    "python/device": {"python/device", "python", "cuda", "cuda/emulator", "ops", "core"},
    "cuda/emulator": {"cuda/emulator", "cuda", "core"},
}

# The linker keeps one of all inline functions of a name, and that one may have been compiled for
# another instruction set. So kernels use no header that has such functions.
HEADERS_OF_KERNELS = {
    "cfloat", "cstdint", "stdint.h", "string.h",  # numbers, types, and functions of C
    "immintrin.h", "arm_neon.h",  # intrinsics, which are always inlined
}  # fmt: skip

# A header of another library, and the folders that know this library.
OTHER_LIBRARIES = {
    r"pybind11/.*|Python\.h": {"python", "python/numpy", "python/device"},
    r"cuda.*|mma\.h": {"cuda"},
    r"omp\.h": {"core"},
    r"immintrin\.h|arm_neon\.h": {"cpu/isa"},
}


def included(path: Path) -> list[str]:
    """Return the files of csrc that a file includes, as it names them."""
    return re.findall(r'^\s*#\s*include\s+"([^"]+)"', text("csrc" / path), re.MULTILINE)


def system_headers(path: Path) -> list[str]:
    return re.findall(r"^\s*#\s*include\s+<([^>]+)>", text("csrc" / path), re.MULTILINE)


def test_every_file_lies_in_a_folder_that_has_rules() -> None:
    folders = {str(path.parent) for path in CSRC}
    assert folders == set(MAY_INCLUDE)


@pytest.mark.parametrize("folder", MAY_INCLUDE)
def test_a_file_includes_its_own_folder_and_those_below(folder: str) -> None:
    allowed = MAY_INCLUDE[folder]
    wrong = [
        f"{path} includes {name}"
        for path in CSRC
        if str(path.parent) == folder
        for name in included(path)
        if not {name, str(Path(name).parent)} & allowed
    ]
    assert wrong == []


def test_every_include_names_a_file_from_the_root_of_csrc() -> None:
    chosen = {
        "array_view.hpp": ("python/numpy", "python/device"),
        "workspace.hpp": ("cpu/for_ops", "cuda/for_ops"),
    }
    for name, folders in chosen.items():
        assert all((ROOT / "csrc" / folder / name).exists() for folder in folders)
    wrong = [
        f"{path} includes {name}"
        for path in CSRC
        for name in included(path)
        if not (ROOT / "csrc" / name).exists() and name not in chosen
    ]
    assert wrong == []


@pytest.mark.parametrize("headers", OTHER_LIBRARIES)
def test_a_library_is_known_to_few_folders(headers: str) -> None:
    folders = {
        str(path.parent)
        for path in CSRC
        if any(re.fullmatch(headers, name) for name in system_headers(path))
    }
    assert folders
    assert folders <= OTHER_LIBRARIES[headers]


def test_kernels_reach_no_header_with_inline_functions_of_others() -> None:
    """Not by what they include in turn, either."""
    reached, left = set(), {path for path in CSRC if str(path.parent) == "cpu/isa"}
    while left:
        path = left.pop()
        reached.add(path)
        left |= {Path(name) for name in included(path)} - reached
    wrong = [
        f"{path} includes <{name}>"
        for path in sorted(reached)
        for name in system_headers(path)
        if name not in HEADERS_OF_KERNELS
    ]
    assert wrong == []


def test_kernels_are_not_exported_and_use_nothing_of_the_standard_library() -> None:
    for path in (path for path in CSRC if str(path.parent) == "cpu/isa"):
        code = cpp_code("csrc" / path)
        assert re.search(r"^namespace \{", code, re.MULTILINE), path
        assert not re.search(r"\bstd::|\bthrow\b|\bnew\b|#\s*pragma omp", code), path


def users(words: str) -> list[str]:
    """Return the files in whose code a regular expression is found."""
    return [str(path) for path in CSRC if re.search(words, cpp_code("csrc" / path))]


def test_openmp_is_in_one_file() -> None:
    assert users(r'#\s*pragma\s+omp|_Pragma\("omp|\bomp_\w+\(') == ["core/team.cpp"]


def test_threads_are_created_in_two_files() -> None:
    """By the team of kernels, and where there is a try whether it has room; by nobody else."""
    words = r"\bstd::(j?thread|async)\b|\bpthread_create\b"
    assert users(words) == ["core/spare_threads.cpp", "core/team.cpp"]


def test_macros_start_with_the_name_of_the_project() -> None:
    # The emulator gives CUDA's own words a meaning.
    of_cuda = "cuda/emulator/cuda_emulated.hpp"
    wrong = [
        f"{path} defines {name}"
        for path in CSRC
        if str(path) != of_cuda
        for name in re.findall(r"^\s*#\s*define\s+(\w+)", cpp_code("csrc" / path), re.MULTILINE)
        if not name.startswith("PYCNN_")
    ]
    assert wrong == []
    code = cpp_code(Path("csrc") / of_cuda)
    words = set(re.findall(r"^#\s*define\s+(\w+)", code, re.MULTILINE))
    assert {"__global__", "threadIdx"} <= words
    assert [
        name
        for name in words
        if not re.fullmatch(r"__\w+__|(thread|block|grid)(Idx|Dim)|PYCNN_\w+", name)
    ] == []


def test_the_library_never_prints_nor_ends_the_process() -> None:
    words = (
        r"\bstd::(cout|cerr|clog)\b|\b(printf|fprintf|puts|fputs|perror|putchar)\s*\(|"
        r"(?<![\w.>])(std::)?(abort|exit|_exit|quick_exit|terminate)\s*\(|\bassert\s*\("
    )
    wrong = [
        f"{path}: {found[0]}"
        for path in CSRC
        for found in re.finditer(words, cpp_code("csrc" / path))
    ]
    assert wrong == []


def test_no_flag_changes_what_numbers_mean() -> None:
    files = [ROOT / "CMakeLists.txt", *(ROOT / "csrc").rglob("*.cmake")]
    for path in files:
        flags = re.sub(r"#.*", "", path.read_text())
        assert "target_compile_options" in flags
        assert not re.search(r"-ffast-math|-Ofast|-march=native|-funsafe|--use_fast_math", flags), (
            path
        )
