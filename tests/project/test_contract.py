"""One contract: ops, reference, stub and bindings agree, name by name and default by default."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from project.derive_contract import COMPOSED, CPU_ONLY

from pycnn import _core, backends, devices, ops, reference

# The op that has no reference, and why.
NO_REFERENCE = {"conv2d_algorithm": "names a choice made in C++, and computes nothing"}

STUB = {
    node.name: node
    for node in ast.parse(Path(_core.__file__).with_name("_core.pyi").read_text()).body
    if isinstance(node, ast.FunctionDef)
}
DERIVE = Path(__file__).with_name("derive_contract.py")
REQUIRED = inspect.Parameter.empty
BOUND = [name for name in ops.__all__ if name not in COMPOSED]

Parameters = dict[str, Any]


def parameters(op: Callable[..., Any]) -> Parameters:
    """Return the parameters of a function with their defaults, in their order."""
    return {name: p.default for name, p in inspect.signature(op).parameters.items()}


def positional(op: Callable[..., Any]) -> Parameters:
    """Return the parameters of an op as a function without keyword-only parameters has them.

    There a parameter has no default if one without a default follows.
    """
    found = parameters(op)
    required = [i for i, default in enumerate(found.values()) if default is REQUIRED]
    return {
        name: default if i > max(required, default=-1) else REQUIRED
        for i, (name, default) in enumerate(found.items())
    }


def declared(function: ast.FunctionDef) -> Parameters:
    """Return the parameters of a declaration, with their defaults."""
    given = function.args
    assert given.kwonlyargs == []
    assert given.vararg is given.kwarg is None
    names = [argument.arg for argument in (*given.posonlyargs, *given.args)]
    values = [ast.literal_eval(default) for default in given.defaults]
    return dict(zip(names, [REQUIRED] * (len(names) - len(values)) + values, strict=True))


def function_in(source: str) -> ast.FunctionDef:
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    return function


def bound(binding: Callable[..., Any]) -> tuple[str, Parameters]:
    """Return the name and parameters of a binding, from the line that pybind11 writes of it."""
    assert binding.__doc__ is not None
    function = function_in(f"def {binding.__doc__.splitlines()[0]}: ...")
    return function.name, declared(function)


def functions_of(module: ModuleType) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if inspect.isbuiltin(value) and not name.startswith("_")
    }


def assert_same(found: Parameters, expected: Parameters) -> None:
    """Compare order and kind as well: True is not 1, nor 0.0 the same as 0."""
    assert [*found] == [*expected]
    for name, default in expected.items():
        assert type(found[name]) is type(default), name
        assert found[name] == default, name


def test_every_op_has_a_reference() -> None:
    assert set(ops.__all__) - set(reference.__all__) == set(NO_REFERENCE)
    assert set(reference.__all__) <= set(ops.__all__)


@pytest.mark.parametrize("name", reference.__all__)
def test_the_reference_has_the_parameters_of_the_op(name: str) -> None:
    op, specification = getattr(ops, name), getattr(reference, name)
    assert_same(parameters(specification), parameters(op))
    kinds = [
        [p.kind for p in inspect.signature(f).parameters.values()] for f in (op, specification)
    ]
    assert kinds[0] == kinds[1]


def test_the_stub_declares_every_function_of_the_module() -> None:
    assert set(STUB) == functions_of(_core)
    assert set(ops.__all__) - set(STUB) == set(COMPOSED)


@pytest.mark.parametrize("name", BOUND)
def test_the_stub_has_the_parameters_of_the_op(name: str) -> None:
    assert_same(declared(STUB[name]), positional(getattr(ops, name)))


@pytest.mark.parametrize("name", sorted(functions_of(_core)))
def test_the_stub_has_the_parameters_of_the_binding(name: str) -> None:
    """Of every function of the module, those that are no ops included."""
    assert_same(declared(STUB[name]), bound(getattr(_core, name))[1])


def modules() -> list[Any]:
    """Return the compiled modules that are there, by name."""
    names = ("pycnn._core", *devices.EXTENSIONS.values())
    return [
        pytest.param(name, marks=pytest.mark.skipif(find_spec(name) is None, reason="not built"))
        for name in names
    ]


@pytest.mark.parametrize("module", modules())
@pytest.mark.parametrize("name", BOUND)
def test_the_binding_has_the_parameters_of_the_op(module: str, name: str) -> None:
    if module != "pycnn._core" and name in CPU_ONLY:
        assert not hasattr(import_module(module), name)
        return
    spelled, found = bound(getattr(import_module(module), name))
    assert spelled == name
    assert_same(found, positional(getattr(ops, name)))


class Recorder:
    """Ops that compute nothing and remember their arguments."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *arguments: self.calls.append((name, *arguments))


@pytest.mark.parametrize("name", [name for name in BOUND if name not in CPU_ONLY])
def test_an_op_hands_its_arguments_over_in_order(name: str) -> None:
    """All of them: by position, mypy does not see that two of one type are swapped."""
    op = getattr(ops, name)
    given = {parameter: object() for parameter in parameters(op)}
    recorder = Recorder()
    with backends.computing_with(backends.Cpu(recorder)):
        op(**given)
    assert recorder.calls == [(name, *given.values())]


def test_the_choice_of_an_algorithm_hands_its_arguments_over_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    op: Callable[..., Any] = ops.conv2d_algorithm
    given = {name: object() for name in parameters(op)}
    monkeypatch.setattr(_core, "conv2d_algorithm", lambda *arguments: arguments)
    assert op(**given) == tuple(given.values())


def test_the_protocol_of_a_back_end_has_every_op() -> None:
    offered = {name for name in vars(backends.Operations) if not name.startswith("_")}
    assert set(ops.__all__) - offered == set(COMPOSED) | set(CPU_ONLY)
    for name in offered:
        found = [*parameters(getattr(backends.Operations, name))]
        assert found == ["self", *parameters(getattr(ops, name))], name


def test_what_is_derived_from_the_ops_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, DERIVE, "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_file_lists_its_public_ops() -> None:
    """And nothing else: what else it defines is for the package alone."""
    for package in (ops, reference):
        listed = [
            name
            for path in sorted(Path(package.__path__[0]).glob("[!_]*.py"))
            for name in getattr(import_module(f"{package.__name__}.{path.stem}"), "__all__", [])
        ]
        assert sorted(listed) == package.__all__
        assert len(set(listed)) == len(listed)
