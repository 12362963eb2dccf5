"""Functions of each number of a tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pycnn.autograd.arithmetic import as_float, counted, multiply
from pycnn.autograd.value import Value, new, record
from pycnn.backends import Backend

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor

# Name: the gradient of x, from x and y.
UNARY: dict[str, tuple[str, Callable[[Backend, Any, Any, Any], Any]]] = {
    "neg": ("negative", lambda k, g, x, y: k.unary("negative", g)),
    "exp": ("exp", lambda k, g, x, y: multiply(k, g, y)),
    "log": ("log", lambda k, g, x, y: k.binary("divide", g, x)),
    "sqrt": ("sqrt", lambda k, g, x, y: k.binary("divide", g, multiply(k, y, 2.0))),
    "abs": ("absolute", lambda k, g, x, y: multiply(k, g, k.unary("sign", x))),
    "square": ("square", lambda k, g, x, y: multiply(k, g, multiply(k, x, 2.0))),
    "reciprocal": (
        "reciprocal",
        lambda k, g, x, y: k.unary("negative", multiply(k, g, k.unary("square", y))),
    ),
    "sin": ("sin", lambda k, g, x, y: multiply(k, g, k.unary("cos", x))),
    "cos": ("cos", lambda k, g, x, y: k.unary("negative", multiply(k, g, k.unary("sin", x)))),
    "sign": ("sign", lambda k, g, x, y: k.zeros_like(g)),
    "floor": ("floor", lambda k, g, x, y: k.zeros_like(g)),
    "ceil": ("ceil", lambda k, g, x, y: k.zeros_like(g)),
    "round": ("round", lambda k, g, x, y: k.zeros_like(g)),
}
_OF_INTS = ("neg", "abs", "square", "sign")
_WHOLE = ("floor", "ceil", "round")  # what they make of whole numbers are the same ones


def unary(name: str, x: Value) -> Tensor:
    """Compute an op of `UNARY`."""
    function, rule = UNARY[name]
    k = x.backend
    if name in _WHOLE and x.array.dtype.kind in "iu":
        return new(x.array.copy())
    array = x.array if name in _OF_INTS else as_float(k, x.array)
    array = counted(k, array) if name == "square" else array
    y = k.unary(function, array)
    return record(name, (x,), y, lambda needs, g: (rule(k, g, array, y),))
