"""Methods that change a tensor in place, under PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd import shaping
from pycnn.autograd.graph import is_recording
from pycnn.autograd.methods import Methods
from pycnn.autograd.shape_methods import moved
from pycnn.autograd.value import Value, new
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
        """Take the values of an array or tensor that broadcasts to this shape; gradients follow."""
        if isinstance(values, Value) and values.requires_grad and is_recording():
            there = moved(shaping.astype(values, self.array.dtype), self.backend.name)
            return self._become(shaping.expand(there, self.array.shape))
        array = values.backend.to_numpy(values.array) if isinstance(values, Value) else values
        try:
            wide = np.broadcast_to(array, self.array.shape)
        except ValueError:
            raise ValueError(
                f"[copy_] shape {np.shape(array)} does not broadcast to {tuple(self.array.shape)}"
            ) from None
        return self._set(wide)

    def fill_(self, value: Any) -> Tensor:
        """Set every number to a value."""
        return self._set(np.full(self.array.shape, value))

    def zero_(self) -> Tensor:
        """Set every number to 0."""
        return self.fill_(0)

    def normal_(self, mean: Any = 0, std: Any = 1, *, generator: Any = None) -> Tensor:
        """Draw every number from a normal distribution."""
        if std < 0:
            raise ValueError(f"[normal_] std must not be negative, got {std}")
        return self._drawn("normal_", generator_of(generator, "normal_").normal, mean, std)

    def uniform_(self, low: Any = 0, high: Any = 1, *, generator: Any = None) -> Tensor:
        """Draw every number from a uniform distribution."""
        return self._drawn("uniform_", generator_of(generator, "uniform_").uniform, low, high)

    def bernoulli_(self, p: Any = 0.5, *, generator: Any = None) -> Tensor:
        """Draw 1 with probability p, else 0."""
        if not 0 <= p <= 1:
            raise ValueError(f"[bernoulli_] p must be from 0 to 1, got {p}")
        rng = generator_of(generator, "bernoulli_")
        return self._set(rng.random(self.array.shape) < p)

    def _set(self, numbers: Any) -> Tensor:
        """Take numbers of this shape that nothing was recorded for."""
        dtype = self.array.dtype
        if numbers.dtype.kind not in "biuf":
            raise TypeError(f"[Tensor] values must be numbers, got {numbers.dtype}")
        array = np.array(numbers, dtype, order="C")
        return self._become(new(self.backend.from_numpy(array)))

    def _drawn(self, name: str, draw: Callable[..., Any], *parameters: Any) -> Tensor:
        if self.array.dtype.kind != "f":
            raise TypeError(f"[{name}] draws floats, this tensor is {self.array.dtype}")
        return self._set(draw(*parameters, self.array.shape))
