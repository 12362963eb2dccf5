"""The arrays of a model: parameters, which are trained, and buffers, which are only kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


class Parameter:
    """A trainable array and its gradient.

    Parameters
    ----------
    data : float array, C-contiguous
        The values. The optimizers update this array in place.

    Attributes
    ----------
    data : array
        The values.
    grad : array or None
        Gradient of the loss, of the shape of `data`; None until a backward pass.

    Raises
    ------
    TypeError
        If `data` is not a float array.
    ValueError
        If `data` is not C-contiguous.
    """

    __slots__ = ("data", "grad")

    def __init__(self, data: Array) -> None:
        if not isinstance(data, np.ndarray) or data.dtype.kind != "f":
            found = getattr(data, "dtype", type(data).__name__)
            raise TypeError(f"[Parameter] data must be a float array, got {found}")
        _check_contiguous("Parameter", data)
        self.data = data
        self.grad: Array | None = None

    @property
    def shape(self) -> Shape:
        """Shape of the values."""
        return self.data.shape

    @property
    def size(self) -> int:
        """Number of values."""
        return self.data.size

    def accumulate(self, grad: Array) -> None:
        """Add to the gradient; the first array after `Module.zero_grad` is kept, not copied."""
        if self.grad is None:
            self.grad = grad
        else:
            self.grad += grad

    def __repr__(self) -> str:
        return f"Parameter(shape={self.shape}, dtype={self.data.dtype})"


class Buffer:
    """An array that belongs to a model but is not trained, such as a running mean.

    It is saved, loaded and copied with the parameters, under its own name, and no optimizer
    sees it.

    Parameters
    ----------
    data : array of numbers or bool, C-contiguous
        The values. A layer updates this array in place.

    Attributes
    ----------
    data : array
        The values.

    Raises
    ------
    TypeError
        If `data` is not an array, or not of a dtype that a checkpoint can hold: bool, integers and
        floats of 16 to 64 bits, in the byte order of the machine.
    ValueError
        If `data` is not C-contiguous.
    """

    __slots__ = ("data",)

    def __init__(self, data: Array) -> None:
        if not isinstance(data, np.ndarray) or not _is_storable(data.dtype):
            found = getattr(data, "dtype", type(data).__name__)
            raise TypeError(f"[Buffer] data must be an array of numbers or bool, got {found}")
        _check_contiguous("Buffer", data)
        self.data = data

    @property
    def shape(self) -> Shape:
        """Shape of the values."""
        return self.data.shape

    @property
    def size(self) -> int:
        """Number of values."""
        return self.data.size

    def __repr__(self) -> str:
        return f"Buffer(shape={self.shape}, dtype={self.data.dtype})"


def _is_storable(dtype: np.dtype[Any]) -> bool:
    """Whether safetensors has this kind of number."""
    return dtype.kind in "biuf" and dtype.itemsize <= 8 and dtype.isnative


def _check_contiguous(owner: str, data: Array) -> None:
    if not data.flags.c_contiguous:
        raise ValueError(f"[{owner}] data must be C-contiguous (data: {data.shape})")
