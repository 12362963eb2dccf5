"""Undoing max pooling."""

from __future__ import annotations

from typing import Any

from pycnn._arguments import pair
from pycnn.autograd import Tensor
from pycnn.autograd.unpool import unpool2d
from pycnn.layers.module import Module


class MaxUnpool2d(Module):
    """Numbers put back where the maxima of `MaxPool2d` were; 0 elsewhere.

    It takes tensors (N, C, P, Q), or (C, P, Q), and the indices that ``MaxPool2d(...,
    return_indices=True)`` returned with them; `output_size` says how large the planes were.

    Parameters
    ----------
    kernel_size, stride, padding : int or (int, int)
        Those of the pooling.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        owner = type(self).__name__
        self.kernel_size = pair(owner, "kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else pair(owner, "stride", stride, 1)
        self.padding = pair(owner, "padding", padding, 0)

    def forward(self, x: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """Put the numbers back."""
        return unpool2d(x, indices, self.kernel_size, self.stride, self.padding, output_size)

    def _arguments(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
