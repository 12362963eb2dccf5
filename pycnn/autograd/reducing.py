"""Sums, means, norms and extremes of tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from pycnn.autograd.elementary import unary
from pycnn.autograd.graph import Needs
from pycnn.autograd.shaping import axis_of, reshape
from pycnn.autograd.value import Value, new, record
from pycnn.backends.recording import constant_here

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor

Dims = int | Sequence[int] | None


def axes_of(name: str, dim: Dims, ndim: int) -> tuple[int, ...]:
    """Return the axes to reduce: all of them for None, and as in PyTorch for an empty tuple."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim))
    axes = tuple(axis_of(name, axis, ndim) for axis in (dim if np.ndim(dim) else (dim,)))  # type: ignore[union-attr]
    if len(set(axes)) < len(axes):
        raise ValueError(f"[{name}] dim {dim} names a dimension twice")
    return axes if ndim else ()


def _without(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def _reduced(name: str, x: Value, axes: tuple[int, ...]) -> Any:
    """Return a sum or product, in int64 of whole numbers: an array of its own."""
    k, array = x.backend, x.array
    return k.reduce(name, array if array.dtype.kind == "f" else k.astype(array, np.int64), axes)


def sum_(x: Value, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Add up along axes; all numbers without `dim`."""
    k, shape = x.backend, x.array.shape
    axes = axes_of("sum", dim, len(shape))
    y = _reduced("sum", x, axes)
    kept = y.shape

    def pull(needs: Needs, g: Any) -> tuple[Any]:
        return (k.broadcast_to(g.reshape(kept), shape),)

    return record("sum", (x,), y if keepdim else y.reshape(_without(shape, axes)), pull)


def mean(x: Value, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the mean along axes; of all numbers without `dim`."""
    shape = x.array.shape
    count = math.prod(shape[axis] for axis in axes_of("mean", dim, len(shape)))
    if x.array.dtype.kind != "f":
        raise TypeError(f"[mean] needs floats, got {x.array.dtype}: convert with .float() first")
    return sum_(x, dim, keepdim) / (count if count else math.nan)


def var(x: Value, dim: Dims = None, correction: float = 1, keepdim: bool = False) -> Tensor:
    """Return the variance along axes, ``sum((x - mean)^2) / (n - correction)``."""
    shape = x.array.shape
    count = math.prod(shape[axis] for axis in axes_of("var", dim, len(shape)))
    away = x - mean(x, dim, True) if dim is not None else x - mean(x)
    rest = count - correction
    return sum_(away * away, dim, keepdim) / (rest if rest > 0 else math.nan)


def std(x: Value, dim: Dims = None, correction: float = 1, keepdim: bool = False) -> Tensor:
    """Return the root of the variance along axes; where it is 0, so is the gradient."""
    variance = var(x, dim, correction, keepdim)
    k = variance.backend
    y = k.unary("sqrt", variance.array)

    def pull(needs: Needs, g: Any) -> tuple[Any]:
        slope = k.binary("divide", g, k.binary("multiply", y, 2.0))
        return (k.where(k.binary("equal", y, 0.0), k.zeros_like(g), slope),)

    return record("std", (variance,), y, pull)


class Extremes(NamedTuple):
    """What `max` and `min` along an axis give: the numbers, and where they are."""

    values: Tensor
    indices: Tensor


def amax(name: str, x: Value, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return the extreme ('max' or 'min') along axes; equal ones share the gradient evenly."""
    k, shape = x.backend, x.array.shape
    axes = axes_of(f"a{name}", dim, len(shape))
    if 0 in [shape[axis] for axis in axes]:
        raise ValueError(f"[a{name}] there is no {name} of no numbers (shape {tuple(shape)})")
    array = x.array
    y = k.reduce(name, array, axes) if axes else array.copy()

    def pull(needs: Needs, g: Any) -> tuple[Any]:
        hit = k.binary("equal", array, y)
        if dim is None:  # of all numbers, NaN is the extreme, as in PyTorch
            hit = k.binary("logical_or", hit, k.binary("not_equal", array, array))
        hit = k.astype(hit, g.dtype)
        share = k.binary("divide", g.reshape(y.shape), k.reduce("sum", hit, axes))
        return (k.binary("multiply", hit, share),)

    return record(f"a{name}", (x,), y if keepdim else y.reshape(_without(shape, axes)), pull)


def extreme(name: str, x: Value, dim: int, keepdim: bool = False) -> Extremes:
    """Return the extreme ('max' or 'min') along an axis, and where the first such one is."""
    k, shape = x.backend, x.array.shape
    axis = axis_of(name, dim, len(shape))
    if not shape:
        one = extreme(name, reshape(x, 1), 0, True)
        return Extremes(reshape(one.values, ()), reshape(one.indices, ()))
    if not shape[axis]:
        raise ValueError(f"[{name}] there is no {name} of no numbers (shape {tuple(shape)})")
    array = x.array
    where = k.arg_reduce(name, array, axis)
    y = k.reduce(name, array, (axis,))
    places = [1] * len(shape)
    places[axis] = shape[axis]
    positions = k.from_numpy(constant_here(np.arange(shape[axis]).reshape(places)))

    def pull(needs: Needs, g: Any) -> tuple[Any]:
        hit, g = k.binary("equal", positions, where), g.reshape(y.shape)
        return (k.where(hit, g, k.zeros_like(g)),)

    final = y.shape if keepdim else _without(shape, (axis,))
    return Extremes(record(name, (x,), y.reshape(final), pull), new(where.reshape(final)))


def argextreme(name: str, x: Value, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return where the extreme is along an axis, or in the flattened tensor; int64."""
    k, shape = x.backend, x.array.shape
    axes = axes_of(f"arg{name}", dim, len(shape))
    if not math.prod(shape[axis] for axis in axes):
        raise ValueError(f"[arg{name}] there is no {name} of no numbers (shape {tuple(shape)})")
    alone = dim is None or not shape
    where = k.arg_reduce(name, x.array.reshape(-1) if alone else x.array, 0 if alone else axes[0])
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(shape))
    return new(where.reshape(kept if keepdim else _without(shape, axes)))


def prod(x: Value, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Multiply along an axis; all numbers without `dim`. The gradient of a zero is exact."""
    k, shape = x.backend, x.array.shape
    axes = axes_of("prod", dim, len(shape))
    array = x.array
    y = _reduced("prod", x, axes)

    def pull(needs: Needs, g: Any) -> tuple[Any]:
        numbers = k.to_numpy(array)
        moved = np.moveaxis(numbers, axes, range(len(axes)))
        count = math.prod(moved.shape[: len(axes)])
        lines = moved.reshape(count, math.prod(moved.shape[len(axes) :]))
        before, after = np.ones_like(lines), np.ones_like(lines)
        np.cumprod(lines[:-1], axis=0, out=before[1:])
        after[:-1] = np.cumprod(lines[:0:-1], axis=0)[::-1]
        others = np.moveaxis((before * after).reshape(moved.shape), range(len(axes)), axes)
        found = k.from_numpy(np.asarray(others, order="C").view(np.ndarray))
        return (k.binary("multiply", found, g.reshape(y.shape)),)

    return record("prod", (x,), y if keepdim else y.reshape(_without(shape, axes)), pull)


def norm(
    x: Value, p: float | Literal["fro"] = 2, dim: Dims = None, keepdim: bool = False
) -> Tensor:
    """Return ``(sum |x|^p)^(1/p)`` along axes.

    For p = inf it is the largest |x|, for 0 the count of what is not 0; 'fro' is 2. Where the norm
    is 0, so is the gradient, one of its subgradients.
    """
    p = 2 if p == "fro" else p
    k, array = x.backend, x.array
    if array.dtype.kind != "f":
        raise TypeError(f"[norm] needs floats, got {array.dtype}: convert with .float() first")
    if isinstance(p, str):
        raise ValueError(f"[norm] p must be a number or 'fro', got {p!r}")
    if p in (0, 1):
        return sum_(abs(unary("sign", x) if p == 0 else x), dim, keepdim)
    if math.isinf(p):
        return amax("max" if p > 0 else "min", abs(x), dim, keepdim)
    axes = axes_of("norm", dim, len(array.shape))
    size = k.unary("absolute", array)
    power = k.unary("square", array) if p == 2 else k.binary("power", size, p)
    total = k.reduce("sum", power, axes) if axes else power
    y = k.unary("sqrt", total) if p == 2 else k.binary("power", total, 1 / p)

    def pull(needs: Needs, g: Any) -> tuple[Any]:
        # sign(x) |x|^(p - 1) / y^(p - 1), with numbers near 1 in the power: none overflows
        ratio = k.binary("divide", size, y)
        slope = ratio if p == 2 else k.binary("power", ratio, p - 1)
        slope = k.binary("multiply", k.unary("sign", array), slope)
        slope = k.where(k.binary("equal", array, 0.0), k.zeros_like(slope), slope)
        return (k.binary("multiply", slope, g.reshape(y.shape)),)

    kept = y if keepdim else y.reshape(_without(array.shape, axes))
    return record("norm", (x,), kept, pull)


def cumsum(x: Value, dim: int) -> Tensor:
    """Add up what has come so far along an axis; in int64 of whole numbers and bools."""
    k, shape = x.backend, x.array.shape
    axis = axis_of("cumsum", dim, len(shape))

    def sums(array: Any, backward: bool) -> Any:
        numbers = k.to_numpy(array)
        numbers = np.flip(numbers, axis) if backward and shape else numbers
        total = np.cumsum(numbers, axis, None if numbers.dtype.kind == "f" else np.int64)
        total = np.flip(total, axis) if backward else total
        return k.from_numpy(np.asarray(total.reshape(shape), order="C"))

    y = sums(x.array, False)
    return record("cumsum", (x,), y, lambda needs, g: (sums(g, True),))
