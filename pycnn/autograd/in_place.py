"""Methods that change a tensor in place, under PyTorch's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd import arithmetic
from pycnn.autograd.methods import Methods
from pycnn.autograd.shape_methods import moved
from pycnn.autograd.shaping import astype, expand
from pycnn.autograd.value import Value, new, record
from pycnn.init import generator as generator_of

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


class InPlace(Methods):
    """What tensors can be told to become."""

    __slots__ = ()

    def _become(self, y: Value) -> Tensor:
        """Take the values and the history of a result."""
        raise NotImplementedError

    def add_(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """Add."""
        return self._become(self.add(other, alpha=alpha))

    def sub_(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """Subtract."""
        return self._become(self.sub(other, alpha=alpha))

    def mul_(self, other: Any) -> Tensor:
        """Multiply."""
        return self._become(self.mul(other))

    def div_(self, other: Any) -> Tensor:
        """Divide."""
        return self._become(self.div(other))

    def clamp_(self, min: Any = None, max: Any = None) -> Tensor:
        """Limit to min..max."""
        return self._become(self.clamp(min, max))

    clip_ = clamp_

    def pow_(self, exponent: Any) -> Tensor:
        """Take to a power."""
        return self._become(self.pow(exponent))

    def exp_(self) -> Tensor:
        """Become e to the power of this."""
        return self._become(self.exp())

    def log_(self) -> Tensor:
        """Become the logarithm."""
        return self._become(self.log())

    def sqrt_(self) -> Tensor:
        """Become the square root."""
        return self._become(self.sqrt())

    def abs_(self) -> Tensor:
        """Become the absolute value."""
        return self._become(self.abs())

    def neg_(self) -> Tensor:
        """Change the sign."""
        return self._become(self.neg())

    def tanh_(self) -> Tensor:
        """Become the hyperbolic tangent."""
        return self._become(self.tanh())

    def relu_(self) -> Tensor:
        """Set negative numbers to 0."""
        return self._become(self.relu())

    def sigmoid_(self) -> Tensor:
        """Become the sigmoid."""
        return self._become(self.sigmoid())

    def masked_fill_(self, mask: Value, value: Any) -> Tensor:
        """Put a value where the mask holds."""
        return self._become(self.masked_fill(mask, value))

    def copy_(self, values: Any) -> Tensor:
        """Take the values of an array or tensor that broadcasts to this shape."""
        if isinstance(values, Value):
            source: Any = astype(moved(values, self.backend.name), self.array.dtype)
            y = expand(source, self.array.shape)
            return self._become(arithmetic.where(new(self.backend.zeros((), np.bool_)), self, y))
        return self._set(np.broadcast_to(np.asarray(values), self.array.shape))

    def fill_(self, value: Any) -> Tensor:
        """Set every number to a value."""
        return self._set(np.full(self.array.shape, float(value)))

    def zero_(self) -> Tensor:
        """Set every number to 0."""
        return self.fill_(0)

    def normal_(self, mean: Any = 0, std: Any = 1, *, generator: Any = None) -> Tensor:
        """Draw every number from a normal distribution."""
        rng = generator_of(generator, "normal_")
        return self._set(rng.normal(mean, std, self.array.shape))

    def uniform_(self, low: Any = 0, high: Any = 1, *, generator: Any = None) -> Tensor:
        """Draw every number from a uniform distribution."""
        rng = generator_of(generator, "uniform_")
        return self._set(rng.uniform(low, high, self.array.shape))

    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> Tensor:
        """Draw 1 with probability p, else 0."""
        rng = generator_of(generator, "bernoulli_")
        return self._set(rng.random(self.array.shape) < p)

    def _set(self, numbers: Any) -> Tensor:
        """Take numbers of this shape that nothing was recorded for."""
        dtype = self.array.dtype
        array = np.array(numbers, dtype if self.backend.name == "cpu" else "f4", order="C")
        made = self.backend.from_numpy(array)
        return self._become(record("fill", (self,), made, lambda needs, g: (None,)))
