"""Parts of tensors: what stands at a key, and tensors with other values there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn._arguments import written
from pycnn.autograd.arithmetic import unbroadcast
from pycnn.autograd.graph import Needs
from pycnn.autograd.value import Value, part_of, record

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


def index(x: Value, key: Any) -> Tensor:
    """Return ``x[key]``: ints, slices, None, ..., lists, tensors or arrays of int or bool.

    Arrays of uint8 are masks, as in PyTorch.
    """
    k, shape = x.backend, x.array.shape
    plain = tuple(map(_plain, key)) if isinstance(key, tuple) else _plain(key)
    try:
        y = k.index(x.array, plain)
    except (IndexError, ValueError) as error:
        raise type(error)(f"[index] {error} (tensor: {tuple(shape)})") from None
    found = record("index", (x,), y, lambda needs, g: (k.put(shape, plain, g),))
    if any(
        isinstance(one, np.ndarray) for one in (plain if isinstance(plain, tuple) else (plain,))
    ):
        return found  # a copy in PyTorch, too
    return part_of(x, found, lambda whole, part: replaced(whole, plain, part))


def _plain(item: Any) -> Any:
    """Return one item of a key as the back-ends take it."""
    if isinstance(item, Value):
        item = item.backend.to_numpy(item.array)
    if isinstance(item, (list, np.ndarray)):
        array = np.asarray(item)
        if array.dtype == np.uint8:
            return array.astype(np.bool_)
        if array.dtype.kind not in "biu" and array.size:
            raise IndexError(f"[index] positions must be whole numbers or bools, got {array.dtype}")
        return array if array.dtype == bool else array.astype(np.int64, copy=False)
    return item


def replaced(x: Value, key: Any, value: Any) -> Tensor:
    """Return a copy of x in which ``[key]`` holds other values."""
    k, shape = x.backend, x.array.shape
    plain = tuple(map(_plain, key)) if isinstance(key, tuple) else _plain(key)
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

    def pull(needs: Needs, g: Any) -> list[Any]:
        grads = [k.where(gone, k.zeros_like(g), g) if needs[0] else None]
        if source is not None:
            mine = k.index(g, plain) if needs[1] else None
            grads.append(None if mine is None else unbroadcast(k, mine, numbers.shape))
        return grads

    return record("setitem", inputs, y, pull)
