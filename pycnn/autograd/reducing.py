"""Sums, means, extremes and products of tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pycnn.autograd.arithmetic import unbroadcast
from pycnn.autograd.graph import Needs
from pycnn.autograd.shaping import astype, axis_of, reshape
from pycnn.autograd.value import Value, new, record, same_backend

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor
    from pycnn.backends import Backend

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


def _counted(k: Backend, array: Any) -> Any:
    """Return whole numbers and bools as int64, in which they are added and multiplied."""
    return array if array.dtype.kind == "f" else k.astype(array, np.int64)


def sum_(x: Value, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Add up along axes; all numbers without `dim`."""
    k, shape = x.backend, x.array.shape
    axes = axes_of("sum", dim, len(shape))
    array = _counted(k, x.array)
    y = k.reduce("sum", array, axes)
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


def var(x: Value, dim: Dims = None, unbiased: Any = True, keepdim: bool = False) -> Tensor:
    """Return the variance along axes, ``sum((x - mean)^2) / (n - unbiased)``.

    `unbiased` is True, False, or the number by which the count n is corrected.
    """
    shape = x.array.shape
    count = math.prod(shape[axis] for axis in axes_of("var", dim, len(shape)))
    away = x - mean(x, dim, True) if dim is not None else x - mean(x)
    return sum_(away * away, dim, keepdim) / new(
        x.backend.from_numpy(np.array(max(count - unbiased, 0), np.float32))
    )


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
    y = k.reduce(name, array, axes)

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
    if not shape:  # a single number is the extreme of itself
        return Extremes(amax(name, x), new(k.zeros((), np.int64)))
    if not shape[axis]:
        raise ValueError(f"[{name}] there is no {name} of no numbers (shape {tuple(shape)})")
    array = x.array
    where = k.arg_reduce(name, array, axis)
    y = k.reduce(name, array, (axis,))
    places = [1] * len(shape)
    places[axis] = shape[axis]
    positions = k.from_numpy(np.arange(shape[axis]).reshape(places))

    def pull(needs: Needs, g: Any) -> tuple[Any]:
        hit = k.binary("equal", positions, where)
        return (k.where(hit, g.reshape(y.shape), k.zeros_like(g.reshape(y.shape))),)

    final = y.shape if keepdim else _without(shape, (axis,))
    return Extremes(record(name, (x,), y.reshape(final), pull), new(where.reshape(final)))


