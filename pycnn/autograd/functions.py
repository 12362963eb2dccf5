"""Functions on tensors, under PyTorch's names: ``pycnn.cat``, ``pycnn.where``, ``pycnn.exp``.

Given arrays, they return arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pycnn.autograd import arithmetic, products, shaping
from pycnn.autograd.keywords import numpy_names
from pycnn.autograd.structure import on_arrays_too
from pycnn.autograd.tensor import Tensor
from pycnn.autograd.value import Value
from pycnn.devices import is_array

# Methods of tensors that are functions as well.
METHODS = (
    *("abs", "exp", "log", "sqrt", "rsqrt", "square", "sin", "cos", "sign", "floor", "ceil"),
    *("round", "neg", "reciprocal", "pow", "clamp", "clip", "sigmoid", "tanh", "softmax"),
    *("log_softmax", "add", "sub", "mul", "div", "matmul", "mm", "bmm", "maximum", "minimum"),
    *("sum", "mean", "var", "std", "prod", "norm", "max", "min", "amax", "amin", "argmax"),
    *("argmin", "cumsum", "any", "all", "reshape", "flatten", "squeeze", "unsqueeze"),
    *("transpose", "permute", "t", "chunk", "unbind", "flip", "gather", "index_select"),
    *("masked_fill", "narrow", "eq", "ne", "gt", "ge", "lt", "le", "numel", "clone", "relu"),
    *("equal", "allclose"),
    *("sort", "argsort", "topk", "tril", "triu", "logsumexp"),
    *("swapaxes", "movedim", "nonzero", "repeat_interleave", "swapdims", "moveaxis", "tile"),
    *("absolute", "negative", "multiply", "subtract", "divide", "true_divide", "greater", "less"),
    *("greater_equal", "less_equal", "not_equal", "clamp_min", "clamp_max", "lerp", "addcmul"),
    *("addcdiv", "nan_to_num", "isnan", "isinf", "isfinite", "logical_and", "logical_or"),
    *("logical_xor", "logical_not", "isclose", "is_floating_point", "frac"),
    *("remainder", "floor_divide", "fmod", "atan2", "tan", "sinh", "cosh", "asin", "acos", "atan"),
    *("exp2", "expm1", "log1p", "log2", "log10", "erf", "trunc", "dot", "mv", "outer", "ger"),
    *("addmm", "addmv", "baddbmm", "addbmm", "diagonal", "diag", "trace", "scatter"),
    *("scatter_add", "index_add", "index_fill", "index_copy", "masked_select", "take"),
    *("take_along_dim", "kthvalue", "median", "cumprod", "nansum", "count_nonzero", "aminmax"),
    *("std_mean", "var_mean", "bincount", "unique", "fliplr", "flipud", "rot90", "ravel"),
    *("broadcast_to", "select"),
    # In place.
    *("relu_", "sigmoid_", "tanh_", "clamp_", "exp_"),
)

__all__ = ["cat", "concat", "einsum", "roll", "split", "stack", "where", *METHODS]


def _function(name: str) -> Callable[..., Any]:
    """Make a function of a method."""
    method = getattr(Tensor, name)

    @on_arrays_too
    def function(x: Any, *arguments: Any, **options: Any) -> Any:
        return method(x, *arguments, **options)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = method.__doc__
    return function


globals().update({name: _function(name) for name in METHODS})


@numpy_names
@on_arrays_too
def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join tensors along an axis that is there."""
    return shaping.cat(tensors, dim)


concat = cat


@numpy_names
@on_arrays_too
def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Join tensors of one shape along a new axis."""
    return shaping.stack(tensors, dim)


@on_arrays_too
def where(condition: Any, a: Any, b: Any) -> Any:
    """Choose a where the condition holds, else b, with broadcasting."""
    return arithmetic.where(condition, a, b)


@on_arrays_too
def einsum(equation: str, *operands: Any) -> Any:
    """Sum products as the letters of an equation say: see `numpy.einsum`."""
    return products.einsum(equation, *operands)


@on_arrays_too
def roll(x: Any, shifts: Any, dims: Any = None) -> Any:
    """Shift along axes; what leaves at one end comes in at the other."""
    return shaping.roll(x, shifts, dims)


@numpy_names
def split(x: Any, split_size_or_sections: Any, dim: int = 0) -> Any:
    """Take a tensor apart along an axis: into parts of a size, or of several sizes.

    Raises
    ------
    TypeError
        If it is no tensor: `pycnn.random_split` parts a data set.
    """
    if not (isinstance(x, Value) or is_array(x)):
        raise TypeError(
            f"[split] takes a tensor apart, got {type(x).__name__}: pycnn.random_split parts a "
            "data set"
        )
    return _split(x, split_size_or_sections, dim)


@on_arrays_too
def _split(x: Any, size: Any, dim: int) -> Any:
    return shaping.split(x, size, dim)
