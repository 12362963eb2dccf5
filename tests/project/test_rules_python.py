"""Rules of the Python files, and of the length of all files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.sources import CPP, PYTHON, sources, text

LIBRARY = [path for path in sources((".py",), ("pycnn",)) if path.parent.name != "cli"]
LONGEST = 400
DERIVED = {"pycnn/backends/operations.py", "pycnn/_core.pyi"}  # by a script, from the ops


def test_no_file_is_long() -> None:
    lines = {str(path): len(text(path).splitlines()) for path in sources((*CPP, *PYTHON))}
    assert len(lines) > 500
    assert {
        path: count for path, count in lines.items() if count > LONGEST and path not in DERIVED
    } == {}


@pytest.mark.parametrize("folder", ["pycnn", "tests", "bench", "examples"])
def test_what_type_checkers_ignore_is_named(folder: str) -> None:
    """By the code of an error: others on the same line are still found."""
    blanket = r"#\s*type:\s*ignore(?!\[[\w, -]+\])|#\s*mypy:|#\s*noqa(?!: ?[A-Z]+\d)"
    assert list(places(blanket, sources(PYTHON, (folder,)))) == []


def places(words: str, paths: Iterator[Path]) -> Iterator[str]:
    for path in paths:
        for number, line in enumerate(text(path).splitlines(), 1):
            if re.search(words, line) and path.name != Path(__file__).name:
                yield f"{path}:{number}"


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(text(path))) if isinstance(node, ast.Call))


def test_the_library_prints_only_where_it_is_told() -> None:
    """The command line may print: everybody else names the stream."""
    wrong = [
        f"{path}:{call.lineno}"
        for path in LIBRARY
        for call in calls(path)
        if ast.unparse(call.func) == "print" and "file" not in {word.arg for word in call.keywords}
    ]
    assert wrong == []


def test_the_library_ends_no_process() -> None:
    ends = {"exit", "quit", "sys.exit", "os._exit", "os.abort", "os.kill", "SystemExit"}
    wrong = {
        str(path) for path in LIBRARY for call in calls(path) if ast.unparse(call.func) in ends
    }
    assert wrong <= {"pycnn/__main__.py"}


def test_no_pickle_is_read_or_written() -> None:
    """Who opens a file of another person runs no code of theirs."""
    modules = {"pickle", "cPickle", "marshal", "shelve", "dill", "joblib"}
    for path in sources((".py",), ("pycnn",)):
        for node in ast.walk(ast.parse(text(path))):
            if isinstance(node, ast.Import):
                assert not {name.name for name in node.names} & modules, path
            elif isinstance(node, ast.ImportFrom):
                assert node.module not in modules, path
            elif isinstance(node, ast.Call):
                words = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert words.get("allow_pickle", "False") == "False", path
                assert ast.unparse(node.func) not in {"eval", "exec", "compile"}, path


def test_every_file_of_tests_is_found_by_pytest_or_imported() -> None:
    """A test file whose name does not begin with test_ would never run."""
    for path in sources((".py",), ("tests",)):
        if path.name.startswith("test_") or path.name == "conftest.py":
            continue
        names = {
            node.name for node in ast.parse(text(path)).body if isinstance(node, ast.FunctionDef)
        }
        assert [name for name in names if name.startswith("test_")] == [], path
