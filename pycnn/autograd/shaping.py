"""Shapes of tensors: views, parts, joins, repetitions. Every result is an array of its own."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd.arithmetic import unbroadcast
from pycnn.autograd.graph import Needs
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
    index = operator.index(axis)
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
    return tuple([operator.index(size) for size in sizes])


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


def index(x: Value, key: Any) -> Tensor:
    """Return ``x[key]``: ints, slices, None, ..., lists, tensors or arrays of int or bool."""
    k, shape = x.backend, x.array.shape
    plain = tuple(map(_plain, key)) if isinstance(key, tuple) else _plain(key)
    if (steps := _steps(plain)) is not None:
        return index(index(x, steps[0]), steps[1])
    y = k.index(x.array, plain)
    found = record("index", (x,), y, lambda needs, g: (k.put(shape, plain, g),))
    if any(
        isinstance(one, np.ndarray) for one in (plain if isinstance(plain, tuple) else (plain,))
    ):
        return found  # a copy in PyTorch, too
    return _part_at(x, found, plain)


def _plain(item: Any) -> Any:
    """Return one item of a key as the back-ends take it."""
    if isinstance(item, Value):
        item = item.backend.to_numpy(item.array)
    if isinstance(item, (list, np.ndarray)):
        array = np.array(item)  # a copy, which nobody changes before backward
        if array.dtype.kind not in "biu" and array.size:
            raise IndexError(f"[index] numbers of {array.dtype} are no index: convert with .long()")
        if not array.ndim and array.dtype.kind in "iu":
            return int(array)
        return array.view(np.ndarray) if array.dtype == bool else array.astype(np.int64, copy=False)
    return item


def _steps(key: Any) -> tuple[Any, Any] | None:
    """Return two keys that do one after the other what PyTorch does, or None if one does.

    PyTorch takes numbers first, like slices; to NumPy they are arrays if there are arrays as well.
    """
    items = key if isinstance(key, tuple) else (key,)
    arrays = [isinstance(one, np.ndarray) for one in items]
    numbers = [type(one) is int or isinstance(one, np.integer) for one in items]
    if not (any(arrays) and any(numbers)):
        return None
    first: list[Any] = []
    second: list[Any] = []
    for one, is_array, is_number in zip(items, arrays, numbers, strict=True):
        if is_array:
            first += [slice(None)] * (one.ndim if one.dtype == bool else 1)
            second.append(one)
        else:
            first.append(one)
            second += [] if is_number else [one if one is Ellipsis else slice(None)]
    return tuple(first), tuple(second)


def replaced(x: Value, key: Any, value: Any) -> Tensor:
    """Return a copy of x in which ``[key]`` holds other values."""
    k, shape = x.backend, x.array.shape
    plain = tuple(map(_plain, key)) if isinstance(key, tuple) else _plain(key)
    if (steps := _steps(plain)) is not None:
        return replaced(x, steps[0], replaced(index(x, steps[0]), steps[1], value))
    array = k.to_numpy(x.array)
    source = value if isinstance(value, Value) else None
    numbers = k.to_numpy(source.array) if source is not None else np.asarray(value)
    changed = array.copy()
    changed[plain] = numbers
    y = k.from_numpy(changed.view(np.ndarray))
    mask = np.zeros(shape, np.bool_)
    mask[plain] = True
    gone = k.from_numpy(mask)
    inputs = [x] if source is None else [x, source]
    values = numbers.shape

    def pull(needs: Needs, g: Any) -> list[Any]:
        grads = [k.where(gone, k.zeros_like(g), g) if needs[0] else None]
        if len(needs) == 2:
            grads.append(unbroadcast(k, k.index(g, plain), values) if needs[1] else None)
        return grads

    return record("setitem", inputs, y, pull)


def cat(tensors: Sequence[Value], dim: int = 0) -> Tensor:
    """Join tensors along an axis that is there."""
    tensors = list(tensors)
    if not tensors:
        raise ValueError("[cat] needs at least one tensor")
    # As in PyTorch, no numbers in one dimension join anything.
    if any(len(x.array.shape) != 1 for x in tensors):
        tensors = [x for x in tensors if tuple(x.array.shape) != (0,)]
    axis = axis_of("cat", dim, len(tensors[0].array.shape))
    shapes = [tuple(x.array.shape) for x in tensors]
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(rest) > 1 or len({len(shape) for shape in shapes}) > 1 or not shapes[0]:
        raise ValueError(f"[cat] shapes must agree in all dimensions but {axis}, are {shapes}")
    k = same_backend("cat", *tensors)
    extents = [shape[axis] for shape in shapes]
    y = k.concatenate([x.array for x in tensors], axis)
    return record("cat", tensors, y, lambda needs, g: k.split(g, extents, axis))


def stack(tensors: Sequence[Value], dim: int = 0) -> Tensor:
    """Join tensors of one shape along a new axis."""
    tensors = list(tensors)
    if not tensors:
        raise ValueError("[stack] needs at least one tensor")
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
        step = operator.index(size)  # type: ignore[arg-type]
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
    return tuple(_part_at(x, y, key) for y, key in zip(found, keys, strict=True))


def _part_at(x: Value, y: Tensor, key: Any) -> Tensor:
    """Mark a result as what is at a key."""
    return part_of(
        x,
        y,
        lambda whole: index(whole, key),
        lambda whole, part: replaced(whole, key, part),
        dense=_is_dense(key),
    )


def _is_dense(key: Any) -> bool:
    """Whether a key takes slices that lie side by side along the first axis."""
    first, *rest = (key or (slice(None),)) if isinstance(key, tuple) else (key,)
    if isinstance(first, slice) and first.step not in (None, 1):
        return False
    return first is not Ellipsis and all(
        one is Ellipsis or (isinstance(one, slice) and one == slice(None)) for one in rest
    )


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
    if k.name == "reference" and np.dtype(dtype).kind == "f":
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


def roll(x: Value, shifts: int, dims: int) -> Tensor:
    """Shift along an axis; what leaves at one end comes in at the other."""
    axis = axis_of("roll", dims, len(x.array.shape))
    order = np.roll(np.arange(x.array.shape[axis]), operator.index(shifts))
    return index(x, (*(slice(None),) * axis, order))
