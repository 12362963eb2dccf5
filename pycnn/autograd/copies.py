"""Methods of tensors that make others: like this one, rearranged, or parts of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd import shaping
from pycnn.autograd.indexing import index
from pycnn.autograd.ordering import Ordering
from pycnn.autograd.value import Value, new
from pycnn.devices import move

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


class Copies(Ordering):
    """New tensors after the pattern of this one, and less common arrangements."""

    __slots__ = ()

    def new_tensor(self, data: Any) -> Tensor:
        """Return a tensor of these numbers, of this dtype and on this device."""
        numbers = data.numpy() if isinstance(data, Value) else data
        kind = np.float32 if self.array.dtype.kind == "f" else self.array.dtype
        return new(move(np.array(numbers, kind), self.backend.name))

    def new_full(self, size: Any, fill_value: Any) -> Tensor:
        """Return a tensor of one value, of this dtype and on this device."""
        return self.new_tensor(np.full(shaping.sizes_of((size,)), fill_value))

    def new_ones(self, *size: Any) -> Tensor:
        """Return ones, of this dtype and on this device."""
        return self.new_full(shaping.sizes_of(size), 1)

    def new_empty(self, *size: Any) -> Tensor:
        """Return zeros, as `pycnn.empty` does."""
        return self.new_full(shaping.sizes_of(size), 0)

    def ndimension(self) -> int:
        """Return the number of dimensions."""
        return len(self.array.shape)

    def is_contiguous(self) -> bool:
        """Return True: every tensor is contiguous."""
        return True

    def nonzero(self) -> Tensor:
        """Return the positions of what is not 0, a row for each; int64."""
        found = np.argwhere(self.backend.to_numpy(self.array))
        return new(self.backend.from_numpy(np.ascontiguousarray(found, np.int64)))

    def roll(self, shifts: Any, dims: Any = None) -> Tensor:
        """Shift along axes; what leaves at one end comes in at the other."""
        return shaping.roll(self, shifts, dims)

    def swapaxes(self, axis0: int, axis1: int) -> Tensor:
        """Do `transpose`."""
        return shaping.transpose(self, axis0, axis1)

    swapdims = swapaxes

    def movedim(self, source: int, destination: int) -> Tensor:
        """Move an axis to another place; the others keep their order."""
        ndim = len(self.array.shape)
        order = list(range(ndim))
        axis = order.pop(shaping.axis_of("movedim", source, ndim))
        order.insert(shaping.axis_of("movedim", destination, ndim), axis)
        return shaping.permute(self, order)

    moveaxis = movedim

    def unflatten(self, dim: int, sizes: Any) -> Tensor:
        """Part an axis into several; one size may be -1."""
        shape = tuple(self.array.shape)
        axis = shaping.axis_of("unflatten", dim, len(shape))
        return shaping.view(self, *shape[:axis], *sizes, *shape[axis + 1 :])

    def repeat_interleave(self, repeats: Any, dim: int | None = None) -> Tensor:
        """Repeat each slice along an axis, or each number of the flattened tensor.

        `repeats` is a number, or a tensor with one for each slice.
        """
        x = shaping.reshape(self, -1) if dim is None else self
        axis = shaping.axis_of("repeat_interleave", 0 if dim is None else dim, len(x.array.shape))
        counts = repeats.numpy() if isinstance(repeats, Value) else shaping.sizes_of((repeats,))[0]
        if np.min(counts, initial=0) < 0:
            raise ValueError(f"[repeat_interleave] repeats must be at least 0, got {counts}")
        places = np.repeat(np.arange(x.array.shape[axis]), counts)
        return index(x, (*(slice(None),) * axis, places))
