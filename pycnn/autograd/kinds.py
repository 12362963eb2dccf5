"""PyTorch's older names for tensors: `FloatTensor`, `LongTensor`, `Variable`."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn.autograd.creation import as_tensor, tensor, zeros
from pycnn.autograd.shaping import sizes_of
from pycnn.autograd.tensor import Tensor
from pycnn.autograd.value import Value

__all__ = ["BoolTensor", "ByteTensor", "FloatTensor", "IntTensor", "LongTensor"]


class _Kind(type):
    """A class of which the tensors of one dtype are instances, wherever they come from."""

    dtype: Any

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, Tensor) and value.dtype == cls.dtype

    def __call__(cls, *data: Any) -> Any:
        """Make a tensor of numbers, or zeros of the sizes given."""
        if len(data) != 1 or np.ndim(data[0]) == 0 or _is_size(data[0]):
            return zeros(*map(_size, data), dtype=cls.dtype)
        return tensor(data[0], dtype=cls.dtype)


def _is_size(data: Any) -> bool:
    return isinstance(data, tuple) and all(type(n) is int for n in data)


def _size(data: Any) -> Any:
    return sizes_of(data) if isinstance(data, tuple) else data


class FloatTensor(metaclass=_Kind):
    """Float32 tensors: ``FloatTensor([0.5])`` holds a number, ``FloatTensor(2, 3)`` zeros."""

    dtype = np.float32


class LongTensor(metaclass=_Kind):
    """Int64 tensors, made as `FloatTensor` makes them."""

    dtype = np.int64


class IntTensor(metaclass=_Kind):
    """Int32 tensors, made as `FloatTensor` makes them."""

    dtype = np.int32


class ByteTensor(metaclass=_Kind):
    """Uint8 tensors, made as `FloatTensor` makes them."""

    dtype = np.uint8


class BoolTensor(metaclass=_Kind):
    """Bool tensors, made as `FloatTensor` makes them."""

    dtype = np.bool_


class _AnyTensor(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, Tensor)

    def __call__(cls, data: Any, requires_grad: bool = False, volatile: bool = False) -> Any:
        """Return a tensor of the same values."""
        x = data if isinstance(data, Value) else as_tensor(data)
        if requires_grad and not x.requires_grad:
            x = Tensor(x.array, requires_grad=True)
        return x


class Variable(metaclass=_AnyTensor):
    """What PyTorch once wrapped tensors in: ``Variable(x)`` is x, or with gradients if asked."""
