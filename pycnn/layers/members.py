"""What is directly below a module, by name, to look at and to change.

`Modules` and `Values` are what ``model._modules``, ``_parameters`` and ``_buffers`` give, on which
programs for PyTorch work. `Holding` lets a container's modules be read, set and deleted as
attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, cast

from pycnn._arguments import written
from pycnn._printable import printable
from pycnn.layers.contained import attributes_of
from pycnn.layers.parameter import Buffer, Parameter
from pycnn.layers.tree import Tree

if TYPE_CHECKING:
    from pycnn.layers.module import Module


class Modules(MutableMapping[str, Any]):
    """The modules directly below a module; what is set or deleted here is so there."""

    def __init__(self, owner: Module) -> None:
        self._owner = owner

    def _named(self) -> dict[str, Module]:
        return dict(self._owner.named_children())

    def __getitem__(self, name: str) -> Module:
        return self._named()[name]

    def __setitem__(self, name: str, module: Module | None) -> None:
        if module is not None and not isinstance(module, Tree):
            raise TypeError(f"[_modules] {printable(name)} must be a Module, got {written(module)}")
        self._owner._put_child(name, module)

    def __delitem__(self, name: str) -> None:
        if name not in self._named():
            raise KeyError(name)
        self._owner._drop_child(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._named())

    def __len__(self) -> int:
        return len(self._named())

    def __repr__(self) -> str:
        return repr(self._named())


class Values(MutableMapping[str, Any]):
    """The parameters, or the buffers, of a module itself; changes are made there."""

    def __init__(self, owner: Tree, kind: type[Parameter | Buffer]) -> None:
        self._owner, self._kind = owner, kind

    def _named(self) -> dict[str, Any]:
        found = attributes_of(self._owner)
        return {name: value for name, value in found.items() if isinstance(value, self._kind)}

    def __getitem__(self, name: str) -> Any:
        return self._named()[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if value is not None and not isinstance(value, self._kind):
            kind = self._kind.__name__
            raise TypeError(f"[{kind}] {printable(name)} must be a {kind}, got {written(value)}")
        setattr(self._owner, name, value)

    def __delitem__(self, name: str) -> None:
        if name not in self._named():
            raise KeyError(name)
        delattr(self._owner, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._named())

    def __len__(self) -> int:
        return len(self._named())

    def __repr__(self) -> str:
        return repr(self._named())


class Holding(Tree):
    """What a container can do with the modules it holds: they are attributes by their names."""

    def _held(self) -> Mapping[str, Module]:
        """Return the modules that are held, by name; nothing before there are any."""
        raise NotImplementedError

    def _put_child(self, name: str, module: Module | None) -> None:
        """Replace the module of a name, or set an attribute."""
        raise NotImplementedError

    def _drop_child(self, name: str) -> None:
        """Take a module away."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        """Return the module of a name: called where there is no attribute of this name."""
        if name.startswith("__") or name in self._of_children:
            raise AttributeError(name)
        found = self._held().get(name)
        if found is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        """Replace the module of a name, or set an attribute."""
        if name not in vars(self) and (isinstance(value, Tree) or name in self._held()):
            self._put_child(name, cast("Module", value))
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if name in vars(self):
            super().__delattr__(name)
        elif name in self._held():
            self._drop_child(name)
        else:
            super().__delattr__(name)

    def __dir__(self) -> list[str]:
        named = [name for name in self._held() if name.isidentifier()]
        return [*super().__dir__(), *named]
