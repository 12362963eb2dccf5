"""Shapes of tensors: views, parts, joins, repetitions. Every result is an array of its own."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn._arguments import written
from pycnn.autograd.arithmetic import unbroadcast
from pycnn.autograd.indexing import index, part_at
from pycnn.autograd.value import (
    Value,
    apart_from,
    new,
    part_of,
    record,
    record_all,
    same_backend,
)

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor

Shape = tuple[int, ...]


def axis_of(name: str, axis: Any, ndim: int) -> int:
    """Return an axis counted from the front; raise unless it is there."""
    try:
        index = operator.index(axis)
    except TypeError:
        raise TypeError(f"[{name}] dim must be an int, got {type(axis).__name__}") from None
    if not -max(ndim, 1) <= index < max(ndim, 1):
        raise IndexError(
            f"[{name}] dim {index} is out of range for a tensor of {ndim} dimensions "
            f"({-max(ndim, 1)} to {max(ndim, 1) - 1})"
        )
    return index % max(ndim, 1)


def sizes_of(sizes: Sequence[Any]) -> tuple[int, ...]:
    """Return sizes given one by one or as one sequence."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = sizes[0]
    try:
        return tuple([operator.index(size) for size in sizes])
    except TypeError:
        raise TypeError(f"[Tensor] sizes must be ints, got {written(tuple(sizes))}") from None


def reshape(x: Value, *sizes: Any) -> Tensor:
    """Give the same numbers another shape; one size may be -1.

    The result is a part of x, as in PyTorch, unless x is one whose numbers are taken from afar.
    """
    y = view(x, *sizes)
    if x._base is None or x._base.dense:
        return y
    y._base = None
    return apart_from(x, y)


def view(x: Value, *sizes: Any) -> Tensor:
    """Do what `reshape` does; the result is always a part of x."""
    shape, old = sizes_of(sizes), x.array.shape
    try:
        if shape and min(shape) < -1:
            raise ValueError  # NumPy takes any negative number for the free one
        y = x.array.reshape(shape)
    except ValueError:
        text = f"[reshape] a tensor of shape {tuple(old)} does not take shape {shape}"
        raise ValueError(text) from None
    found = record("reshape", (x,), y, lambda needs, g: (g.reshape(old),))
    return part_of(
        x,
        found,
        lambda whole: view(whole, shape),
        lambda whole, part: view(part, tuple(old)),
    )


def permute(x: Value, *axes: Any) -> Tensor:
    """Reorder the axes: axis i of the result is axis ``axes[i]`` of x."""
    ndim = len(x.array.shape)
    order = tuple(axis_of("permute", axis, ndim) for axis in sizes_of(axes))
    if sorted(order) != list(range(ndim)):
        raise ValueError(
            f"[permute] dims {order} must name each of the {ndim} dimensions of a tensor of shape "
            f"{tuple(x.array.shape)} once"
        )
    k = x.backend
    back = tuple(int(i) for i in np.argsort(order))
    y = k.transpose(x.array, order)
    found = record("permute", (x,), y, lambda needs, g: (k.transpose(g, back),))
    return part_of(
        x,
        found,
        lambda whole: permute(whole, order),
        lambda whole, part: permute(part, back),
        dense=_in_order([axis for axis in order if x.array.shape[axis] != 1]),
    )


def _in_order(axes: list[int]) -> bool:
    return axes == sorted(axes)


def transpose(x: Value, first: int, second: int) -> Tensor:
    """Exchange two axes."""
    ndim = len(x.array.shape)
    a, b = axis_of("transpose", first, ndim), axis_of("transpose", second, ndim)
    order = list(range(ndim))
    if ndim:
        order[a], order[b] = b, a
    return permute(x, order)


