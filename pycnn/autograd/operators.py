"""The operators of tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd.arithmetic import binary, compare, operand
from pycnn.autograd.elementary import unary
from pycnn.autograd.fused_norm import added
from pycnn.autograd.value import Value, new

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


def _check_bools(name: str, *values: Any) -> None:
    """Refuse numbers, whose bits PyTorch combines."""
    for value in values:
        dtype = np.asarray(value).dtype if not isinstance(value, Value) else value.array.dtype
        if dtype.kind != "b":
            raise TypeError(f"[{name}] needs bool tensors, got {dtype}: compare first, x > 0")


class Operators(Value):
    """The operators of tensors."""

    __slots__ = ()

    def _with(self, name: str, other: Any, swapped: bool = False) -> Any:
        found = operand(self, other)
        if found is None:
            return NotImplemented
        return binary(name, found, self) if swapped else binary(name, self, found)

    def __add__(self, other: Any) -> Tensor:
        if (y := added(self, other)) is not None:
            return y
        return self._with("add", other)  # type: ignore[no-any-return]

    def __radd__(self, other: Any) -> Tensor:
        return self._with("add", other, True)  # type: ignore[no-any-return]

    def __sub__(self, other: Any) -> Tensor:
        return self._with("sub", other)  # type: ignore[no-any-return]

    def __rsub__(self, other: Any) -> Tensor:
        return self._with("sub", other, True)  # type: ignore[no-any-return]

    def __mul__(self, other: Any) -> Tensor:
        return self._with("mul", other)  # type: ignore[no-any-return]

    def __rmul__(self, other: Any) -> Tensor:
        return self._with("mul", other, True)  # type: ignore[no-any-return]

    def __truediv__(self, other: Any) -> Tensor:
        return self._with("div", other)  # type: ignore[no-any-return]

    def __rtruediv__(self, other: Any) -> Tensor:
        return self._with("div", other, True)  # type: ignore[no-any-return]

    def __pow__(self, other: Any) -> Tensor:
        return self._with("pow", other)  # type: ignore[no-any-return]

    def __rpow__(self, other: Any) -> Tensor:
        return self._with("pow", other, True)  # type: ignore[no-any-return]

    def __floordiv__(self, other: Any) -> Tensor:
        return self._with("floor_divide", other)  # type: ignore[no-any-return]

    def __rfloordiv__(self, other: Any) -> Tensor:
        return self._with("floor_divide", other, True)  # type: ignore[no-any-return]

    def __mod__(self, other: Any) -> Tensor:
        return self._with("remainder", other)  # type: ignore[no-any-return]

    def __rmod__(self, other: Any) -> Tensor:
        return self._with("remainder", other, True)  # type: ignore[no-any-return]

    def __neg__(self) -> Tensor:
        return unary("neg", self)

    def __abs__(self) -> Tensor:
        return unary("abs", self)

    def __invert__(self) -> Tensor:
        _check_bools("~", self)
        return new(self.backend.unary("logical_not", self.array))

    def __and__(self, other: Any) -> Tensor:
        _check_bools("&", self, other)
        return compare("logical_and", self, other)

    def __or__(self, other: Any) -> Tensor:
        _check_bools("|", self, other)
        return compare("logical_or", self, other)

    def __xor__(self, other: Any) -> Tensor:
        _check_bools("^", self, other)
        return compare("not_equal", self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __lt__(self, other: Any) -> Tensor:
        return compare("less", self, other)

    def __le__(self, other: Any) -> Tensor:
        return compare("less_equal", self, other)

    def __gt__(self, other: Any) -> Tensor:
        return compare("greater", self, other)

    def __ge__(self, other: Any) -> Tensor:
        return compare("greater_equal", self, other)

    def __eq__(self, other: object) -> Any:
        return compare("equal", self, other) if operand(self, other) is not None else NotImplemented

    def __ne__(self, other: object) -> Any:
        if operand(self, other) is None:
            return NotImplemented
        return compare("not_equal", self, other)

    def __hash__(self) -> int:
        return id(self)  # which of them it is, while == compares numbers