def argextreme(name: str, x: Value, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Return where the extreme is along an axis, or in the flattened tensor; int64."""
    if dim is None:
        x = reshape(x, -1)
        dim = 0
    k, shape = x.backend, x.array.shape
    axis = axis_of(f"arg{name}", dim, len(shape))
    where = k.arg_reduce(name, x.array, axis)
    return new(where if keepdim else where.reshape(_without(shape, (axis,))))


def prod(x: Value, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Multiply along an axis; all numbers without `dim`. The gradient of a zero is exact."""
    k, shape = x.backend, x.array.shape
    axes = axes_of("prod", dim, len(shape))
    array = _counted(k, x.array)
    y = k.reduce("prod", array, axes)

    def pull(needs: Needs, g: Any) -> tuple[Any]:
        numbers = k.to_numpy(array)
        moved = np.moveaxis(numbers, axes, range(len(axes)))
        apart = [math.prod(part) for part in (moved.shape[: len(axes)], moved.shape[len(axes) :])]
        lines = moved.reshape(apart)
        before, after = np.ones_like(lines), np.ones_like(lines)
        np.cumprod(lines[:-1], axis=0, out=before[1:])
        after[:-1] = np.cumprod(lines[:0:-1], axis=0)[::-1]
        others = np.moveaxis((before * after).reshape(moved.shape), range(len(axes)), axes)
        found = k.from_numpy(np.asarray(others, order="C").view(np.ndarray))
        return (k.binary("multiply", found, g.reshape(y.shape)),)

    return record("prod", (x,), y if keepdim else y.reshape(_without(shape, axes)), pull)


def norm(x: Value, p: float = 2, dim: Dims = None, keepdim: bool = False) -> Tensor:
    """Return ``(sum |x|^p)^(1/p)`` along axes."""
    if p == 1:
        return sum_(abs(x), dim, keepdim)
    if abs(p) == math.inf:
        return amax("max" if p > 0 else "min", abs(x), dim, keepdim)
    if p == 0:
        hit = new(x.backend.binary("not_equal", x.array, 0))
        count = sum_(astype(hit, x.array.dtype), dim, keepdim)
        return record("norm", (x,), count.array, lambda needs, g: (None,))
    if p != 2:
        return _norm(x, float(p), dim, keepdim)
    k = x.backend
    array = x.array
    axes = axes_of("norm", dim, len(array.shape))
    square = k.binary("multiply", array, array)
    y = k.unary("sqrt", k.reduce("sum", square, axes))

    def pull(needs: Needs, g: Any) -> tuple[Any]:
        # Where the norm is 0 the gradient is 0, one of its subgradients.
        safe = k.where(k.binary("equal", y, 0.0), k.binary("add", k.zeros_like(y), 1.0), y)
        share = k.binary("divide", g.reshape(y.shape), safe)
        return (k.binary("multiply", array, share),)

    kept = y if keepdim else y.reshape(_without(array.shape, axes))
    return record("norm", (x,), kept, pull)


def _norm(x: Value, p: float, dim: Dims, keepdim: bool) -> Tensor:
    """Return the p-norm, with the gradient ``sign(x) (|x| / y)^(p - 1)``; 0 where x is 0."""
    k, array = x.backend, x.array
    axes = axes_of("norm", dim, len(array.shape))
    size = k.unary("absolute", array)
    y = k.binary("power", k.reduce("sum", k.binary("power", size, p), axes), 1 / p)

    def pull(needs: Needs, g: Any) -> tuple[Any]:
        slope = k.binary("power", k.binary("divide", size, y), p - 1)
        slope = k.binary("multiply", k.unary("sign", array), slope)
        slope = k.where(k.binary("equal", array, 0.0), k.zeros_like(slope), slope)
        return (k.binary("multiply", slope, g.reshape(y.shape)),)

    return record("norm", (x,), y if keepdim else y.reshape(_without(array.shape, axes)), pull)


def std(x: Value, dim: Dims = None, unbiased: Any = True, keepdim: bool = False) -> Tensor:
    """Return the root of `var`; where that is 0, so is the gradient, as in PyTorch."""
    k, spread = x.backend, var(x, dim, unbiased, keepdim)
    y = k.unary("sqrt", spread.array)

    def pull(needs: Needs, g: Any) -> tuple[Any]:
        slope = k.binary("divide", g, k.binary("multiply", y, 2.0))
        return (k.where(k.binary("equal", y, 0.0), k.zeros_like(g), slope),)

    return record("std", (spread,), y, pull)


def cumsum(x: Value, dim: int) -> Tensor:
    """Add up what has come so far along an axis."""
    k = x.backend
    axis = axis_of("cumsum", dim, len(x.array.shape))

    def sums(array: Any, backward: bool) -> Any:
        numbers = np.atleast_1d(k.to_numpy(array))
        numbers = np.flip(numbers, axis) if backward else numbers
        total = np.cumsum(numbers, axis, dtype=numbers.dtype)
        total = np.asarray(np.flip(total, axis) if backward else total, order="C")
        return k.from_numpy(total.reshape(array.shape))

    y = sums(_counted(k, x.array), False)
    return record("cumsum", (x,), y, lambda needs, g: (sums(g, True),))


def matmul(a: Value, b: Value) -> Tensor:
    """Multiply matrices, or vectors, with broadcasting of the axes in front (as NumPy's ``@``)."""
    k = same_backend("matmul", a, b)
    first, second = a.array, b.array
    if not first.shape or not second.shape:
        raise ValueError("[matmul] needs at least one dimension on both sides, got a scalar")
    row, column = len(first.shape) == 1, len(second.shape) == 1
    x = first.reshape((1, *first.shape)) if row else first
    z = second.reshape((*second.shape, 1)) if column else second
    if x.shape[-1] != z.shape[-2]:
        raise ValueError(
            f"[matmul] shapes {tuple(first.shape)} and {tuple(second.shape)} do not fit: "
            f"{x.shape[-1]} columns meet {z.shape[-2]} rows"
        )
    y = k.matmul(x, z)
    full = y.shape

    def flipped(array: Any) -> Any:
        n = len(array.shape)
        return k.transpose(array, (*range(n - 2), n - 1, n - 2))

    def pull(needs: Needs, g: Any) -> tuple[Any, Any]:
        g = g.reshape(full)
        dx = dz = None
        if needs[0]:
            dx = unbroadcast(k, k.matmul(g, flipped(z)), x.shape).reshape(first.shape)
        if needs[1]:
            dz = unbroadcast(k, k.matmul(flipped(x), g), z.shape).reshape(second.shape)
        return dx, dz

    shape = tuple(full[:-2]) + (() if row else (full[-2],)) + (() if column else (full[-1],))
    return record("matmul", (a, b), y.reshape(shape), pull)


def einsum(equation: str, *operands: Any) -> Tensor:
    """Sum products as the letters of an equation say: see `numpy.einsum` (without '...').

    Gradients come from the same equation with an operand and the result exchanged.
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if "." in equation or len(terms) != len(operands):
        raise ValueError(
            f"[einsum] {equation!r} must name the axes of {len(operands)} operands by letters"
        )
    if not arrow:
        right = "".join(sorted(c for c in set(left) if c.isalpha() and left.count(c) == 1))
    k = same_backend("einsum", *operands)
    arrays = [k.to_numpy(x.array) for x in operands]
    sizes = [dict(zip(term, x.shape, strict=False)) for term, x in zip(terms, arrays, strict=True)]
    extents = {c: max(size.get(c, 1) for size in sizes) for c in left if c.isalpha()}
    y = np.einsum(f"{left}->{right}", *arrays)

    def pull(needs: Needs, g: Any) -> list[Any]:
        dy = k.to_numpy(g)
        grads: list[Any] = []
        for i, need in enumerate(needs):
            if not need:
                grads.append(None)
                continue
            own = terms[i]
            if len(set(own)) < len(own):
                raise ValueError(f"[einsum] no gradient for an axis named twice, as in {own!r}")
            rest = [j for j in range(len(terms)) if j != i]
            seen = set(right).union(*[terms[j] for j in rest])
            common = "".join(c for c in own if c in seen)
            text = ",".join([right, *[terms[j] for j in rest]]) + "->" + common
            found = np.einsum(text, dy, *[arrays[j] for j in rest])
            shape = [n if c in seen else 1 for c, n in zip(own, arrays[i].shape, strict=True)]
            once = tuple(a for a, c in enumerate(common) if extents[c] > 1 == sizes[i][c])
            found = found.sum(once, keepdims=True)
            wide = np.broadcast_to(found.reshape(shape), arrays[i].shape)
            grads.append(k.from_numpy(np.asarray(wide, order="C")))
        return grads

    return record("einsum", operands, k.from_numpy(np.asarray(y, order="C")), pull)
