"""The tree of modules: what is below one, by name, and nothing where it would not be found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from pycnn.layers.contained import contained, may_hold
from pycnn.layers.parameter import Buffer, Parameter

if TYPE_CHECKING:
    from pycnn.layers.module import Module

T = TypeVar("T", Parameter, Buffer, Parameter | Buffer)

# A module, and the name and value of a container among its attributes.
Held: TypeAlias = "tuple[Tree, str, Any]"


class Tree:
    """What a `Module` is as the root of those below it, and of their parameters and buffers."""

    # Attributes in which a class keeps the modules that its `children` gives, and no others.
    _of_children: frozenset[str] = frozenset()

    def children(self) -> Iterator[tuple[str, Module]]:
        """Modules directly below this one, with their names."""
        for name, value in vars(self).copy().items():  # another thread may add an attribute
            if isinstance(value, Tree):
                yield name, cast("Module", value)

    def modules(self) -> Iterator[Module]:
        """Give this module and all below it, parents first."""
        yield cast("Module", self)
        for _, child in self.children():
            yield from child.modules()

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """All parameters with their dotted names (``0.weight``), in PyTorch's order.

        One that several layers share comes once, by its first name.
        """
        for name, value in each_once(self._checked_state(prefix)):
            if isinstance(value, Parameter):
                yield name, value

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Buffer]]:
        """All buffers with their dotted names, in PyTorch's order; a shared one comes once."""
        for name, value in each_once(self._checked_state(prefix)):
            if isinstance(value, Buffer):
                yield name, value

    def parameters(self) -> Iterator[Parameter]:
        """All parameters, in the order of `named_parameters`."""
        for _, parameter in self.named_parameters():
            yield parameter

    def _named_state(
        self, prefix: str = "", containers: list[Held] | None = None
    ) -> Iterator[tuple[str, Parameter | Buffer]]:
        """Parameters, then buffers, of this module, then those of each child in turn.

        A shared one comes by each of its names: those are what a checkpoint has. A list gets the
        containers on the way, so that who looks into them need not walk again.
        """
        buffers: list[tuple[str, Buffer]] = []
        for name, value in vars(self).copy().items():
            if isinstance(value, Parameter):
                yield prefix + name, value
            elif isinstance(value, Buffer):
                buffers.append((prefix + name, value))
            elif containers is not None and may_hold(value) and name not in self._of_children:
                containers.append((self, name, value))
        yield from buffers
        for name, child in self.children():
            yield from child._named_state(f"{prefix}{name}.", containers)

    def _checked_state(self, prefix: str = "") -> Iterator[tuple[str, Parameter | Buffer]]:
        """Do `_named_state`; refuse what was put into a container after that was assigned."""
        containers: list[Held] = []
        state = list(self._named_state(prefix, containers))
        # All in one walk: most hold sizes and names only.
        if next(contained([value for _, _, value in containers], _KINDS), None) is not None:
            found = _found(self)
            for module, name, value in containers:
                module._check_container(name, value, found)
        return iter(state)

    # Nothing is kept where it would not be found -------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; refuse a list, or the like, of modules or parameters.

        Raises
        ------
        TypeError
            If they would be neither trained nor saved, because they are nowhere else below this
            module.
        """
        if not may_hold(value) or name in self._of_children:
            super().__setattr__(name, value)
            return
        attributes = vars(self)
        before = attributes.copy()
        super().__setattr__(name, value)
        if next(contained((value,), _KINDS), None) is None:
            return
        try:
            found = _found(self)
        except Exception:
            return  # a `children` of one's own needs what is set later: parameters() looks again
        try:
            self._check_container(name, value, found)
        except TypeError:
            attributes.clear()
            attributes.update(before)
            raise

    def _check_container(self, name: str, value: Any, found: set[int]) -> None:
        """Refuse a container that holds something that is not among what is found."""
        lost = next((one for one in contained((value,), _KINDS) if id(one) not in found), None)
        if lost is not None:
            raise TypeError(
                f"[{type(self).__name__}] {name} is a {type(value).__name__} that holds a "
                f"{type(lost).__name__}, which would be neither trained nor saved there: give each "
                "an attribute of its own, or put modules into a Sequential or a Parallel"
            )


# What is trained and saved.
_KINDS = (Tree, Parameter, Buffer)


def _found(tree: Tree) -> set[int]:
    """Give the ids of all that is found from a module."""
    return {id(value) for _, value in tree._named_state()} | set(map(id, tree.modules()))


def each_once(named: Iterator[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """Leave out what was there before under another name."""
    seen: set[int] = set()
    for name, value in named:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value
