"""Methods of tensors that ask about numbers, pick some of them, or put some in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd import arithmetic, elementary, indexing, products, reducing, shaping
from pycnn.autograd.copies import Copies
from pycnn.autograd.value import Value, new

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


class Measures(Copies):
    """Questions with the answer yes or no, products of vectors, and numbers at chosen places."""

    __slots__ = ()

    # Questions of programs -----------------------------------------------------------------

    @property
    def grad_fn(self) -> Any:
        """The call on the tape that made this, or None: of a leaf, and of what is not recorded."""
        assert self.array is not None  # a computation that was put off is recorded when it runs
        return self._node

    def __format__(self, form: str) -> str:
        """Format a single number as Python's: ``f"{loss:.3f}"``."""
        if not self.array.shape or (form and self.array.size == 1):
            return format(self.item(), form)
        return super().__format__(form)

    # Yes or no -----------------------------------------------------------------------------

    def isnan(self) -> Tensor:
        """Return where a number is NaN."""
        return self._asked(np.isnan)

    def isinf(self) -> Tensor:
        """Return where a number is infinite."""
        return self._asked(np.isinf)

    def isfinite(self) -> Tensor:
        """Return where a number is neither NaN nor infinite."""
        return self._asked(np.isfinite)

    def isclose(
        self, other: Value, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
    ) -> Tensor:
        """Return where ``|self - other| <= atol + rtol |other|``."""
        theirs = _same_kind("isclose", self, other)
        return self._asked(lambda mine: np.isclose(mine, theirs, rtol, atol, equal_nan))

    def logical_not(self) -> Tensor:
        """Return where a number is 0."""
        return ~shaping.astype(self, np.bool_)

    def logical_and(self, other: Value) -> Tensor:
        """Return where neither number is 0."""
        both: Tensor = shaping.astype(self, np.bool_) & shaping.astype(other, np.bool_)
        return both

    def logical_or(self, other: Value) -> Tensor:
        """Return where a number is not 0."""
        one: Tensor = shaping.astype(self, np.bool_) | shaping.astype(other, np.bool_)
        return one

    def count_nonzero(self, dim: Any = None) -> Tensor:
        """Count what is not 0, along axes; int64."""
        mask = shaping.astype(self, np.bool_)
        return reducing.sum_(shaping.astype(mask, np.int64), dim)

    def _numbers(self) -> Any:
        """Return the numbers as a plain array of NumPy's, to read."""
        return self.backend.to_numpy(self.array).view(np.ndarray)

    def _asked(self, question: Any) -> Tensor:
        return new(self.backend.from_numpy(np.asarray(question(self._numbers()))))

    # Products and logarithms ---------------------------------------------------------------

    def dot(self, other: Value) -> Tensor:
        """Return the sum of the products of two vectors."""
        for x in (self, other):
            _needs_axes("dot", x, 1)
        return products.matmul(self, other)

    def mv(self, other: Value) -> Tensor:
        """Multiply a matrix by a vector."""
        _needs_axes("mv", self, 2)
        _needs_axes("mv", other, 1)
        return products.matmul(self, other)

    def outer(self, other: Value) -> Tensor:
        """Return the matrix of the products of two vectors' numbers."""
        for x in (self, other):
            _needs_axes("outer", x, 1)
        y: Tensor = shaping.reshape(self, -1, 1) * other
        return y

    def log2(self) -> Tensor:
        """Return the logarithm to base 2."""
        y: Tensor = elementary.unary("log", self) / math.log(2)
        return y

    def log10(self) -> Tensor:
        """Return the logarithm to base 10."""
        y: Tensor = elementary.unary("log", self) / math.log(10)
        return y

    def clamp_min(self, min: Any) -> Tensor:
        """Limit to numbers from `min` on."""
        return arithmetic.clamp(self, min, None)

    def clamp_max(self, max: Any) -> Tensor:
        """Limit to numbers up to `max`."""
        return arithmetic.clamp(self, None, max)

    # Places --------------------------------------------------------------------------------

    def diag(self) -> Tensor:
        """Return the diagonal of a matrix, or the matrix that has this vector as its diagonal."""
        shape = self.array.shape
        if len(shape) == 1:
            y: Tensor = shaping.reshape(self, -1, 1) * np.eye(shape[0], dtype=self.array.dtype)
            return y
        _needs_axes("diag", self, 2)
        places = np.arange(min(shape))
        return indexing.index(self, (places, places))

    def masked_select(self, mask: Value) -> Tensor:
        """Return the numbers where the mask holds, in a row."""
        return indexing.index(self, mask)

    def scatter(self, dim: int, index: Value, src: Any) -> Tensor:
        """Put numbers at the places along an axis that `index` says, one for each of its entries.

        ``y[i, index[i, j]] = src[i, j]`` for two axes and dim 1; `src` is a tensor or one number.
        """
        places: list[Any] = list(np.indices(index.array.shape))
        axis = shaping.axis_of("scatter", dim, len(self.array.shape))
        if len(places) != len(self.array.shape):
            raise ValueError(
                f"[scatter] index must have {len(self.array.shape)} axes, as the tensor has "
                f"(index: {tuple(index.array.shape)}, tensor: {tuple(self.array.shape)})"
            )
        places[axis] = index.backend.to_numpy(index.array)
        if isinstance(src, Value):
            src = indexing.index(src, tuple(slice(0, size) for size in index.array.shape))
        return indexing.replaced(self, tuple(places), src)

    def unique(
        self, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False
    ) -> Any:
        """Return each number once, ascending; and, if asked, where they are and how often."""
        found, inverse, counts = np.unique(self._numbers(), False, True, True)
        wanted = [found, *([inverse] * return_inverse), *([counts] * return_counts)]
        tensors = [new(self.backend.from_numpy(np.ascontiguousarray(one))) for one in wanted]
        return tensors[0] if len(tensors) == 1 else tuple(tensors)

    def bincount(self, minlength: int = 0) -> Tensor:
        """Count how often each number from 0 on occurs; int64."""
        _needs_axes("bincount", self, 1)
        counts = np.bincount(self._numbers(), minlength=minlength)
        return new(self.backend.from_numpy(counts.astype(np.int64, copy=False)))


def _needs_axes(name: str, x: Value, count: int) -> None:
    if len(x.array.shape) != count:
        kind = {1: "a vector", 2: "a matrix"}[count]
        raise ValueError(f"[{name}] needs {kind}, got shape {tuple(x.array.shape)}")


def _same_kind(name: str, x: Value, other: Any) -> Any:
    if not isinstance(other, Value):
        raise TypeError(f"[{name}] needs a tensor, got {type(other).__name__}: pycnn.tensor(...)")
    return other.backend.to_numpy(other.array)
