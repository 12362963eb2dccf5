"""Parts of tensors: what stands at a key, and tensors with other values there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn._arguments import written
from pycnn.autograd.arithmetic import unbroadcast
from pycnn.autograd.graph import Needs
from pycnn.autograd.value import Value, new, part_of, record
from pycnn.backends.recording import constant_here, is_constant_here

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


def index(x: Value, key: Any) -> Tensor:
    """Return ``x[key]``: ints, slices, None, ..., lists, tensors or arrays of int or bool.

    Arrays of uint8 are masks, as in PyTorch.
    """
    k, shape = x.backend, x.array.shape
    plain = tuple(map(_plain, key)) if isinstance(key, tuple) else _plain(key)
    if (steps := _steps(plain)) is not None:
        return index(index(x, steps[0]), steps[1])
    try:
        y = k.index(x.array, plain)
    except (IndexError, ValueError) as error:
        raise type(error)(f"[index] {error} (tensor: {tuple(shape)})") from None
    found = record("index", (x,), y, lambda needs, g: (k.put(shape, plain, g),))
    if any(
        isinstance(one, np.ndarray) for one in (plain if isinstance(plain, tuple) else (plain,))
    ):
        return found  # a copy in PyTorch, too
    return part_at(x, found, plain)


def part_at(x: Value, y: Tensor, key: Any) -> Tensor:
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


def _plain(item: Any) -> Any:
    """Return one item of a key as the back-ends take it."""
    if isinstance(item, Value):
        item = item.backend.to_numpy(item.array)
    if isinstance(item, (list, np.ndarray)):
        array = np.array(item)  # a copy, which nobody changes before backward
        if is_constant_here(item) if isinstance(item, np.ndarray) else _is_whole(item):
            constant_here(array)
        if array.dtype == np.uint8:
            return array.astype(np.bool_)
        if array.dtype.kind not in "biu" and array.size:
            raise IndexError(f"[index] positions must be whole numbers or bools, got {array.dtype}")
        if not array.ndim and array.dtype.kind in "iu":
            return int(array)
        array = array.view(np.ndarray)
        return array if array.dtype == bool else array.astype(np.int64, copy=False)
    return item


def _is_whole(item: list[Any]) -> bool:
    """Whether a list holds Python's own numbers, which no op computes."""
    return all(type(one) in (int, bool) for one in item)


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
    if numbers.dtype.kind not in "biuf":
        raise TypeError(f"[setitem] needs a tensor, an array or a number, got {written(value)}")
    changed = array.copy()
    try:
        changed[plain] = numbers
    except (IndexError, ValueError) as error:
        raise type(error)(f"[setitem] {error} (tensor: {tuple(shape)})") from None
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

    return record("setitem", inputs, y, pull) if y.dtype.kind == "f" else new(y)
