"""What all containers share: named modules, and errors that name the module that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from pycnn._arguments import written
from pycnn._printable import printable
from pycnn.layers.contained import attributes_of
from pycnn.layers.members import Holding
from pycnn.layers.module import Module, Trace
from pycnn.layers.parameter import Array, Buffer, Parameter
from pycnn.layers.tree import Tree

R = TypeVar("R")
Self = TypeVar("Self", bound="Container")


class Container(Holding, Module):
    """A module made of others in a fixed order; its errors name the module that failed.

    Parameters
    ----------
    modules : mapping of str to Module
        The modules, by the names that stand before those of their parameters.
    """

    _of_children = frozenset(["_named"])
    _options: tuple[str, ...] = ()  # arguments besides the modules

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self._named = dict(modules)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Return the modules of `items`, then those that are attributes.

        A module that is below those of `items` anyway gets no other name as an attribute.
        """
        yield from self.items()
        others = list(super().named_children())
        if others:
            below = {id(module) for child in self for module in child.modules()}
            yield from ((name, value) for name, value in others if id(value) not in below)

    def items(self) -> Iterator[tuple[str, Module]]:
        """Return the modules that the container was made of, with their names, in order."""
        yield from self._named.items()

    def _held(self) -> Mapping[str, Module]:
        held: dict[str, Module] = vars(self).get("_named", {})
        return held

    def _put_child(self, name: str, module: Module | None) -> None:
        """Replace the module of a name; another one becomes an attribute."""
        if name in self._named:
            self._replace({**self._named, name: module})
        else:
            Tree.__setattr__(self, name, module)

    def _drop_child(self, name: str) -> None:
        if name in self._named:
            raise TypeError(
                f"[{type(self).__name__}] {printable(name)} cannot be taken away: put an Identity "
                "in its place"
            )
        Tree.__delattr__(self, name)

    def _replace(self, modules: Mapping[str, Module | None]) -> None:
        """Hold these modules."""
        self._named = named(type(self).__name__, "part", (modules,))

    def __len__(self) -> int:
        return len(self._named)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._named.values())

    def __getitem__(self, key: Any) -> Any:
        """Return the module at a position, or of a name."""
        if isinstance(key, slice):
            kind = type(self).__name__
            raise TypeError(f"[{kind}] takes a position or a name, got a slice")
        return self._named[key] if isinstance(key, str) else list(self._named.values())[key]

    def _made_with(self) -> dict[str, Any]:
        """Return the arguments besides the modules."""
        known = {id(module) for module in self}
        for name, value in attributes_of(self).items():
            held = isinstance(value, Module) and id(value) not in known
            if held or isinstance(value, (Parameter, Buffer)):
                raise ValueError(f"a {type(self).__name__} has an attribute {printable(name)}")
        return {name: getattr(self, name) for name in self._options}

    @classmethod
    def _made_from(
        cls: type[Self], arguments: dict[str, Any], children: Mapping[str, Module]
    ) -> Self:
        """Make a container of its modules, by name."""
        if unknown := sorted(set(arguments) - set(cls._options)):
            raise ValueError(f"{cls.__name__} takes no argument {written(unknown[0])}")
        return cls(children, **arguments)

    @property
    def input_dtype(self) -> type[np.generic]:
        """Kind of numbers that the first module takes."""
        return next(iter(self)).input_dtype if len(self) else super().input_dtype

    # The position of the failing module is put in front of the text of its error. The exception
    # itself is changed, which keeps its type and the traceback into the layer.

    def _call(self, name: str, method: Callable[[Any], R], array: Any) -> R:
        """Call a method of the module `name`."""
        try:
            return method(array)
        except Exception as error:
            self._locate(error, name)
            raise

    def _trace(self, name: str, x: Array, path: str) -> Trace:
        """Trace the module `name`."""
        try:
            y = yield from self._named[name].trace(x, f"{path}.{name}" if path else name)
        except Exception as error:
            self._locate(error, name)
            raise
        return y

    def _locate(self, error: Exception, name: str) -> None:
        if len(error.args) == 1 and isinstance(error.args[0], str):
            module, text = self._named[name], error.args[0]
            # A container among the modules has already written its own name, and so has a layer
            # that was called with tensors.
            kind = f"{type(module).__name__}: "
            if isinstance(module, Container) or text.startswith(kind):
                kind = ""
            error.args = (f"{type(self).__name__}[{printable(name)}] {kind}{text}",)

    def saved(self) -> tuple[Any, ...]:
        """Return what `forward` saved; the error names the container."""
        try:
            return super().saved()
        except RuntimeError as error:
            error.args = (f"{type(self).__name__}: {error}",)
            raise


def shares(modules: Iterable[Module]) -> bool:
    """Whether two of these modules are, or have below them, one object."""
    seen: set[int] = set()
    for item in modules:
        below = set(map(id, item.modules()))
        if not seen.isdisjoint(below):
            return True
        seen |= below
    return False


def named(
    owner: str, part: str, modules: tuple[Any, ...], *, shared: bool = False
) -> dict[str, Module]:
    """Return the modules that a container was given by name: their positions, or a dict's keys.

    Parameters
    ----------
    owner, part : str
        The container, and its word for its modules, for errors.
    modules : tuple
        Modules, or one mapping of names to modules.
    shared : bool
        Whether an object may appear twice.

    Raises
    ------
    TypeError
        If a value is not a Module or a name is not a str.
    ValueError
        If a module is there twice, or a name is empty or has a dot in it.
    """
    items: dict[Any, Any] = dict(enumerate(modules))
    if len(modules) == 1 and isinstance(modules[0], Mapping):
        items = dict(modules[0])
        for name in items:
            if not isinstance(name, str):
                raise TypeError(f"[{owner}] a name must be a str, got {type(name).__name__}")
            if not name or "." in name:
                raise ValueError(
                    f"[{owner}] a name must not be empty or have a dot, got {written(name)}"
                )
    seen: set[int] = set()
    for name, item in items.items():
        if not isinstance(item, Module):
            raise TypeError(
                f"[{owner}] {part} {printable(name)} must be a Module, got {type(item).__name__}"
            )
        below = {id(module): module for module in item.modules()}
        for number, module in below.items():
            if number in seen and not shared:
                raise ValueError(
                    f"[{owner}] {part} {printable(name)} ({type(module).__name__}) is there "
                    "already: make a new object for each position"
                )
        seen.update(below)
    return {str(name): item for name, item in items.items()}
