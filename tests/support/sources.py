"""The project's own source files, and what they say besides comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("csrc", "pycnn", "tests", "bench", "examples")
CPP = (".cpp", ".hpp", ".cu", ".c")
PYTHON = (".py", ".pyi")


def sources(suffixes: tuple[str, ...], folders: tuple[str, ...] = FOLDERS) -> Iterator[Path]:
    """Yield the files with these suffixes in folders of the project, relative to its root."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes:
                yield path.relative_to(ROOT)


def text(path: Path) -> str:
    """Return what a file of the project holds."""
    return (ROOT / path).read_text(encoding="utf-8")


def cpp_code(path: Path) -> str:
    """Return a C++ file without its comments; each line keeps its number."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", _same_lines, text(path), flags=re.DOTALL)


def _same_lines(comment: re.Match[str]) -> str:
    return "\n" * comment[0].count("\n")
