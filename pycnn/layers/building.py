"""How a module is put together and looked at: PyTorch's methods for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import numpy as np

from pycnn._arguments import flag, written
from pycnn._printable import printable
from pycnn.autograd import Tensor
from pycnn.dtypes import is_dtype
from pycnn.layers.members import Modules, Values
from pycnn.layers.parameter import Buffer, Parameter, forget_gradient
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
    def _modules(self) -> Modules:
        """The modules directly below by name, to look at and to change as PyTorch's programs do."""
        return Modules(cast("Module", self))

    @property
    def _parameters(self) -> Values:
        """The parameters of this module itself, by name."""
        return Values(self, Parameter)

    @property
    def _buffers(self) -> Values:
        """The buffers of this module itself, by name."""
        return Values(self, Buffer)

    def _put_child(self, name: str, module: Module | None) -> None:
        """Set a module below this one."""
        setattr(self, name, module)

    def _drop_child(self, name: str) -> None:
        """Delete a module below this one."""
        delattr(self, name)

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter of a dotted name."""
        return self._found("parameter", target, Parameter)  # type: ignore[no-any-return]

    def get_buffer(self, target: str) -> Buffer:
        """Return the buffer of a dotted name."""
        return self._found("buffer", target, Buffer)  # type: ignore[no-any-return]

    def _found(self, kind: str, target: str, cls: type) -> Any:
        for name, value in self._named_state():
            if name == target and isinstance(value, cls):
                return value
        raise AttributeError(f"[{type(self).__name__}] there is no {kind} {printable(target)}")

    def set_submodule(self, target: str, module: Module) -> None:
        """Put a module in the place of the one of a dotted name."""
        above, _, name = target.rpartition(".")
        self.get_submodule(above)._modules[name] = module

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

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients: ``grad`` becomes None, or zeros where there was one."""
        flag("zero_grad", "set_to_none", set_to_none)
        for _, value in self._named_state():
            if isinstance(value, Parameter):
                forget_gradient(value, set_to_none)

    def freeze(self: Self) -> Self:
        """Train none of the parameters here and below; return self.

        Backward passes stop where nothing below is trained, and do no work for what is frozen. Put
        a module into evaluation mode as well if its dropout and running statistics are to rest.
        """
        return self.requires_grad_(False)

    def unfreeze(self: Self) -> Self:
        """Train the parameters here and below again; return self."""
        return self.requires_grad_(True)

    def extra_repr(self) -> str:
        """Return what repr shows before the modules below; for a class of one's own to define."""
        return cast("Module", self)._arguments()

    def cpu(self: Self) -> Self:
        """Move to the CPU; return self."""
        return cast("Self", cast("Module", self).to("cpu"))

    def cuda(self: Self, device: Any = None) -> Self:
        """Move to the GPU; return self."""
        return cast("Self", cast("Module", self).to("cuda"))

    def float(self: Self) -> Self:
        """Return self: parameters are float32."""
        return self

    def half(self) -> NoReturn:
        """Refuse: there are no float16 parameters.

        Raises
        ------
        TypeError
            Always.
        """
        self._other("half", "float16")

    def bfloat16(self) -> NoReturn:
        """Refuse, as `half` does."""
        self._other("bfloat16", "bfloat16")

    def double(self) -> NoReturn:
        """Refuse, as `half` does: ``to("reference")`` computes in float64."""
        self._other("double", "float64")

    def _other(self, name: str, dtype: str) -> NoReturn:
        raise TypeError(
            f"[{name}] parameters are float32, and cannot become {dtype}: leave the call out, or "
            'compute in float64 with model.to("reference")'
        )


def device_given(device: Any, dtype: Any) -> str | None:
    """Return the device that `Module.to` was given, if any; refuse a dtype that is not float32."""
    if isinstance(device, Tensor):
        device = device.device
    if is_dtype(device):
        device, dtype = None, device
    if dtype is not None and (not is_dtype(dtype) or np.dtype(dtype) != np.float32):
        raise TypeError(
            f"[Module.to] parameters are float32, and cannot become {written(dtype)}: leave it "
            'out, or compute in float64 with model.to("reference")'
        )
    if not (isinstance(device, str) or (device is None and dtype is not None)):
        raise TypeError(f"[Module.to] device must be a str, got {type(device).__name__}")
    return device
