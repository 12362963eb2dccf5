"""Gradients of large weights that are not computed before somebody looks at them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import ops
from pycnn.autograd.value import Value
from pycnn.backends.joined_steps import are_joined, linear_weight_factors

Array = npt.NDArray[Any]

# Numbers of a weight, 4 MiB, from which its gradient is put off: a gradient as large leaves the
# caches, so that it is written to memory and read again by the update.
LEAST_NUMBERS = 1 << 20
# Samples at most: the compiled updates take no more.
MOST_SAMPLES = 128


class FactoredGradient:
    """The gradient ``dy^T x`` of a linear layer's weight, as these two arrays.

    SGD, Adam and AdamW compute it in pieces while they update the weight, with the same bits: so
    it is never written to memory. `Parameter.gradient` computes it for everybody else.

    Parameters
    ----------
    dy, x : (N, out) and (N, in) float32 arrays
        Arrays that nobody else has.
    """

    __slots__ = ("factors",)

    def __init__(self, dy: Array, x: Array) -> None:
        self.factors = dy, x

    @property
    def shape(self) -> tuple[int, int]:
        """Extents of the gradient."""
        dy, x = self.factors
        return dy.shape[1], x.shape[1]

    def to_dense(self) -> Array:
        """Return the gradient as a new array."""
        return ops.linear_backward_weight(*self.factors)[0]


def is_put_off(size: int, dy: Array, x: Array) -> bool:
    """Whether the gradient of a weight with so many numbers is kept as its factors."""
    return (
        size >= LEAST_NUMBERS
        and type(dy) is np.ndarray
        and type(x) is np.ndarray
        and x.ndim == 2
        and 0 < len(x) <= MOST_SAMPLES
        and dy.shape == (len(x), size // x.shape[1])
        and are_joined()
    )


def put_off(dy: Array, x: Array) -> tuple[FactoredGradient, Array]:
    """Return the gradient of the weight as copies of its factors, and that of the bias."""
    dy, x, db = linear_weight_factors(dy, x)
    return FactoredGradient(dy, x), db


# What a parameter or a tensor holds: an array, SparseRows, a FactoredGradient or None.
_SLOT: Any = vars(Value)["gradient"]
kept_gradient, keep_gradient = _SLOT.__get__, _SLOT.__set__


def dense_gradient(parameter: Any) -> Any:
    """Return the gradient of a parameter; one that was put off is computed now, and kept."""
    found = kept_gradient(parameter)
    if type(found) is FactoredGradient:
        found = found.to_dense()
        keep_gradient(parameter, found)
    return found
