"""Arithmetic of tensors, number by number, with broadcasting: its gradients sum."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd.graph import Needs
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
    extra = max(0, len(grad.shape) - len(shape))
    # What is assigned to a part may have more axes than the part, of extent 1.
    own = shape[max(0, len(shape) - len(grad.shape)) :]
    axes = [*range(extra)]
    axes += [i + extra for i, n in enumerate(own) if n == 1 and grad.shape[i + extra] != 1]
    return backend.reduce("sum", grad, tuple(axes)).reshape(shape)


# The gradients of a and b for that of y, each before broadcasting is undone.
Rule = Callable[[Backend, Any, Any, Any, Any], Any]


def multiply(b: Backend, x: Any, y: Any) -> Any:
    """Return the product of two arrays, or of an array and a number."""
    return b.binary("multiply", x, y)


def _power_of_base(k: Backend, g: Any, a: Any, b: Any, y: Any) -> Any:
    if isinstance(b, (int, float)):
        if b == 2:
            return multiply(k, g, multiply(k, a, 2.0))
        if not b:
            return k.zeros_like(g)
        return multiply(k, g, multiply(k, k.binary("power", a, float(b) - 1), float(b)))
    slope = multiply(k, b, k.binary("power", a, k.binary("subtract", b, 1.0)))
    return multiply(k, g, k.where(k.binary("equal", b, 0.0), k.zeros_like(slope), slope))


def _power_of_exponent(k: Backend, g: Any, a: Any, b: Any, y: Any) -> Any:
    if isinstance(a, (int, float)):
        log = math.log(a) if a > 0 else (-math.inf if a == 0 else math.nan)
        slope = multiply(k, y, log)
        if a == 0:
            slope = k.where(k.binary("greater_equal", b, 0.0), k.zeros_like(slope), slope)
        return multiply(k, g, slope)
    slope = multiply(k, y, k.unary("log", a))
    zero = k.binary("logical_and", k.binary("equal", a, 0.0), k.binary("greater_equal", b, 0.0))
    return multiply(k, g, k.where(zero, k.zeros_like(slope), slope))


def _larger(k: Backend, g: Any, a: Any, b: Any, y: Any) -> Any:
    """Give the gradient to the operand that the result is; half of it where both are.

    Where one of them is NaN, both get it, as in PyTorch.
    """
    alone = k.binary("not_equal", y, b)  # NaN differs from everything
    mine = k.binary("logical_or", k.binary("equal", y, a), k.binary("not_equal", y, y))
    share = k.where(alone, g, multiply(k, g, 0.5))
    return k.where(mine, share, k.zeros_like(g))


def _flat(k: Backend, g: Any, a: Any, b: Any, y: Any) -> Any:
    return k.zeros_like(g)


# Name: NumPy's function, the gradient of a, that of b.
RULES: dict[str, tuple[str, Rule, Rule]] = {
    "add": ("add", lambda k, g, a, b, y: g, lambda k, g, a, b, y: g),
    "sub": ("subtract", lambda k, g, a, b, y: g, lambda k, g, a, b, y: k.unary("negative", g)),
    "mul": (
        "multiply",
        lambda k, g, a, b, y: multiply(k, g, b),
        lambda k, g, a, b, y: multiply(k, g, a),
    ),
    "div": (
        "divide",
        lambda k, g, a, b, y: k.binary("divide", g, b),
        lambda k, g, a, b, y: k.unary("negative", multiply(k, g, k.binary("divide", y, b))),
    ),
    "pow": ("power", _power_of_base, _power_of_exponent),
    "remainder": (
        "remainder",
        lambda k, g, a, b, y: g,
        lambda k, g, a, b, y: k.unary("negative", multiply(k, g, k.binary("floor_divide", a, b))),
    ),
    "floor_divide": ("floor_divide", _flat, _flat),
    "maximum": ("maximum", _larger, lambda k, g, a, b, y: _larger(k, g, b, a, y)),
    "minimum": ("minimum", _larger, lambda k, g, a, b, y: _larger(k, g, b, a, y)),
}


def _paired(k: Backend, name: str, function: str, x: Any, z: Any) -> Any:
    try:
        return k.binary(function, x, z)
    except ValueError as error:
        if "negative integer powers" in str(error):
            raise ValueError(
                f"[{name}] whole numbers have no negative powers: convert with .float() first"
            ) from None
        raise ValueError(f"[{name}] {_do_not_fit(x, z)}") from None


def _do_not_fit(*operands: Any) -> str:
    shapes = " and ".join(str(tuple(x.shape)) for x in operands if hasattr(x, "shape"))
    return f"shapes {shapes} do not broadcast together"


def binary(name: str, a: Any, b: Any) -> Tensor:
    """Compute an op of `RULES` on two operands, of which at least one is a Value."""
    function, of_a, of_b = RULES[name]
    values = [x for x in (a, b) if isinstance(x, Value)]
    k = same_backend(name, *values)
    x = a.array if isinstance(a, Value) else a
    z = b.array if isinstance(b, Value) else b
    if name == "div" or _is_float(x) or _is_float(z):
        x, z = (as_float(k, v) if hasattr(v, "dtype") else v for v in (x, z))
    elif name in _OF_WHOLE:
        x, z = (counted(k, v) for v in (x, z))
    y = _paired(k, name, function, x, z)
    rules = [rule for rule, v in ((of_a, a), (of_b, b)) if isinstance(v, Value)]
    shapes = [v.array.shape for v in values]
    if y.dtype.kind == "f":  # so that the gradients are floats of the same width
        x, z = (as_float(k, v) if hasattr(v, "dtype") else v for v in (x, z))

    def pull(needs: Needs, g: Any) -> list[Any]:
        return [
            unbroadcast(k, rule(k, g, x, z, y), shape) if need else None
            for need, rule, shape in zip(needs, rules, shapes, strict=True)
        ]

    return record(name, values, y, pull)


# Functions of bools that NumPy computes in int8.
_OF_WHOLE = ("pow", "floor_divide", "remainder")


def counted(k: Backend, x: Any) -> Any:
    """Return bools as 0 and 1."""
    return k.astype(x, np.int64) if hasattr(x, "dtype") and x.dtype == bool else x


def _is_float(x: Any) -> bool:
    return x.dtype.kind == "f" if hasattr(x, "dtype") else isinstance(x, float)


def as_float(k: Backend, x: Any) -> Any:
    """Return an array of floats: float32 of other numbers."""
    return x if x.dtype.kind == "f" else k.astype(x, np.float32)


def compare(name: str, a: Value, b: Any) -> Tensor:
    """Compare number by number: a tensor of bool, without gradients."""
    other = operand(a, b)
    if other is None:
        raise TypeError(f"[{name}] a tensor cannot be compared with a {type(b).__name__}")
    k = same_backend(name, *[v for v in (a, other) if isinstance(v, Value)])
    return new(_paired(k, name, name, a.array, other.array if isinstance(other, Value) else other))


def clamp(x: Value, low: Any, high: Any) -> Tensor:
    """Limit to low..high; gradients pass where the number is within, ends included.

    Limits that are tensors broadcast, and get the gradient where they are the result.
    """
    if isinstance(low, Value) or isinstance(high, Value):
        return _clamp_between(x, low, high)
    for end in (low, high):
        if end is not None and not isinstance(end, (int, float, np.generic)):
            raise TypeError(
                f"[clamp] min and max must be numbers or tensors, got {type(end).__name__}"
            )
    if low is None and high is None:
        raise ValueError("[clamp] needs min or max, or both")
    k, array = x.backend, x.array
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


def _clamp_between(x: Value, low: Any, high: Any) -> Tensor:
    y: Any = x
    if low is not None:
        y = where(compare("less", y, low), low, y)
    if high is not None:
        y = where(compare("greater", y, high), high, y)
    return y  # type: ignore[no-any-return]


def _checked(name: str, *values: Any) -> tuple[Any, ...]:
    """Return operands; raise unless each is a tensor, an array or a number."""
    for value in values:
        if not isinstance(value, (Value, np.ndarray, np.generic, int, float)):
            raise TypeError(f"[{name}] needs tensors or numbers, got {type(value).__name__}")
    return values


def where(condition: Value, a: Any, b: Any) -> Tensor:
    """Choose a where the condition holds, else b, with broadcasting."""
    a, b = (operand(condition, v) for v in _checked("where", a, b))
    values = [v for v in (a, b) if isinstance(v, Value)]
    k = same_backend("where", condition, *values)
    if condition.array.dtype != bool:
        condition = new(k.binary("not_equal", condition.array, 0))
    mask = condition.array
    x, z = (v.array if isinstance(v, Value) else v for v in (a, b))
    if not values:
        kind = np.result_type(type(a), type(b))
        x = k.from_numpy(np.array(a, np.float32 if kind.kind == "f" else kind))
    try:
        y = k.where(mask, x, z)
    except ValueError:
        raise ValueError(f"[where] {_do_not_fit(mask, x, z)}") from None
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
