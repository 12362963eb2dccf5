"""Methods of tensors that look for the largest numbers, or leave out parts of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd.keywords import numpy_names_of_methods
from pycnn.autograd.reducing import Extremes, amax, sum_
from pycnn.autograd.shape_methods import ShapeMethods
from pycnn.autograd.shaping import astype, axis_of
from pycnn.autograd.value import new

if TYPE_CHECKING:
    from pycnn.autograd.reducing import Dims
    from pycnn.autograd.tensor import Tensor


@numpy_names_of_methods
class Ordering(ShapeMethods):
    """Sorted numbers, triangles of matrices, and `logsumexp`."""

    __slots__ = ()

    def sort(self, dim: int = -1, descending: bool = False, stable: bool = True) -> Extremes:
        """Sort along an axis; return the numbers, and where each was. Equal ones keep order."""
        where = self.argsort(dim, descending)
        return Extremes(self.gather(dim, where) if self.array.shape else self.clone(), where)

    def argsort(self, dim: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
        """Return where the numbers of `sort` are; int64."""
        k = self.backend
        axis = axis_of("argsort", dim, len(self.array.shape))
        numbers = k.to_numpy(self.array)
        if not numbers.ndim:
            found = np.zeros((), np.int64)
        elif descending:  # from the end, so that equal ones keep their order
            last = numbers.shape[axis] - 1
            found = last - np.flip(np.argsort(np.flip(numbers, axis), axis, kind="stable"), axis)
        else:
            found = np.argsort(numbers, axis, kind="stable")
        return new(k.from_numpy(np.asarray(found, np.int64, order="C").view(np.ndarray)))

    def topk(self, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Extremes:
        """Return the k largest numbers along an axis, in order, and where they are."""
        axis = axis_of("topk", dim, len(self.array.shape))
        if not self.array.shape:
            raise ValueError("[topk] a single number has no axis to choose along")
        size = self.array.shape[axis]
        if not 0 <= k <= size:
            raise ValueError(f"[topk] k {k} must be from 0 to {size}, the extent of axis {axis}")
        where = self.argsort(dim, largest)[(slice(None),) * axis + (slice(0, k),)]
        return Extremes(self.gather(dim, where), where)

    def tril(self, diagonal: int = 0) -> Tensor:
        """Keep what is on and below a diagonal of the last two axes; 0 elsewhere."""
        return self._part(np.tril, diagonal)

    def triu(self, diagonal: int = 0) -> Tensor:
        """Keep what is on and above a diagonal of the last two axes; 0 elsewhere."""
        return self._part(np.triu, diagonal)

    def _part(self, triangle: Any, diagonal: int) -> Tensor:
        shape = self.array.shape
        if len(shape) < 2:
            raise ValueError(f"[{triangle.__name__}] needs a matrix, got shape {tuple(shape)}")
        out = ~triangle(np.ones(shape[-2:], np.bool_), diagonal)
        return self.masked_fill(new(self.backend.from_numpy(out)), 0)  # type: ignore[no-any-return]

    def logsumexp(self, dim: Dims, keepdim: bool = False) -> Tensor:
        """Return ``log sum exp(x)`` along axes, without overflow."""
        x = astype(self, np.float32) if self.array.dtype.kind != "f" else self
        top = amax("max", new(x.array), dim, True)
        # An infinity minus itself is NaN: exp shows it without.
        top = top.masked_fill(top.abs() == np.inf, 0)
        total = sum_((x - top).exp(), dim, True).log() + top
        return total if keepdim else sum_(total, dim)
