"""Less common methods that change a tensor in place: each becomes what the other method returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pycnn.autograd.in_place import InPlace
from pycnn.autograd.value import Value, twin

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor

# Methods that have a form in place, of the same name with "_" behind it.
NAMES = (
    *("clamp_min", "clamp_max", "lerp", "addcmul", "addcdiv", "addmm", "baddbmm", "addbmm"),
    *("scatter", "scatter_add", "index_fill", "index_add", "index_copy", "masked_scatter"),
    *("tril", "triu", "trunc", "square", "rsqrt", "reciprocal"),
    *("expm1", "log1p", "erf", "sin", "cos", "tan", "cumsum", "cumprod", "sign", "fmod"),
    *("remainder", "nan_to_num"),
)
# Those that change the shape as well.
SHAPES = ("unsqueeze", "squeeze", "t", "transpose", "swapaxes")


class MoreInPlace(InPlace):
    """More of what tensors can be told to become."""

    __slots__ = ()

    def detach_(self) -> Tensor:
        """Forget the history; return self."""
        self.array  # noqa: B018 - computes what was put off
        self._node = None
        self.requires_grad = False
        return self  # type: ignore[return-value]

    def _reshaped(self, name: str, arguments: Any, options: Any) -> Any:
        """Take the shape that a method gives; what this is a part of goes on changing with it."""
        before = twin(self)
        y = getattr(before, name)(*arguments, **options)
        self.array, self._node, self._output = y.array, y._node, y._output
        self._base = None if before._base is None else y._base
        return self


def _changing(name: str) -> Any:
    def method(self: MoreInPlace, *arguments: Any, **options: Any) -> Tensor:
        found: Value = getattr(self, name)(*arguments, **options)
        return self._become(found)

    return _documented(method, name)


def _shaping(name: str) -> Any:
    def method(self: MoreInPlace, *arguments: Any, **options: Any) -> Tensor:
        return self._reshaped(name, arguments, options)  # type: ignore[no-any-return]

    return _documented(method, name)


def _documented(method: Any, name: str) -> Any:
    method.__name__ = method.__qualname__ = f"{name}_"
    method.__doc__ = f"Do `{name}` in place; return self."
    return method


for _name in NAMES:
    setattr(MoreInPlace, f"{_name}_", _changing(_name))
for _name in SHAPES:
    setattr(MoreInPlace, f"{_name}_", _shaping(_name))
