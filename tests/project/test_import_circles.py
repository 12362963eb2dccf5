"""No module of pycnn needs, by way of others, what needs it: neither at once nor later.

Counted are imports at the top of a file and those in functions; not those for type checkers alone,
nor that of a package on the way to one of its modules.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPILED = ("pycnn._core", "pycnn._cuda", "pycnn._cuda_emulated")

# Imports in a function that close a circle, and why they have to.
ACCEPTED = {
    # `fit` hands a training of several processes to `pycnn.distributed`, which is made of the
    # pieces of `pycnn.training`; nobody else should wait for it, or need MPI.
    ("pycnn.training.processes", "pycnn.distributed"),
}


def name_of(path: Path) -> str:
    """Return the name that a file is imported by."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> Iterator[str]:
    """Return the names that a file imports; of ``from a import b`` both a.b and a."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imports(node)


def module_of(name: str, modules: Mapping[str, object]) -> str | None:
    """Return the module that a name is, or is in; None for those of others."""
    for one in (name, name.rpartition(".")[0]):
        if one in modules or one in COMPILED:
            return one
    return None


def circle(files: Mapping[str, str]) -> list[str]:
    """Return the modules of a circle, each of which imports the next; none if there is none."""
    graph = {
        module: {
            other
            for name in imports(ast.parse(text))
            if (other := module_of(name, files)) not in (None, module)
            and (module, other) not in ACCEPTED
        }
        for module, text in files.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(module) for module in reversed(error.args[1])]
    return []


def test_no_module_needs_what_needs_it() -> None:
    files = {name_of(path): path.read_text() for path in (ROOT / "pycnn").rglob("*.py")}
    assert "pycnn.layers.summary" in files
    assert circle(files) == []


@pytest.mark.parametrize(("package", "module"), sorted(ACCEPTED))
def test_an_accepted_import_is_still_there(package: str, module: str) -> None:
    text = (ROOT / package.replace(".", "/")).with_suffix(".py").read_text()
    assert any(name.startswith(module) for name in imports(ast.parse(text)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from pycnn.a import A", True),
        ("from pycnn import a", True),
        ("def f():\n    import pycnn.a", True),
        ("if TYPE_CHECKING:\n    from pycnn.a import A", False),
        ("import json", False),
    ],
)
def test_a_circle_is_found(text: str, found: bool) -> None:
    files = {"pycnn.a": "def g():\n    from pycnn.b import B", "pycnn.b": text}
    assert bool(circle(files)) == found
