"""The architecture of a model as JSON: its layers, with their arguments, and what they share.

``{"version": 1, "root": NODE, "shared": [[NAME, NAME], ...]}``, where a node is
``{"class": NAME, "arguments": {...}, "children": {NAME: NODE, ...}}``, or ``{"same": NAME}`` for a
module that has come before under another dotted name. ``shared`` names parameters and buffers that
are one object in several modules. A model that holds a class of somebody else's is
``{"version": 1, "own": CLASS, "at": NAME}``: where the first such class is.

Nothing here is code. Names stand for the classes in a table that the caller gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pycnn import _budget
from pycnn._arguments import written
from pycnn._printable import printable
from pycnn.layers.contained import attributes_of
from pycnn.layers.hooks import hooked_of
from pycnn.layers.making import numbers_in
from pycnn.layers.module import Module
from pycnn.layers.parameter import Buffer, Parameter

VERSION = 1
MOST_DEPTH = 64
MOST_MODULES = 10_000

Classes = Mapping[str, type[Module]]


class Own(ValueError):
    """A model has a part that is no layer of the library, or not as its arguments make it."""

    def __init__(self, module: Module, name: str, text: str) -> None:
        super().__init__(text)
        kind = type(module)
        self.kind = f"{kind.__module__}.{kind.__qualname__}"
        self.name = name


def architecture(model: Module, classes: Classes) -> dict[str, Any]:
    """Return the architecture of a model as JSON values.

    Parameters
    ----------
    model : Module
        Any model.
    classes : mapping of str to type
        The classes that `model_of` will be given.
    """
    writer = _Writer(classes)
    try:
        if sum(1 for _ in model.modules()) > MOST_MODULES:
            raise Own(model, "", f"there are more than {MOST_MODULES:,} modules")
        root = writer.node(model, "", 0)
    except Own as own:
        return {"version": VERSION, "own": own.kind, "at": own.name, "why": str(own)}
    found: dict[str, Any] = {"version": VERSION, "root": root}
    if shared := writer.shared():
        found["shared"] = shared
    return found


class _Writer:
    def __init__(self, classes: Classes) -> None:
        self._classes = classes
        self._seen: dict[int, str] = {}
        self._arrays: dict[int, list[str]] = {}

    def node(self, module: Module, name: str, depth: int) -> dict[str, Any]:
        if id(module) in self._seen:
            return {"same": self._seen[id(module)]}
        kind = type(module).__name__
        if self._classes.get(kind) is not type(module):
            raise Own(module, name, f"the class {kind} is not one of pycnn's layers")
        if depth > MOST_DEPTH:
            raise Own(module, name, f"modules lie within modules deeper than {MOST_DEPTH}")
        hooked = hooked_of(module)
        if "forward" in (vars(module) if hooked is None else hooked.own):
            raise Own(module, name, f"a {kind} has another forward")
        self._seen[id(module)] = name
        for own, value in attributes_of(module).items():
            if isinstance(value, (Parameter, Buffer)):
                self._arrays.setdefault(id(value), []).append(_join(name, own))
        try:
            arguments = module._made_with()
        except ValueError as error:
            raise Own(module, name, str(error)) from None
        made: dict[str, Any] = {"class": kind}
        if arguments:
            made["arguments"] = arguments
        children = {
            key: self.node(child, _join(name, key), depth + 1)
            for key, child in module.named_children()
        }
        if children:
            made["children"] = children
        return made

    def shared(self) -> list[list[str]]:
        """Return the names of each parameter or buffer that several modules have."""
        return [names for names in self._arrays.values() if len(names) > 1]


def model_of(stored: Any, classes: Classes, numbers: int) -> Module:
    """Make the model of an architecture, with fresh parameters.

    Parameters
    ----------
    stored : JSON value
        What `architecture` returned, or anything that a file may hold.
    classes : mapping of str to type
        The classes that it may name.
    numbers : int
        How many numbers there are for the model, which bounds its arguments.

    Raises
    ------
    ValueError, TypeError
        If it is no architecture, or a layer cannot be made.
    """
    if not isinstance(stored, dict) or type(stored.get("version")) is not int:
        raise ValueError("its architecture cannot be read")
    if stored["version"] > VERSION:
        raise ValueError(f"its architecture is of version {stored['version']}, of a newer pycnn")
    reader = _Reader(classes, numbers + _budget.SPARE)
    model = reader.module(stored.get("root"), "", 0)
    reader.share(stored.get("shared", []))
    return model


class _Reader:
    def __init__(self, classes: Classes, largest: int) -> None:
        self._classes = classes
        self._largest = largest
        self._made: dict[str, Module] = {}
        self._counts: dict[int, int] = {}

    def module(self, node: Any, name: str, depth: int) -> Module:
        where = f"module {printable(name)}" if name else "the model"
        if not isinstance(node, dict):
            raise ValueError(f"{where} is no node of an architecture")
        if depth > MOST_DEPTH:
            raise ValueError(f"modules lie within modules deeper than {MOST_DEPTH}")
        if "same" in node:
            found = self._made.get(node["same"]) if isinstance(node["same"], str) else None
            if found is None:
                raise ValueError(f"{where} is said to be one that has not come before it")
            return found
        kind, arguments, children = (
            node.get("class"), node.get("arguments", {}), node.get("children", {})
        )  # fmt: skip
        if not isinstance(kind, str) or kind not in self._classes:
            raise ValueError(f"{where}: {written(kind)} is not a layer of this pycnn")
        if not isinstance(arguments, dict) or not isinstance(children, dict):
            raise ValueError(f"{where} has arguments or children that are no mapping")
        for value in arguments.values():
            if any(abs(number) > self._largest for number in numbers_in(value)):
                raise ValueError(f"{where} has an argument larger than all numbers of the file")
        # The children first, because a container is made of them; their names are kept meanwhile.
        below = {
            key: self.module(child, _join(name, key), depth + 1) for key, child in children.items()
        }
        # A module that is there twice counts twice, as for everything that walks over a model.
        count = 1 + sum(self._counts[id(child)] for child in below.values())
        if count > MOST_MODULES:
            raise ValueError(f"there are more than {MOST_MODULES:,} modules")
        try:
            made = self._classes[kind]._made_from(arguments, below)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"{where}: {error}") from None
        self._made[name] = made
        self._counts[id(made)] = count
        return made

    def share(self, groups: Any) -> None:
        """Let modules have parameters and buffers in common."""
        if not isinstance(groups, list):
            raise ValueError("what its modules share is no list")
        for names in groups:
            if not isinstance(names, list) or len(names) < 2:
                raise ValueError("what its modules share is no list of names")
            owner, attribute = self._place(names[0])
            value = vars(owner)[attribute]
            for name in names[1:]:
                other, own = self._place(name)
                before = vars(other)[own]
                if type(before) is not type(value) or before.shape != value.shape:
                    raise ValueError(f"{printable(name)} cannot be {printable(names[0])}")
                setattr(other, own, value)

    def _place(self, name: Any) -> tuple[Module, str]:
        """Return the module of a parameter or buffer, and its name there."""
        path, _, own = name.rpartition(".") if isinstance(name, str) else ("", "", "")
        module = self._made.get(path)
        if module is None or not isinstance(vars(module).get(own), (Parameter, Buffer)):
            raise ValueError(f"there is no parameter or buffer {written(name)} to be shared")
        return module, own


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
