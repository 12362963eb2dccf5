"""How a module is put together and looked at: PyTorch's methods for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pycnn._arguments import flag, written
from pycnn.autograd import Tensor
from pycnn.layers.parameter import Buffer, Parameter
from pycnn.layers.tree import Tree

if TYPE_CHECKING:
    from pycnn.layers.module import Module

Self = TypeVar("Self", bound="Building")


class Building(Tree):
    """What every `Module` can do with the modules, parameters and buffers below it."""

    def add_module(self, name: str, module: Module | None) -> None:
        """Assign a module to an attribute of this name.

        Raises
        ------
        TypeError
            If it is not a module, or the name not a str.
        ValueError
            If the name is empty, has a dot in it, or is that of something else.
        """
        self._name("add_module", name)
        if module is not None and not isinstance(module, Tree):
            raise TypeError(f"[add_module] {name} must be a Module, got {written(module)}")
        setattr(self, name, module)

    register_module = add_module

    def register_parameter(self, name: str, parameter: Any) -> None:
        """Assign a parameter, or what can become one, to an attribute of this name."""
        self._name("register_parameter", name)
        if parameter is not None and not isinstance(parameter, Parameter):
            parameter = Parameter(parameter)
        setattr(self, name, parameter)

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Assign an array that is saved but not trained to an attribute of this name.

        It moves with the parameters to another device. One that is not `persistent` is a plain
        tensor, which is neither saved nor moved.
        """
        self._name("register_buffer", name)
        if tensor is not None and not isinstance(tensor, Buffer):
            array = tensor.array if isinstance(tensor, Tensor) else tensor
            tensor = (
                Buffer(array, moves=True)
                if flag("register_buffer", "persistent", persistent)
                else Tensor(array)
            )
        setattr(self, name, tensor)

    def _name(self, owner: str, name: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(f"[{owner}] a name must be a str, got {written(name)}")
        if not name or "." in name:
            raise ValueError(f"[{owner}] a name must not be empty or have a dot, got {name!r}")
        if hasattr(type(self), name):
            raise ValueError(
                f"[{owner}] {type(self).__name__} has an attribute {name!r} of another kind"
            )

    @property
    def _modules(self) -> Mapping[str, Module]:
        """The modules directly below by name, as PyTorch's programs look at them; read-only."""
        return MappingProxyType(dict(self.named_children()))

    def apply(self: Self, function: Callable[[Module], Any]) -> Self:
        """Call a function with every module, those below first, each once; return self."""
        for module in reversed([module for _, module in self.named_modules()]):
            function(module)
        return self

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Say whether the parameters here and below are trained; return self."""
        flag("requires_grad_", "requires_grad", requires_grad)
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def freeze(self: Self) -> Self:
        """Train none of the parameters here and below; return self.

        Backward passes stop where nothing below is trained, and do no work for what is frozen. Put
        a module into evaluation mode as well if its dropout and running statistics are to rest.
        """
        return self.requires_grad_(False)

    def unfreeze(self: Self) -> Self:
        """Train the parameters here and below again; return self."""
        return self.requires_grad_(True)

    def cpu(self: Self) -> Self:
        """Move to the CPU; return self."""
        return cast("Self", cast("Module", self).to("cpu"))

    def cuda(self: Self, device: Any = None) -> Self:
        """Move to the GPU; return self."""
        return cast("Self", cast("Module", self).to("cuda"))

    def float(self: Self) -> Self:
        """Return self: parameters are float32."""
        return self
