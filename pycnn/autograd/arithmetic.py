"""Arithmetic of tensors, number by number, with broadcasting: its gradients sum."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd.graph import Needs, is_recording
from pycnn.autograd.value import Value, new, record, same_backend
from pycnn.backends import Backend

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


def operand(like: Value, other: Any) -> Any:
    """Return the other operand of an op: a Value, or a Python number; None if it is neither."""
    if isinstance(other, Value):
        return other
    if isinstance(other, (bool, int, float)):
        return other
    if isinstance(other, np.generic) and other.dtype.kind in "biuf":
        return other.item()
    if isinstance(other, np.ndarray):
        numbers = np.array(other, order="C")  # a copy, which nobody changes before backward
        if numbers.dtype.kind == "f":
            numbers = numbers.astype(np.float32, copy=False)
        return new(like.backend.from_numpy(numbers))
    return None


def unbroadcast(backend: Backend, grad: Any, shape: tuple[int, ...]) -> Any:
    """Sum a gradient over the axes along which an operand was repeated."""
    if grad.shape == shape:
        return grad
    extra = len(grad.shape) - len(shape)
    if extra < 0:  # axes of extent 1 in front, which an assignment drops
        return unbroadcast(backend, grad, shape[-extra:]).reshape(shape)
    axes = [*range(extra)]
    axes += [i + extra for i, n in enumerate(shape) if n == 1 and grad.shape[i + extra] != 1]
    return backend.reduce("sum", grad, tuple(axes)).reshape(shape)


# The gradients of a and b for that of y, each before broadcasting is undone.
Rule = Callable[[Backend, Any, Any, Any, Any], Any]


def _multiply(b: Backend, x: Any, y: Any) -> Any:
    return b.binary("multiply", x, y)


def _power_of_base(k: Backend, g: Any, a: Any, b: Any, y: Any) -> Any:
    if isinstance(b, (int, float)):
        if b == 2:
            return _multiply(k, g, _multiply(k, a, 2.0))
        if not b:
            return k.zeros_like(g)
        return _multiply(k, g, _multiply(k, k.binary("power", a, float(b) - 1), float(b)))
    slope = _multiply(k, b, k.binary("power", a, k.binary("subtract", b, 1.0)))
    return _multiply(k, g, k.where(k.binary("equal", b, 0.0), k.zeros_like(slope), slope))


def _power_of_exponent(k: Backend, g: Any, a: Any, b: Any, y: Any) -> Any:
    if isinstance(a, (int, float)):
        log = math.log(a) if a > 0 else (-math.inf if a == 0 else math.nan)
        slope = _multiply(k, y, log)
        if a == 0:
            slope = k.where(k.binary("greater_equal", b, 0.0), k.zeros_like(slope), slope)
        return _multiply(k, g, slope)
    slope = _multiply(k, y, k.unary("log", a))
    zero = k.binary("logical_and", k.binary("equal", a, 0.0), k.binary("greater_equal", b, 0.0))
    return _multiply(k, g, k.where(zero, k.zeros_like(slope), slope))


def _larger(k: Backend, g: Any, a: Any, b: Any, y: Any) -> Any:
    """Give the gradient to the operand that the result is; half of it where both are.

    Where one of them is NaN, both get it, as in PyTorch.
    """
    alone = k.binary("not_equal", y, b)  # NaN differs from everything
    mine = k.binary("logical_or", k.binary("equal", y, a), k.binary("not_equal", y, y))
    share = k.where(alone, g, _multiply(k, g, 0.5))
    return k.where(mine, share, k.zeros_like(g))


# Name: NumPy's function, the gradient of a, that of b.
RULES: dict[str, tuple[str, Rule, Rule]] = {
    "add": ("add", lambda k, g, a, b, y: g, lambda k, g, a, b, y: g),
    "sub": ("subtract", lambda k, g, a, b, y: g, lambda k, g, a, b, y: k.unary("negative", g)),
    "mul": (
        "multiply",
        lambda k, g, a, b, y: _multiply(k, g, b),
        lambda k, g, a, b, y: _multiply(k, g, a),
    ),
    "div": (
        "divide",
        lambda k, g, a, b, y: k.binary("divide", g, b),
        lambda k, g, a, b, y: k.unary("negative", _multiply(k, g, k.binary("divide", y, b))),
    ),
    "pow": ("power", _power_of_base, _power_of_exponent),
    "maximum": ("maximum", _larger, lambda k, g, a, b, y: _larger(k, g, b, a, y)),
    "minimum": ("minimum", _larger, lambda k, g, a, b, y: _larger(k, g, b, a, y)),
}


def binary(name: str, a: Any, b: Any) -> Tensor:
    """Compute an op of `RULES` on two operands, of which at least one is a Value."""
    function, of_a, of_b = RULES[name]
    values = [x for x in (a, b) if isinstance(x, Value)]
    k = same_backend(name, *values)
    x = a.array if isinstance(a, Value) else a
    z = b.array if isinstance(b, Value) else b
    if name == "div" or isinstance(x, float) or isinstance(z, float):
        x, z = (_as_float(k, v) if hasattr(v, "dtype") else v for v in (x, z))
    try:
        y = k.binary(function, x, z)
    except ValueError as error:
        if "negative integer" in str(error):
            raise ValueError(
                "[pow] whole numbers have no negative powers: convert with .float() first"
            ) from None
        given = " and ".join(str(tuple(v.array.shape)) for v in values)
        raise ValueError(f"[{name}] shapes {given} do not broadcast together: {error}") from None

    rules = [rule for rule, v in ((of_a, a), (of_b, b)) if isinstance(v, Value)]
    shapes = [v.array.shape for v in values]
    if y.dtype.kind == "f":  # so that the gradients are floats of the same width
        x, z = (_as_float(k, v) if hasattr(v, "dtype") else v for v in (x, z))

    def pull(needs: Needs, g: Any) -> list[Any]:
        return [
            unbroadcast(k, rule(k, g, x, z, y), shape) if need else None
            for need, rule, shape in zip(needs, rules, shapes, strict=True)
        ]

    return record(name, values, y, pull)


def _as_float(k: Backend, x: Any) -> Any:
    return x if x.dtype.kind == "f" else k.astype(x, np.float32)


def compare(name: str, a: Value, b: Any) -> Tensor:
    """Compare number by number: a tensor of bool, without gradients."""
    other = operand(a, b)
    if other is None:
        raise TypeError(f"[{name}] a tensor cannot be compared with a {type(b).__name__}")
    k = same_backend(name, *[v for v in (a, other) if isinstance(v, Value)])
    return new(k.binary(name, a.array, other.array if isinstance(other, Value) else other))


# Name: the gradient of x, from x and y.
UNARY: dict[str, tuple[str, Callable[[Backend, Any, Any, Any], Any]]] = {
    "neg": ("negative", lambda k, g, x, y: k.unary("negative", g)),
    "exp": ("exp", lambda k, g, x, y: _multiply(k, g, y)),
    "log": ("log", lambda k, g, x, y: k.binary("divide", g, x)),
    "sqrt": ("sqrt", lambda k, g, x, y: k.binary("divide", g, _multiply(k, y, 2.0))),
    "abs": ("absolute", lambda k, g, x, y: _multiply(k, g, k.unary("sign", x))),
    "square": ("square", lambda k, g, x, y: _multiply(k, g, _multiply(k, x, 2.0))),
    "reciprocal": (
        "reciprocal",
        lambda k, g, x, y: k.unary("negative", _multiply(k, g, k.unary("square", y))),
    ),
    "sin": ("sin", lambda k, g, x, y: _multiply(k, g, k.unary("cos", x))),
    "cos": ("cos", lambda k, g, x, y: k.unary("negative", _multiply(k, g, k.unary("sin", x)))),
    "sign": ("sign", lambda k, g, x, y: k.zeros_like(g)),
    "floor": ("floor", lambda k, g, x, y: k.zeros_like(g)),
    "ceil": ("ceil", lambda k, g, x, y: k.zeros_like(g)),
    "round": ("round", lambda k, g, x, y: k.zeros_like(g)),
}
_OF_INTS = ("neg", "abs", "square", "sign")


def unary(name: str, x: Value) -> Tensor:
    """Compute an op of `UNARY`."""
    function, rule = UNARY[name]
    k = x.backend
    array = x.array if name in _OF_INTS else _as_float(k, x.array)
    if name in ("floor", "ceil", "round") and x.array.dtype.kind != "f":
        return new(k.binary("add", x.array, 0))
    y = k.unary(function, array)
    return record(name, (x,), y, lambda needs, g: (rule(k, g, array, y),))


def clamp(x: Value, low: Any, high: Any) -> Tensor:
    """Limit to low..high; gradients pass where the number is within, ends included."""
    for end in (low, high):
        if isinstance(end, Value):
            raise TypeError("[clamp] min and max must be numbers: maximum and minimum take tensors")
    k, array = x.backend, x.array
    if low is None and high is None:
        raise ValueError("[clamp] needs min, max or both")
    y = array
    if low is not None:
        y = k.binary("maximum", y, low)
    if high is not None:
        y = k.binary("minimum", y, high)

    def pull(needs: Needs, g: Any) -> list[Any]:
        for name, end in (("greater_equal", low), ("less_equal", high)):
            if end is not None:
                g = k.where(k.binary(name, array, end), g, k.zeros_like(g))
        return [g]

    return record("clamp", (x,), y, pull)


def where(condition: Value, a: Any, b: Any) -> Tensor:
    """Choose a where the condition holds, else b, with broadcasting."""
    values = [v for v in (a, b) if isinstance(v, Value)]
    k = same_backend("where", condition, *values)
    if condition.array.dtype != bool:
        condition = new(k.binary("not_equal", condition.array, 0))
    mask = condition.array
    x, z = (v.array if isinstance(v, Value) else v for v in (a, b))
    if not values:
        dtype = np.result_type(*[np.min_scalar_type(v) for v in (a, b)])
        kind = {"b": np.bool_, "f": np.float32}.get(dtype.kind, np.int64)
        x = k.astype(k.binary("add", k.zeros((), np.float32), float(a)), kind)
    y = k.where(mask, x, z)
    shapes = [v.array.shape for v in values]
    firsts = [True, False] if len(values) == 2 else [isinstance(a, Value)]

    def pull(needs: Needs, g: Any) -> list[Any]:
        zero = k.zeros_like(g)
        grads: list[Any] = []
        for need, is_first, shape in zip(needs, firsts, shapes, strict=True):
            pair = (g, zero) if is_first else (zero, g)
            grads.append(unbroadcast(k, k.where(mask, *pair), shape) if need else None)
        return grads

    result = record("where", values, y, pull)
    if result._node is not None:
        result._node.guard(condition)
    return result


def _records(*values: Any) -> bool:
    return is_recording() and any(isinstance(v, Value) and v.requires_grad for v in values)


def _check_bools(name: str, *values: Any) -> None:
    """Refuse numbers, whose bits PyTorch combines."""
    for value in values:
        dtype = np.asarray(value).dtype if not isinstance(value, Value) else value.array.dtype
        if dtype.kind != "b":
            raise TypeError(f"[{name}] needs bool tensors, got {dtype}: compare first, x > 0")


class Arithmetic(Value):
    """The operators of tensors."""

    __slots__ = ()

    def _with(self, name: str, other: Any, swapped: bool = False) -> Any:
        found = operand(self, other)
        if found is None:
            return NotImplemented
        return binary(name, found, self) if swapped else binary(name, self, found)

    def __add__(self, other: Any) -> Tensor:
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
        return compare("floor_divide", self, other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return self._like(other) // self

    def __rmod__(self, other: Any) -> Tensor:
        return self._like(other) % self

    def _like(self, other: Any) -> Arithmetic:
        """Return the left operand of an op as a tensor."""
        found = operand(self, other)
        if found is None:
            raise TypeError(f"[Tensor] a {type(other).__name__} is no operand of a tensor")
        if isinstance(found, Value):
            return found  # type: ignore[return-value]
        dtype = np.float32 if isinstance(found, float) else self.array.dtype
        return new(self.backend.from_numpy(np.array(found, dtype)))

    def __mod__(self, other: Any) -> Tensor:
        y = compare("remainder", self, other)
        if y.dtype.kind != "f":
            return y
        # The same numbers with a gradient: x - n y, where the whole number n is a constant.
        return self - (self / other).detach().floor() * other if _records(self, other) else y

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
