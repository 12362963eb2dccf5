"""Which part of the package imports which, as its source says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.sources import ROOT, text


@dataclass(frozen=True)
class Import:
    """One import: the file, the two parts, and whether it waits until a function is called."""

    path: Path
    part: str
    imported: str
    late: bool

    def __str__(self) -> str:
        return f"{self.path} imports {self.imported}"


def imports(path: Path) -> Iterator[Import]:
    """Yield what a file of the package imports of it, but for type checkers alone.

    A part is a module or package right below `pycnn`, which itself counts as one.
    """
    part = _part(path.with_suffix("").parts)
    yield from _found(ast.parse(text(path)), path, part, late=False)


def _found(node: ast.AST, path: Path, part: str, late: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        for name in _names(child, path):
            if name[0] == "pycnn":
                yield Import(path, part, _part(name), late)
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _found(child, path, part, late or function)


def _names(node: ast.AST, path: Path) -> Iterator[tuple[str, ...]]:
    if isinstance(node, ast.Import):
        yield from (tuple(name.name.split(".")) for name in node.names)
    elif isinstance(node, ast.ImportFrom):
        folder = path.parent.parts[: len(path.parent.parts) + 1 - node.level] if node.level else ()
        module = tuple(node.module.split(".")) if node.module else ()
        yield from ((*folder, *module, name.name) for name in node.names)


def _part(name: tuple[str, ...]) -> str:
    """Return the part that a dotted name belongs to; names of `pycnn` itself are no parts."""
    if len(name) > 1 and name[1] != "__init__":
        place = ROOT / name[0] / name[1]
        if place.is_dir() or any(place.parent.glob(f"{name[1]}.py*")):
            return name[1]
    return "pycnn"
