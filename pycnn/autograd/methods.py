"""The methods of tensors that compute, under PyTorch's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd import activation, arithmetic, elementary, fused, products, reducing, shaping
from pycnn.autograd.copies import Copies
from pycnn.autograd.keywords import numpy_names_of_methods
from pycnn.autograd.value import Value, new
from pycnn.backends.recording import constant_here

if TYPE_CHECKING:
    from pycnn.autograd.reducing import Dims
    from pycnn.autograd.tensor import Tensor


@numpy_names_of_methods
class Methods(Copies):
    """What tensors can be asked to compute; see the functions of the same names."""

    __slots__ = ()

    # Arithmetic ----------------------------------------------------------------------------

    def add(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """Return ``self + alpha * other``."""
        y: Tensor = self + (other if alpha == 1 else other * alpha)
        return y

    def sub(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """Return ``self - alpha * other``."""
        y: Tensor = self - (other if alpha == 1 else other * alpha)
        return y

    def mul(self, other: Any) -> Tensor:
        """Return ``self * other``."""
        y: Tensor = self * other
        return y

    def div(self, other: Any) -> Tensor:
        """Return ``self / other``."""
        y: Tensor = self / other
        return y

    def pow(self, exponent: Any) -> Tensor:
        """Return ``self ** exponent``."""
        y: Tensor = self**exponent
        return y

    def matmul(self, other: Value) -> Tensor:
        """Multiply matrices."""
        return products.matmul(self, other)

    mm = bmm = matmul
    subtract, multiply, divide, true_divide = sub, mul, div, div

    def exp(self) -> Tensor:
        """Return e to the power of each number."""
        return elementary.unary("exp", self)

    def log(self) -> Tensor:
        """Return the natural logarithm."""
        return elementary.unary("log", self)

    def sqrt(self) -> Tensor:
        """Return the square root."""
        return elementary.unary("sqrt", self)

    def rsqrt(self) -> Tensor:
        """Return 1 over the square root."""
        return elementary.unary("reciprocal", self.sqrt())

    def abs(self) -> Tensor:
        """Return the absolute value."""
        return elementary.unary("abs", self)

    def square(self) -> Tensor:
        """Return the square."""
        return elementary.unary("square", self)

    def reciprocal(self) -> Tensor:
        """Return 1 over each number."""
        return elementary.unary("reciprocal", self)

    def neg(self) -> Tensor:
        """Return the number with the other sign."""
        return elementary.unary("neg", self)

    absolute, negative = abs, neg

    def sign(self) -> Tensor:
        """Return -1, 0 or 1."""
        return elementary.unary("sign", self)

    def sin(self) -> Tensor:
        """Return the sine."""
        return elementary.unary("sin", self)

    def cos(self) -> Tensor:
        """Return the cosine."""
        return elementary.unary("cos", self)

    def floor(self) -> Tensor:
        """Round down."""
        return elementary.unary("floor", self)

    def ceil(self) -> Tensor:
        """Round up."""
        return elementary.unary("ceil", self)

    def round(self) -> Tensor:
        """Round to the nearest whole number, halves to even ones."""
        return elementary.unary("round", self)

    def clamp(self, min: Any = None, max: Any = None) -> Tensor:
        """Limit to min..max."""
        return arithmetic.clamp(self, min, max)

    clip = clamp

    def maximum(self, other: Any) -> Tensor:
        """Return the larger of two numbers."""
        return arithmetic.binary("maximum", self, other)

    def minimum(self, other: Any) -> Tensor:
        """Return the smaller of two numbers."""
        return arithmetic.binary("minimum", self, other)

    def masked_fill(self, mask: Value, value: Any) -> Tensor:
        """Put a value where the mask holds."""
        kind = self.array.dtype
        if isinstance(value, (int, float, np.generic)):
            value = new(self.backend.from_numpy(constant_here(np.array(value, kind))))
        elif not isinstance(value, Value):
            raise TypeError(f"[masked_fill] value must be a number, got {type(value).__name__}")
        if not isinstance(mask, Value):
            raise TypeError(f"[masked_fill] mask must be a tensor, got {type(mask).__name__}")
        return arithmetic.where(mask, shaping.astype(value, kind), self)

    def eq(self, other: Any) -> Tensor:
        """Return whether numbers are equal."""
        equal: Tensor = self == other
        return equal

    def ne(self, other: Any) -> Tensor:
        """Return whether numbers differ."""
        different: Tensor = self != other
        return different

    def gt(self, other: Any) -> Tensor:
        """Return whether numbers are greater."""
        y: Tensor = self > other
        return y

    def ge(self, other: Any) -> Tensor:
        """Return whether numbers are greater or equal."""
        y: Tensor = self >= other
        return y

    def lt(self, other: Any) -> Tensor:
        """Return whether numbers are less."""
        y: Tensor = self < other
        return y

    def le(self, other: Any) -> Tensor:
        """Return whether numbers are less or equal."""
        y: Tensor = self <= other
        return y

    greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne

    def equal(self, other: Value) -> bool:
        """Return whether shapes and all numbers are equal."""
        return bool(np.array_equal(_numpy(self), _numpy(other)))

    def allclose(
        self, other: Value, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
    ) -> bool:
        """Return whether all numbers differ by ``atol + rtol |other|`` at most."""
        return bool(np.allclose(_numpy(self), _numpy(other), rtol, atol, equal_nan))

    def relu(self) -> Tensor:
        """Set negative numbers to 0."""
        return fused.relu(self)

    def sigmoid(self) -> Tensor:
        """Return ``1 / (1 + exp(-x))``."""
        return activation.sigmoid(self)

    def tanh(self) -> Tensor:
        """Return the hyperbolic tangent."""
        return activation.tanh(self)

    def softmax(self, dim: Any) -> Tensor:
        """Turn scores along an axis into probabilities."""
        return activation.softmax(self, dim)

    def log_softmax(self, dim: Any) -> Tensor:
        """Return the logarithm of `softmax`."""
        return activation.softmax(self, dim, log=True)

    # Reductions ----------------------------------------------------------------------------

    def sum(self, dim: Dims = None, keepdim: Any = False) -> Tensor:
        """Add up along axes."""
        return reducing.sum_(self, dim, keepdim)

    def mean(self, dim: Dims = None, keepdim: Any = False) -> Tensor:
        """Return the mean along axes."""
        return reducing.mean(self, dim, keepdim)

    def var(
        self,
        dim: Dims = None,
        unbiased: Any = True,
        keepdim: Any = False,
        *,
        correction: Any = None,
    ) -> Tensor:
        """Return the variance along axes; `correction` is taken off the count, instead of 1."""
        if isinstance(dim, (bool, np.bool_)):
            dim, unbiased = None, dim
        off = correction if correction is not None else int(bool(unbiased))
        return reducing.var(self, dim, off, keepdim)

    def std(
        self,
        dim: Dims = None,
        unbiased: Any = True,
        keepdim: Any = False,
        *,
        correction: Any = None,
    ) -> Tensor:
        """Return the standard deviation along axes: see `var`."""
        if isinstance(dim, (bool, np.bool_)):
            dim, unbiased = None, dim
        off = correction if correction is not None else int(bool(unbiased))
        return reducing.std(self, dim, off, keepdim)

    def prod(self, dim: Any = None, keepdim: Any = False) -> Tensor:
        """Multiply along an axis."""
        return reducing.prod(self, dim, keepdim)

    def norm(self, p: Any = 2, dim: Dims = None, keepdim: Any = False) -> Tensor:
        """Return the p-norm along axes."""
        return reducing.norm(self, p, dim, keepdim)

    def amax(self, dim: Dims = None, keepdim: Any = False) -> Tensor:
        """Return the largest number along axes."""
        return reducing.amax("max", self, dim, keepdim)

    def amin(self, dim: Dims = None, keepdim: Any = False) -> Tensor:
        """Return the smallest number along axes."""
        return reducing.amax("min", self, dim, keepdim)

    def max(self, dim: Any = None, keepdim: Any = False) -> Any:
        """Return the largest number; along an axis, also where it is."""
        return _extreme("max", self, dim, keepdim)

    def min(self, dim: Any = None, keepdim: Any = False) -> Any:
        """Return the smallest number; along an axis, also where it is."""
        return _extreme("min", self, dim, keepdim)

    def argmax(self, dim: Any = None, keepdim: Any = False) -> Tensor:
        """Return where the largest number is."""
        return reducing.argextreme("max", self, dim, keepdim)

    def argmin(self, dim: Any = None, keepdim: Any = False) -> Tensor:
        """Return where the smallest number is."""
        return reducing.argextreme("min", self, dim, keepdim)

    def cumsum(self, dim: Any) -> Tensor:
        """Add up what has come so far along an axis."""
        return reducing.cumsum(self, dim)

    def any(self, dim: Any = None, keepdim: Any = False) -> Tensor:
        """Return whether a number is not 0."""
        mask = shaping.astype(self, np.bool_)
        count = reducing.sum_(shaping.astype(mask, np.int64), dim, keepdim)
        return count > 0

    def all(self, dim: Any = None, keepdim: Any = False) -> Tensor:
        """Return whether no number is 0."""
        return ~Methods.any(~shaping.astype(self, np.bool_), dim, keepdim)


def _extreme(name: str, x: Value, dim: Any, keepdim: Any) -> Any:
    if dim is None:
        return reducing.amax(name, x)
    if isinstance(dim, Value):
        return arithmetic.binary(f"{name}imum", x, dim)
    return reducing.extreme(name, x, dim, keepdim)


def _numpy(x: Value) -> Any:
    return x.backend.to_numpy(x.array)
