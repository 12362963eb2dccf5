"""Methods of tensors that count, rank or sum up numbers in less common ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd import reducing, shaping
from pycnn.autograd.arithmetic import compare, where
from pycnn.autograd.reducing import Extremes
from pycnn.autograd.value import Value, new, record

if TYPE_CHECKING:
    from pycnn.autograd.reducing import Dims
    from pycnn.autograd.tensor import Tensor


class Statistics(Value):
    """Ranks, running products, counts."""

    __slots__ = ()

    def kthvalue(self, k: int, dim: int = -1, keepdim: bool = False) -> Extremes:
        """Return the k-th smallest number along an axis, and where it is."""
        x: Any = self
        axis = shaping.axis_of("kthvalue", dim, len(self.array.shape))
        size = self.array.shape[axis] if self.array.shape else 1
        if not 1 <= k <= size:
            raise ValueError(
                f"[kthvalue] k {k} must be from 1 to {size}, the extent of axis {axis}"
            )
        if not self.array.shape:
            return Extremes(x.clone(), new(self.backend.zeros((), np.int64)))
        at = (*(slice(None),) * axis, slice(k - 1, k))
        places = x.argsort(axis)[at]
        values = x.gather(axis, places)
        if keepdim:
            return Extremes(values, places)
        return Extremes(values.squeeze(axis), places.squeeze(axis))

    def median(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """Return the median, of two middle numbers the smaller; along an axis, also where."""
        x: Any = self
        if dim is None:
            flat = x.reshape(-1)
            return flat.median(0).values
        axis = shaping.axis_of("median", dim, len(self.array.shape))
        size = self.array.shape[axis] if self.array.shape else 1
        return self.kthvalue((size + 1) // 2, axis, keepdim)

    def cumprod(self, dim: int) -> Tensor:
        """Multiply what has come so far along an axis."""
        k = self.backend
        axis = shaping.axis_of("cumprod", dim, len(self.array.shape))
        x = k.to_numpy(self.array)
        y = np.cumprod(x, axis, dtype=x.dtype)

        def pull(needs: Any, g: Any) -> tuple[Any]:
            # dx_j = sum over i >= j of g_i times the product of all x up to i but x_j: exact at 0.
            lines = np.moveaxis(x, axis, 0)
            dy = np.moveaxis(k.to_numpy(g), axis, 0)
            dx = np.zeros_like(lines)
            before = np.ones_like(lines[:1])
            for j in range(len(lines)):
                rest = np.cumprod(np.concatenate([before, lines[j + 1 :]]), 0)
                dx[j] = (rest * dy[j:]).sum(0)
                before = before * lines[j]
            found = np.asarray(np.moveaxis(dx, 0, axis), order="C").view(np.ndarray)
            return (k.from_numpy(found),)

        return record("cumprod", (self,), k.from_numpy(np.asarray(y, order="C")), pull)

    def nansum(self, dim: Dims = None, keepdim: bool = False) -> Tensor:
        """Add up along axes; NaN counts as 0."""
        return reducing.sum_(where(compare("not_equal", self, self), 0.0, self), dim, keepdim)

    def count_nonzero(self, dim: Dims = None) -> Tensor:
        """Return how many numbers along axes are not 0; int64."""
        return reducing.sum_(compare("not_equal", self, 0), dim)

    def aminmax(self, *, dim: Any = None, keepdim: bool = False) -> tuple[Tensor, Tensor]:
        """Return the smallest and the largest number along an axis."""
        return reducing.amax("min", self, dim, keepdim), reducing.amax("max", self, dim, keepdim)

    def std_mean(
        self, dim: Dims = None, unbiased: bool = True, keepdim: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Return the standard deviation and the mean along axes."""
        x: Any = self
        return x.std(dim, unbiased, keepdim), x.mean(dim, keepdim)

    def var_mean(
        self, dim: Dims = None, unbiased: bool = True, keepdim: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Return the variance and the mean along axes."""
        x: Any = self
        return x.var(dim, unbiased, keepdim), x.mean(dim, keepdim)

    def bincount(self, weights: Any = None, minlength: int = 0) -> Tensor:
        """Return how often each whole number from 0 occurs, or the sum of its weights."""
        k = self.backend
        numbers = k.to_numpy(self.array)
        if numbers.dtype.kind not in "iu" or numbers.ndim != 1 or numbers.min(initial=0) < 0:
            raise ValueError(
                f"[bincount] needs a vector of whole numbers from 0, got {numbers.dtype} of shape "
                f"{numbers.shape}"
            )
        by = None if weights is None else np.asarray(weights)
        found = np.bincount(numbers, by, minlength)
        kind = np.int64 if by is None else np.float32
        return new(k.from_numpy(found.astype(kind)))

    def unique(
        self, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False
    ) -> Any:
        """Return the different numbers in order; also where each is among them, and how often."""
        k = self.backend
        found = np.unique(k.to_numpy(self.array), return_inverse=True, return_counts=True)
        wanted = (True, return_inverse, return_counts)
        shapes = (found[0].shape, tuple(self.array.shape), found[2].shape)
        parts = tuple(
            new(k.from_numpy(np.ascontiguousarray(part).view(np.ndarray).reshape(shape)))
            for part, want, shape in zip(found, wanted, shapes, strict=True)
            if want
        )
        return parts if len(parts) > 1 else parts[0]
