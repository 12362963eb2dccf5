"""Modules in a list or in a dict, for a `forward` that runs them as it likes."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any

from pycnn._arguments import written
from pycnn.layers.members import Holding
from pycnn.layers.module import Module
from pycnn.layers.tree import Tree


class ModuleList(Holding, Module):
    """Modules in a list: found, trained and saved by the module that has it as an attribute.

    It has no forward pass of its own.

    Parameters
    ----------
    modules : iterable of Module
        The modules; their parameters are named by their positions.

    Raises
    ------
    TypeError
        If one is not a Module.
    """

    _of_children = frozenset(["_listed"])

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self._listed: list[Module] = []
        self.extend(modules)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Return the modules with their positions, then those that were added under names."""
        yield from ((str(i), module) for i, module in enumerate(self._listed))
        yield from super().named_children()

    def _made_with(self) -> dict[str, Any]:
        return {}

    @classmethod
    def _made_from(cls, arguments: dict[str, Any], children: Mapping[str, Module]) -> ModuleList:
        if arguments:
            raise ValueError("a ModuleList has modules, and no arguments")
        made = cls()
        for name, module in children.items():
            made.add_module(name, module)
        return made

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end; return self."""
        self._listed.append(checked("ModuleList", module))
        return self

    def add_module(self, name: str, module: Any) -> None:
        """Replace the module at a position, or do `append` with the next one.

        A word becomes an attribute, which does not count in `len`.
        """
        if name in self._held():
            self[int(name)] = module
        elif name == str(len(self._listed)):
            self.append(module)
        elif isinstance(name, str) and name.isidentifier():
            Tree.__setattr__(self, name, checked("ModuleList", module))
        else:
            raise ValueError(
                f"[ModuleList] the next module has the name '{len(self._listed)}', got {name!r}"
            )

    register_module = add_module

    def _held(self) -> Mapping[str, Module]:
        return {str(i): module for i, module in enumerate(vars(self).get("_listed", ()))}

    def _put_child(self, name: str, module: Any) -> None:
        self.add_module(name, module)

    def _drop_child(self, name: str) -> None:
        if name in self._held():
            del self[int(name)]
        else:
            Tree.__delattr__(self, name)

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add modules at the end; return self."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Add a module before a position."""
        self._listed.insert(index, checked("ModuleList", module))

    def __len__(self) -> int:
        return len(self._listed)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._listed)

    def __getitem__(self, index: int | slice) -> Any:
        """Return a module, or a part as another ModuleList."""
        if isinstance(index, slice):
            return ModuleList(self._listed[index])
        return self._listed[index]

    def __setitem__(self, index: int, module: Module) -> None:
        self._listed[index] = checked("ModuleList", module)

    def __delitem__(self, index: int | slice) -> None:
        del self._listed[index]

    def pop(self, index: int = -1) -> Module:
        """Take a module out, and return it."""
        return self._listed.pop(index)

    def __add__(self, modules: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *modules])

    def __iadd__(self, modules: Iterable[Module]) -> ModuleList:
        return self.extend(modules)


class ModuleDict(Holding, Module):
    """Modules in a dict: found, trained and saved by the module that has it as an attribute.

    It has no forward pass of its own.

    Parameters
    ----------
    modules : mapping of str to Module, or iterable of pairs
        The modules, by the names that stand before those of their parameters.

    Raises
    ------
    TypeError
        If a name is not a str, or a value not a Module.
    ValueError
        If a name is empty or has a dot in it.
    """

    _of_children = frozenset(["_mapped"])

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        self._mapped: dict[str, Module] = {}
        self.update(modules)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Return the modules with their names."""
        return iter(list(self._mapped.items()))

    def _made_with(self) -> dict[str, Any]:
        return {}

    @classmethod
    def _made_from(cls, arguments: dict[str, Any], children: Mapping[str, Module]) -> ModuleDict:
        if arguments:
            raise ValueError("a ModuleDict has modules by their names, and no arguments")
        return cls(children)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules, or replace those of the same names."""
        for name, module in dict(modules).items():
            self[name] = module

    def __setitem__(self, name: str, module: Module) -> None:
        if not isinstance(name, str):
            raise TypeError(f"[ModuleDict] a name must be a str, got {written(name)}")
        if not name or "." in name:
            raise ValueError(
                f"[ModuleDict] a name must not be empty or have a dot, got {written(name)}"
            )
        self._mapped[name] = checked("ModuleDict", module)

    def add_module(self, name: str, module: Any) -> None:
        """Add a module under a name."""
        self[name] = module

    register_module = add_module

    def _held(self) -> Mapping[str, Module]:
        held: dict[str, Module] = vars(self).get("_mapped", {})
        return held

    def _put_child(self, name: str, module: Any) -> None:
        self[name] = module

    def _drop_child(self, name: str) -> None:
        del self[name]

    def clear(self) -> None:
        """Take all modules away."""
        self._mapped.clear()

    def __getitem__(self, name: str) -> Module:
        return self._mapped[name]

    def __delitem__(self, name: str) -> None:
        del self._mapped[name]

    def pop(self, name: str) -> Module:
        """Take a module out, and return it."""
        return self._mapped.pop(name)

    def __contains__(self, name: object) -> bool:
        return name in self._mapped

    def __len__(self) -> int:
        return len(self._mapped)

    def __iter__(self) -> Iterator[str]:
        return iter(self._mapped)

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._mapped.keys()

    def values(self) -> ValuesView[Module]:
        """Return the modules."""
        return self._mapped.values()

    def items(self) -> ItemsView[str, Module]:
        """Return the pairs of name and module."""
        return self._mapped.items()


class ParameterList(Module):
    """Parameters in a list: found, trained and saved by the module that has it as an attribute.

    Parameters
    ----------
    parameters : iterable of Parameter or array
        The parameters; they are named by their positions.
    """

    def __init__(self, parameters: Iterable[Any] = ()) -> None:
        self._count = 0
        self.extend(parameters)

    def append(self, parameter: Any) -> ParameterList:
        """Add a parameter at the end; return self."""
        self.register_parameter(str(self._count), parameter)
        self._count += 1
        return self

    def extend(self, parameters: Iterable[Any]) -> ParameterList:
        """Add parameters at the end; return self."""
        for parameter in parameters:
            self.append(parameter)
        return self

    __iadd__ = extend

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Any]:
        return (vars(self)[str(i)] for i in range(self._count))

    def __getitem__(self, index: int) -> Any:
        return vars(self)[str(range(self._count)[index])]


def checked(owner: str, module: Any) -> Module:
    """Return a module; raise TypeError for anything else."""
    if not isinstance(module, Module):
        raise TypeError(f"[{owner}] takes Modules, got {type(module).__name__}")
    return module
