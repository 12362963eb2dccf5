"""The tree of modules: what is below a module, by name; what would not be found is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from pycnn._other_names import of_model
from pycnn._printable import printable
from pycnn.autograd import Tensor
from pycnn.layers.contained import (
    PLAIN,
    attributes_of,
    attributes_of_class,
    contained,
    may_hold,
)
from pycnn.layers.parameter import Buffer, Parameter

if TYPE_CHECKING:
    from pycnn.layers.module import Module

T = TypeVar("T", Parameter, Buffer, Parameter | Buffer)

# A module, and the name and value of a container among its attributes.
Held: TypeAlias = "tuple[Tree, str, Any]"


class Tree:
    """What every `Module` can do as the root of the modules, parameters and buffers below it."""

    # Attributes in which a class keeps the modules of its `named_children`, and no others.
    _of_children: frozenset[str] = frozenset()

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Modules directly below this one, with their names."""
        for name, value in attributes_of(self).items():
            if isinstance(value, Tree):
                yield name, cast("Module", value)

    def children(self) -> Iterator[Module]:
        """Return the modules directly below this one."""
        for _, module in self.named_children():
            yield module

    def modules(self) -> Iterator[Module]:
        """Return this module and all below it, parents first."""
        for _, module, _ in self._walked():
            yield module

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Return what `modules` does with dotted names, each module once; `prefix` is this one."""
        seen: set[int] = set()
        for begin, module, _ in self._walked(f"{prefix}." if prefix else ""):
            if id(module) not in seen:
                seen.add(id(module))
                yield begin.removesuffix("."), module

    def get_submodule(self, target: str) -> Module:
        """Return the module of a dotted name."""
        for name, module in self.named_modules():
            if name == target:
                return module
        raise AttributeError(f"[{type(self).__name__}] there is no module {printable(target)}")

    def _walked(self, prefix: str = "") -> Iterator[tuple[str, Module, dict[str, Any]]]:
        """Return what `modules` does, each with the prefix of its names and with its attributes.

        Raises
        ------
        ValueError
            If one is below itself.
        """
        attributes = attributes_of(self)
        yield prefix, cast("Module", self), attributes
        above = {id(self)}
        path = [(prefix, id(self), self._children_among(attributes) or iter(()))]
        while path:
            prefix, number, rest = path[-1]
            for name, child in rest:
                if id(child) in above:
                    raise ValueError(
                        f"[{type(child).__name__}] is {printable(prefix + name)} below itself: a "
                        "module cannot hold what it is a part of (weakref.ref can)"
                    )
                attributes = attributes_of(child)
                begin = f"{prefix}{name}."
                yield begin, child, attributes
                if below := child._children_among(attributes):
                    above.add(id(child))
                    path.append((begin, id(child), below))
                    break
            else:
                path.pop()
                above.discard(number)

    def _children_among(self, attributes: dict[str, Any]) -> Iterator[tuple[str, Module]] | None:
        """Return what `named_children` does, or None if there are certainly no children."""
        if type(self).named_children is not Tree.named_children:
            return self.named_children()
        found = [
            (name, value)
            for name, value in attributes.items()
            if type(value) not in _NO_MODULES and isinstance(value, Tree)
        ]
        return cast("Iterator[tuple[str, Module]]", iter(found)) if found else None

    def named_parameters(
        self, prefix: str = "", recurse: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with their dotted names (``0.weight``), in PyTorch's order.

        A parameter that several layers share comes once, under its first name. Without `recurse`
        there are only those of this module itself.
        """
        for name, value in each_once(self._checked_state(prefix)):
            if isinstance(value, Parameter) and (recurse or "." not in name[len(prefix) :]):
                yield name, value

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Buffer]]:
        """All buffers with their dotted names, in PyTorch's order; a shared buffer comes once."""
        for name, value in each_once(self._checked_state(prefix)):
            if isinstance(value, Buffer) and (recurse or "." not in name[len(prefix) :]):
                yield name, value

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, in the order of `named_parameters`."""
        for _, parameter in self.named_parameters("", recurse):
            yield parameter

    def buffers(self, recurse: bool = True) -> Iterator[Buffer]:
        """All buffers, in the order of `named_buffers`."""
        for _, buffer in self.named_buffers("", recurse):
            yield buffer

    def _named_state(
        self, prefix: str = "", containers: list[Held] | None = None
    ) -> Iterator[tuple[str, Parameter | Buffer]]:
        """Return parameters, then buffers, of this module, then those of each child in turn.

        What is shared comes under each of its names, as in a checkpoint. Containers that are met on
        the way are added to `containers`, so that a caller who looks into them need not walk again.
        """
        for begin, module, attributes in self._walked(prefix):
            buffers: list[tuple[str, Buffer]] = []
            for name, value in attributes.items():
                if type(value) in PLAIN:
                    continue
                if isinstance(value, Parameter):
                    yield begin + name, value
                elif isinstance(value, Buffer):
                    buffers.append((begin + name, value))
                elif (
                    containers is not None
                    and (may_hold(value) or module._may_lose(value))
                    and name not in module._of_children
                ):
                    containers.append((module, name, value))
            yield from buffers

    def _may_lose(self, value: Any) -> bool:
        """Whether this is a module that a user's own `named_children` may leave out."""
        own = type(value) not in _NO_MODULES and isinstance(value, Tree)
        return own and type(self).named_children is not Tree.named_children

    def _checked_state(self, prefix: str = "") -> Iterator[tuple[str, Parameter | Buffer]]:
        """Return what `_named_state` does; refuse what would be lost, such as modules in a list.

        Raises
        ------
        TypeError
            If a container holds a module, parameter or buffer that is not found elsewhere.
        ValueError
            If two values have one name, or a module is below itself.
        """
        containers: list[Held] = []
        state = list(self._named_state(prefix, containers))
        if len(dict(state)) < len(state):
            names = [name for name, _ in state]
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(
                f"[{type(self).__name__}] two parameters or buffers have the name "
                f"{printable(twice)}: give an attribute another name"
            )
        # All in one walk: most hold sizes and names only.
        if next(contained([value for _, _, value in containers], _KINDS), None) is not None:
            found = _found(self)
            for module, name, value in containers:
                module._check_container(name, value, found)
        return iter(state)

    # Nothing is kept where it would not be found -------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; refuse a list or another container of modules or parameters.

        Raises
        ------
        TypeError
            If they would be neither trained nor saved because they are not found elsewhere below
            this module, as a tensor in the place of a parameter would not be.
        """
        if type(value) is Tensor and isinstance(vars(self).get(name), Parameter):
            raise TypeError(
                f"[{type(self).__name__}] {name} is a Parameter, which a tensor in its place would "
                f"not be: assign pycnn.Parameter(tensor), or {name}.data = tensor"
            )
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
            return  # a custom `named_children` needs what is set later: parameters() looks again
        try:
            self._check_container(name, value, found)
        except TypeError:
            attributes.clear()
            attributes.update(before)
            raise

    def _check_container(self, name: str, value: Any, found: set[int]) -> None:
        """Raise TypeError if a container holds something that is not in `found`."""
        for lost in contained((value,), _KINDS):
            if id(lost) in found or (
                isinstance(lost, Tree) and id(self) in map(id, lost.modules())
            ):
                continue  # or it is what this one is a part of
            given = type(value).__name__
            holds = "" if lost is value else f" that holds a {type(lost).__name__}"
            raise TypeError(
                f"[{type(self).__name__}] {name} is a {given}{holds}, which would be neither "
                "trained nor saved there: give each an attribute of its own, or put modules into a "
                "ModuleList, ModuleDict, Sequential or Parallel (where a class has a method "
                "named_children, let it give them)"
            )

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Return an attribute, for programs that call this by its name; Python looks first."""
            try:
                return object.__getattribute__(self, name)
            except AttributeError as error:
                if advice := of_model(name):  # a method of other libraries' models
                    raise AttributeError(f"{error}{advice}") from None
                raise

    def __getstate__(self) -> Any:
        """Return what copies hold, including what the class holds for this object."""
        state = super().__getstate__()  # type: ignore[misc]  # of `Remembering`
        held = attributes_of_class(self).items()
        own = {name: value for name, value in held if isinstance(value, _KINDS)}
        if isinstance(state, tuple):
            return {**own, **state[0]}, state[1]
        return {**own, **state}


# What is trained and saved.
_KINDS = (Tree, Parameter, Buffer)
# What most attributes are, quickly seen to be no modules.
_NO_MODULES = PLAIN | {tuple, dict, Parameter, Buffer}


def _found(tree: Tree) -> set[int]:
    """Return the ids of all modules, parameters and buffers that are found from a module."""
    return {id(value) for _, value in tree._named_state()} | set(map(id, tree.modules()))


def is_trained(tree: Tree) -> bool:
    """Whether there is a parameter that requires gradients in a module or below it."""
    if type(tree).named_children is Tree.named_children:
        own = [value for value in attributes_of(tree).values() if type(value) not in PLAIN]
        if not any([isinstance(value, Tree) for value in own]):  # most layers: no walk
            return any([isinstance(value, Parameter) and value.requires_grad for value in own])
    return any(
        isinstance(value, Parameter) and value.requires_grad for _, value in tree._named_state()
    )


def each_once(named: Iterator[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """Return each value once, under its first name."""
    seen: set[int] = set()
    for name, value in named:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value
