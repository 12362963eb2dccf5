"""Methods of tensors that repeat, turn or part them in less common ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd import indexing, shaping
from pycnn.autograd.value import Value

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


class Arranging(Value):
    """Other names and other orders of what a tensor holds."""

    __slots__ = ()

    def tile(self, *dims: Any) -> Tensor:
        """Repeat the whole along each axis; of fewer counts than axes, the last ones."""
        counts = shaping.sizes_of(dims)
        missing = len(self.array.shape) - len(counts)
        return shaping.repeat(self, (1,) * missing + counts)

    def fliplr(self) -> Tensor:
        """Reverse the columns."""
        return shaping.flip(self, 1)

    def flipud(self) -> Tensor:
        """Reverse the rows."""
        return shaping.flip(self, 0)

    def rot90(self, k: int = 1, dims: Any = (0, 1)) -> Tensor:
        """Turn by k times 90 degrees, from the first of two axes to the second."""
        first, second = (shaping.axis_of("rot90", dim, len(self.array.shape)) for dim in dims)
        y: Any = self
        for _ in range(k % 4):
            y = shaping.flip(shaping.transpose(y, first, second), first)
        return y  # type: ignore[no-any-return]

    def ravel(self) -> Tensor:
        """Return all numbers in a row."""
        return shaping.reshape(self, -1)

    def broadcast_to(self, *sizes: Any) -> Tensor:
        """Do `expand`."""
        return shaping.expand(self, *sizes)

    def unfold(self, dimension: int, size: int, step: int) -> Tensor:
        """Return windows of an axis, with their places as a new last axis."""
        ndim = len(self.array.shape)
        axis = shaping.axis_of("unfold", dimension, ndim)
        extent = self.array.shape[axis]
        if not 0 < size <= extent or step < 1:
            raise ValueError(
                f"[unfold] windows of {size} every {step} do not fit an axis of {extent}"
            )
        starts = np.arange(0, extent - size + 1, step)
        places = starts[:, np.newaxis] + np.arange(size)
        y = indexing.index(self, (*(slice(None),) * axis, places))
        order = [i for i in range(ndim + 1) if i != axis + 1] + [axis + 1]
        return shaping.permute(y, order)