def flatten(x: Value, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Join the axes from `start_dim` to `end_dim` into one."""
    shape = x.array.shape
    a, b = (axis_of("flatten", axis, len(shape)) for axis in (start_dim, end_dim))
    if a > b:
        raise ValueError(f"[flatten] start_dim {start_dim} comes after end_dim {end_dim}")
    return reshape(x, *shape[:a], math.prod(shape[a : b + 1]), *shape[b + 1 :])


def squeeze(x: Value, dim: Any = None) -> Tensor:
    """Drop axes of extent 1: all of them, or those named (one that has another extent stays)."""
    shape = x.array.shape
    axes = range(len(shape)) if dim is None else sizes_of((dim,) if np.ndim(dim) == 0 else dim)
    drop = {axis_of("squeeze", axis, len(shape)) for axis in axes}
    return view(x, tuple(n for i, n in enumerate(shape) if n != 1 or i not in drop))


def unsqueeze(x: Value, dim: int) -> Tensor:
    """Insert an axis of extent 1 at a place."""
    shape = x.array.shape
    at = axis_of("unsqueeze", dim, len(shape) + 1)
    return view(x, (*shape[:at], 1, *shape[at:]))


def expand(x: Value, *sizes: Any) -> Tensor:
    """Repeat along axes of extent 1, and along new axes in front; -1 keeps an extent."""
    shape, old = sizes_of(sizes), x.array.shape
    extra = len(shape) - len(old)
    full = tuple(old[i - extra] if n == -1 and i >= extra else n for i, n in enumerate(shape))
    if extra < 0 or any(
        n < 0 or (i >= extra and old[i - extra] not in (1, n)) for i, n in enumerate(full)
    ):
        raise ValueError(f"[expand] a tensor of shape {tuple(old)} does not expand to {shape}")
    k = x.backend
    y = k.broadcast_to(x.array, full)
    pulled = record("expand", (x,), y, lambda needs, g: (unbroadcast(k, g, old),))
    return part_of(x, pulled, lambda whole: expand(whole, full), dense=tuple(full) == tuple(old))


def repeat(x: Value, *times: Any) -> Tensor:
    """Repeat the whole tensor along each axis, as NumPy's tile does."""
    counts, shape = sizes_of(times), x.array.shape
    if len(counts) < len(shape):
        raise ValueError(
            f"[repeat] needs a count for each dimension, got {len(counts)} for shape {tuple(shape)}"
        )
    shape = (1,) * (len(counts) - len(shape)) + tuple(shape)
    apart = [n for size in shape for n in (1, size)]
    wide = [n for count, size in zip(counts, shape, strict=True) for n in (count, size)]
    whole = [count * size for count, size in zip(counts, shape, strict=True)]
    if all(count == 1 for count in counts):
        return view(x, whole).clone()
    return reshape(expand(view(x, apart), wide), whole)


def _several(name: str, tensors: Any) -> list[Value]:
    """Return tensors as a list; raise unless it is at least one, and nothing else."""
    found = list(tensors) if isinstance(tensors, Iterable) else [tensors]
    if not found:
        raise ValueError(f"[{name}] needs at least one tensor")
    if wrong := [one for one in found if not isinstance(one, Value)]:
        raise TypeError(f"[{name}] needs a sequence of tensors, got {type(wrong[0]).__name__}")
    return found


def cat(tensors: Sequence[Value], dim: int = 0) -> Tensor:
    """Join tensors along an axis that is there."""
    tensors = _several("cat", tensors)
    if any(len(x.array.shape) != 1 for x in tensors):
        # As in PyTorch, no numbers in one dimension join anything.
        tensors = [x for x in tensors if tuple(x.array.shape) != (0,)]
    axis = axis_of("cat", dim, len(tensors[0].array.shape))
    shapes = [tuple(x.array.shape) for x in tensors]
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(rest) > 1 or len({len(shape) for shape in shapes}) > 1 or not shapes[0]:
        raise ValueError(f"[cat] shapes must agree in all dimensions but {axis}, are {shapes}")
    k = same_backend("cat", *tensors)
    extents = [shape[axis] for shape in shapes]
    if len({x.array.dtype for x in tensors}) > 1:
        kind = np.result_type(*[x.array.dtype for x in tensors])
        tensors = [astype(x, np.float32 if kind.kind == "f" else kind) for x in tensors]
    y = k.concatenate([x.array for x in tensors], axis)
    return record("cat", tensors, y, lambda needs, g: k.split(g, extents, axis))


def stack(tensors: Sequence[Value], dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new axis."""
    tensors = _several("stack", tensors)
    if len({tuple(x.array.shape) for x in tensors}) > 1:
        shapes = [tuple(x.array.shape) for x in tensors]
        raise ValueError(f"[stack] tensors must have one shape, have {shapes}")
    axis = axis_of("stack", dim, len(tensors[0].array.shape) + 1)
    return cat([unsqueeze(x, axis) for x in tensors], axis)


def split(x: Value, size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Take apart along an axis: into parts of a size (the last one may be smaller), or of sizes."""
    axis = axis_of("split", dim, len(x.array.shape))
    extent = x.array.shape[axis]
    if isinstance(size, (tuple, list)):
        extents = [operator.index(n) for n in size]
        if sum(extents) != extent or any(n < 0 for n in extents):
            raise ValueError(f"[split] sizes {extents} do not add up to {extent} (dim {axis})")
    else:
        (step,) = sizes_of((size,))
        if step < 1:
            raise ValueError(f"[split] size must be at least 1, got {step}")
        extents = [min(step, extent - i) for i in range(0, extent, step)] or [0]
    k = x.backend
    parts = k.split(x.array, extents, axis)
    found = record_all("split", (x,), parts, lambda needs, *gs: (k.concatenate(list(gs), axis),))
    ends = np.cumsum(extents)
    keys = [
        (*(slice(None),) * axis, slice(int(end) - n, int(end)))
        for n, end in zip(extents, ends, strict=True)
    ]
    return tuple(part_at(x, y, key) for y, key in zip(found, keys, strict=True))


def chunk(x: Value, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Take apart into that many parts of one size, the last of which may be smaller."""
    extent = x.array.shape[axis_of("chunk", dim, len(x.array.shape))]
    if operator.index(chunks) < 1:
        raise ValueError(f"[chunk] chunks must be at least 1, got {chunks}")
    return split(x, max(1, -(-extent // chunks)), dim)


def unbind(x: Value, dim: int = 0) -> tuple[Tensor, ...]:
    """Return the slices along an axis, without that axis."""
    axis = axis_of("unbind", dim, len(x.array.shape))
    return tuple(squeeze(y, axis) for y in split(x, 1, axis)) if x.array.shape[axis] else ()


def astype(x: Value, dtype: Any) -> Tensor:
    """Convert to another dtype; gradients go back in the old one."""
    k, old = x.backend, x.array.dtype
    try:
        dtype = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"[Tensor] there is no dtype {written(dtype)}") from None
    if k.name == "reference" and dtype.kind == "f":
        dtype = np.float64
    if old == dtype:
        return x  # type: ignore[return-value]
    y = k.astype(x.array, dtype)
    if np.dtype(dtype).kind != "f":
        return new(y)
    return record("astype", (x,), y, lambda needs, g: (k.astype(g, old),))


def flip(x: Value, *dims: Any) -> Tensor:
    """Reverse the order along axes."""
    shape = x.array.shape
    axes = {axis_of("flip", axis, len(shape)) for axis in sizes_of(dims)}
    y: Any = x if shape else view(x, ()).clone()
    for axis in sorted(axes) if shape else ():
        y = index(y, (*(slice(None),) * axis, np.arange(shape[axis])[::-1].copy()))
    return y  # type: ignore[no-any-return]


def roll(x: Value, shifts: Any, dims: Any = None) -> Tensor:
    """Shift along axes; what leaves at one end comes in at the other.

    Without `dims` the numbers shift in their order in memory.
    """
    if dims is None:
        return reshape(roll(reshape(x, -1), shifts, 0), x.array.shape)
    steps, axes = sizes_of((shifts,)), sizes_of((dims,))
    if len(steps) != len(axes):
        raise ValueError(f"[roll] needs a shift for each axis, got {steps} for dims {axes}")
    y: Any = x
    for step, dim in zip(steps, axes, strict=True):
        axis = axis_of("roll", dim, len(x.array.shape))
        order = np.roll(np.arange(x.array.shape[axis]), step)
        y = index(y, (*(slice(None),) * axis, order))
    return y  # type: ignore[no-any-return]
