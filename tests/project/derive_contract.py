"""Derive what repeats the signatures of `pycnn.ops`: the protocol of a back-end and the stub.

    python tests/project/derive_contract.py            # write both
    python tests/project/derive_contract.py --check    # fail if one is out of date

The signatures in ``pycnn/ops/*.py`` are read as text, so nothing has to be compiled.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "pycnn"
SCRIPT = "tests/project/derive_contract.py"
LINE = 100

# Ops that no back-end has to offer, and why.
COMPOSED = {"linear_backward": "calls two other ops"}
CPU_ONLY = {"conv2d_algorithm": "names a choice that only the CPU has"}

TYPES = "pycnn.backends.types"
MARK = f"\n# The ops. Derived by {SCRIPT}: change nothing below.\n"
PROTOCOL_HEAD = f'''"""Every op, as a back-end offers it. Derived by {SCRIPT}: do not edit.

Each method takes all parameters of the op of its name in `pycnn.ops`, by position.
"""

from __future__ import annotations

from typing import Protocol

'''


@dataclass(frozen=True)
class Parameter:
    """A parameter as it is written in a signature; its default is None where it has none."""

    name: str
    annotation: str
    default: str | None


@dataclass(frozen=True)
class Op:
    """The signature of an op."""

    name: str
    parameters: list[Parameter]
    returns: str


def ops() -> list[Op]:
    """Return the ops that are public in their files, sorted by name."""
    found: list[Op] = []
    for path in sorted((PACKAGE / "ops").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        public = _public(tree)
        found += [
            _op(node, text)
            for node in tree.body
            if isinstance(node, ast.FunctionDef) and node.name in public
        ]
    return sorted(found, key=lambda op: op.name)


def _public(tree: ast.Module) -> list[str]:
    """Return what `__all__` lists where it is a list of strings."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value) if isinstance(node.value, ast.List) else []
    return []


def _op(node: ast.FunctionDef, text: str) -> Op:
    def written(part: ast.expr | None) -> str:
        return " ".join((ast.get_source_segment(text, part) or "").split()) if part else ""

    given = node.args
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + given.defaults + given.kw_defaults
    parameters = [
        Parameter(argument.arg, written(argument.annotation), written(default) or None)
        for argument, default in zip([*plain, *given.kwonlyargs], defaults, strict=True)
    ]
    return Op(node.name, parameters, written(node.returns))


def protocol(found: list[Op]) -> str:
    """Return the text of ``pycnn/backends/operations.py``."""
    offered = [op for op in found if op.name not in COMPOSED and op.name not in CPU_ONLY]
    methods = [
        _function(op, ["self", *(f"{p.name}: {p.annotation}" for p in op.parameters), "/"], "    ")
        for op in offered
    ]
    text = PROTOCOL_HEAD + _imports(offered) + "\n\nclass Operations(Protocol):\n"
    return text + '    """The ops of `pycnn.ops`."""\n\n' + "".join(methods)


def stub(found: list[Op], before: str) -> str:
    """Return the text of ``pycnn/_core.pyi``: its part written by hand stays as it was `before`.

    A default is left out where a parameter without one follows, as Python's syntax wants it.
    """
    compiled = [op for op in found if op.name not in COMPOSED]
    functions = [_function(op, list(_with_defaults(op.parameters)), "") for op in compiled]
    own = before.partition(MARK)[0]
    head, _, rest = own.partition("\n\n")
    assert head.startswith(f"from {TYPES} import"), "the stub begins with the import of types"
    return _imports(compiled) + "\n" + rest + MARK + "".join(functions)


def _with_defaults(parameters: list[Parameter]) -> Iterator[str]:
    last_required = max((i for i, p in enumerate(parameters) if p.default is None), default=-1)
    for i, parameter in enumerate(parameters):
        default = f" = {parameter.default}" if i > last_required else ""
        yield f"{parameter.name}: {parameter.annotation}{default}"


def _imports(found: list[Op]) -> str:
    """Return the import of the types that these signatures name."""
    written = [p.annotation for op in found for p in op.parameters] + [op.returns for op in found]
    names = {
        node.id
        for annotation in written
        for node in ast.walk(ast.parse(annotation))
        if isinstance(node, ast.Name) and node.id[0].isupper()
    }
    return f"from {TYPES} import (\n" + "".join(f"    {n},\n" for n in sorted(names)) + ")\n"


def _function(op: Op, parameters: list[str], indent: str) -> str:
    """Return a declaration, broken into lines as ruff breaks them."""
    start, end = f"{indent}def {op.name}(", f") -> {op.returns}: ..."
    joined = ", ".join(parameters)
    if len(start + joined + end) <= LINE:
        return f"{start}{joined}{end}\n"
    if len(f"{indent}    {joined}") <= LINE:
        return f"{start}\n{indent}    {joined}\n{indent}{end}\n"
    # No comma follows a slash that is the last of the lines but one that ruff puts there.
    listed = "".join(f"{indent}    {parameter},\n" for parameter in parameters)
    return f"{start}\n{listed}{indent}{end}\n"


def derived() -> dict[Path, str]:
    """Return the files that follow from the ops, and the text that each must have."""
    found = ops()
    path = PACKAGE / "_core.pyi"
    return {
        PACKAGE / "backends" / "operations.py": protocol(found),
        path: stub(found, path.read_text(encoding="utf-8")),
    }


def main(arguments: list[str]) -> int:
    """Write the files, or compare them with what they must be."""
    stale = [
        path
        for path, text in derived().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if arguments == ["--check"]:
        for path in stale:
            name = path.relative_to(PACKAGE.parent)
            print(f"{name} does not follow from pycnn/ops: run {SCRIPT}", file=sys.stderr)
        return bool(stale)
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    for path in stale:
        path.write_text(derived()[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
