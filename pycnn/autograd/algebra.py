"""Methods of tensors that multiply vectors and matrices, or take parts of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd import indexing, products, reducing, shaping
from pycnn.autograd.value import Value, new

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


class Algebra(Value):
    """Products of vectors and matrices, sums with them, and diagonals."""

    __slots__ = ()

    def dot(self, other: Value) -> Tensor:
        """Return the sum of products of two vectors."""
        _check("dot", (self, 1), (other, 1))
        return products.matmul(self, other)

    def mv(self, vector: Value) -> Tensor:
        """Multiply a matrix by a vector."""
        _check("mv", (self, 2), (vector, 1))
        return products.matmul(self, vector)

    def outer(self, other: Value) -> Tensor:
        """Return ``y[i, j] = self[i] * other[j]`` of two vectors."""
        _check("outer", (self, 1), (other, 1))
        column: Any = shaping.unsqueeze(self, 1)
        return column * other  # type: ignore[no-any-return]

    ger = outer

    def addmm(self, first: Value, second: Value, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """Return ``beta * self + alpha * first @ second`` of matrices."""
        _check("addmm", (first, 2), (second, 2))
        return _sum(self, products.matmul(first, second), beta, alpha)

    def addmv(self, matrix: Value, vector: Value, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """Return ``beta * self + alpha * matrix @ vector``."""
        _check("addmv", (matrix, 2), (vector, 1))
        return _sum(self, products.matmul(matrix, vector), beta, alpha)

    def baddbmm(self, first: Value, second: Value, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """Return ``beta * self + alpha * first @ second`` of batches of matrices."""
        _check("baddbmm", (first, 3), (second, 3))
        return _sum(self, products.matmul(first, second), beta, alpha)

    def addbmm(self, first: Value, second: Value, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
        """Return ``beta * self + alpha * first @ second``, summed over the batch."""
        _check("addbmm", (first, 3), (second, 3))
        return _sum(self, reducing.sum_(products.matmul(first, second), 0), beta, alpha)

    def diagonal(self, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
        """Return a diagonal of two axes, as the last axis."""
        ndim = len(self.array.shape)
        a, b = (shaping.axis_of("diagonal", axis, ndim) for axis in (dim1, dim2))
        if a == b:
            raise ValueError(f"[diagonal] dim1 and dim2 must differ, are both {a}")
        order = [*(i for i in range(ndim) if i not in (a, b)), a, b]
        turned = shaping.permute(self, order)
        rows, columns = turned.shape[-2:]
        at = np.arange(max(0, min(rows + min(offset, 0), columns - max(offset, 0))))
        places = (..., at + max(-offset, 0), at + max(offset, 0))
        return indexing.index(turned, places)

    def diag(self, diagonal: int = 0) -> Tensor:
        """Return a diagonal of a matrix, or a matrix with a vector on a diagonal."""
        if len(self.array.shape) == 2:
            return self.diagonal(diagonal)
        _check("diag", (self, 1))
        size = self.array.shape[0] + abs(diagonal)
        at = np.arange(self.array.shape[0])
        zeros = new(self.backend.zeros((size, size), self.array.dtype))
        key = (at + max(-diagonal, 0), at + max(diagonal, 0))
        return indexing.replaced(zeros, key, self)

    def trace(self) -> Tensor:
        """Return the sum of the diagonal of a matrix."""
        _check("trace", (self, 2))
        return reducing.sum_(self.diagonal())


def _sum(x: Any, product: Any, beta: Any, alpha: Any) -> Tensor:
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:  # whatever x holds, NaN included
        return scaled  # type: ignore[no-any-return]
    return scaled + (x if beta == 1 else x * beta)  # type: ignore[no-any-return]


def _check(name: str, *operands: tuple[Value, int]) -> None:
    """Raise ValueError unless each operand has so many axes."""
    words = {1: "a vector", 2: "a matrix", 3: "a batch of matrices"}
    for x, ndim in operands:
        if len(x.array.shape) != ndim:
            raise ValueError(f"[{name}] needs {words[ndim]}, got shape {tuple(x.array.shape)}")
