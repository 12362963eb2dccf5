"""Trainable arrays."""

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
        if not data.flags.c_contiguous:
            raise ValueError(f"[Parameter] data must be C-contiguous (data: {data.shape})")
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
