"""Methods that change a tensor in place, under PyTorch's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn import backends
from pycnn.autograd import arithmetic, shaping
from pycnn.autograd.graph import is_recording
from pycnn.autograd.methods import Methods
from pycnn.autograd.shape_methods import moved
from pycnn.autograd.tracked import TrackedArray, tracked
from pycnn.autograd.value import Value, has_changed, new, record, will_change
from pycnn.init import generator as generator_of

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


# Kinds of numbers: a change in place keeps the kind or rounds to a higher one, as in PyTorch.
_RANKS = {"b": 0, "u": 1, "i": 1, "f": 2}


class InPlace(Methods):
    """What tensors can be told to become."""

    __slots__ = ()

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

    def floor_(self) -> Tensor:
        """Round down."""
        return self._become(self.floor())

    def ceil_(self) -> Tensor:
        """Round up."""
        return self._become(self.ceil())

    def round_(self) -> Tensor:
        """Round to the nearest whole number, halves to even ones."""
        return self._become(self.round())

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
            wide = shaping.expand(there, self.array.shape)
            never = new(self.backend.zeros((), np.bool_))
            return self._become(arithmetic.where(never, self, wide))
        array = values.backend.to_numpy(values.array) if isinstance(values, Value) else values
        try:
            numbers = np.broadcast_to(array, self.array.shape)
        except ValueError:
            raise ValueError(
                f"[copy_] shape {np.shape(array)} does not broadcast to {tuple(self.array.shape)}"
            ) from None
        return self._set(numbers)

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
        made = self.backend.from_numpy(array)
        return self._become(record("fill", (self,), made, lambda needs, g: (None,)))

    def _drawn(self, name: str, draw: Callable[..., Any], *parameters: Any) -> Tensor:
        if self.array.dtype.kind != "f":
            raise TypeError(f"[{name}] draws floats, this tensor is {self.array.dtype}")
        return self._set(draw(*parameters, self.array.shape))

    # How a tensor changes -----------------------------------------------------------------

    def _become(self, y: Value) -> Tensor:
        """Take the values and the history of a result: a change in place.

        What was computed from the old values keeps them, so its gradient stays right. A leaf is
        written, and counts the change. What this is a part of changes with it, and so do the parts
        of each.
        """
        self.array  # noqa: B018 - computes what is put off: what this was may be asked for
        self._check_change(y)
        by: Any = None
        changed: Any = self
        while True:
            changed._replace(y)
            has_changed(changed, by)
            base = changed._base
            if base is None or base.put_back is None or (whole := base.whole) is None:
                return self  # type: ignore[return-value]
            y = base.put_back(whole, changed)
            by, changed = changed, whole

    def _check_change(self, y: Value) -> None:
        """Raise unless this can become a result in place."""
        if y.array.shape != self.array.shape:
            raise ValueError(
                f"[Tensor] a change in place cannot turn shape {tuple(self.array.shape)} into "
                f"{tuple(y.array.shape)}"
            )
        if _RANKS[y.array.dtype.kind] > _RANKS[self.array.dtype.kind]:
            raise TypeError(
                f"[Tensor] a change in place cannot turn {self.array.dtype} into "
                f"{y.array.dtype}: convert first, with .float() for one"
            )
        one: Value | None = self
        while one is not None:
            if one.requires_grad and one._node is None and is_recording():
                raise RuntimeError(
                    "[Tensor] a leaf that requires gradients, or a part of one, cannot be changed "
                    "in place while it is recorded: do it within pycnn.no_grad()"
                )
            base = one._base
            one = None if base is None or not base.records else base.whole
            if one is not None and base is not None and base.put_back is None:
                raise RuntimeError(
                    f"[Tensor] this tensor of shape {tuple(self.array.shape)} repeats numbers of "
                    "another one, which a change in place would change as well: change that one, "
                    "or a clone of this one"
                )

    def _replace(self, y: Value) -> None:
        """Take the values of a result, and its history if anything is recorded."""
        leaf, base, backend = self._node is None, self._base, backends.of(y.array)
        frozen = backend.traces or (base is not None and base.frozen)
        if leaf and not y.requires_grad and not frozen:
            self._write(y.array)
            return
        found = backend.astype(y.array, self.array.dtype)
        self.array = tracked(found) if isinstance(self.array, TrackedArray) else found
        self._version += 1
        if leaf or is_recording():  # otherwise the values alone change, as in PyTorch
            self._node, self._output = y._node, y._output
            self.requires_grad = y.requires_grad

    def changed(self) -> None:
        """Count a change that compiled code has made to the values."""
        self._version += 1

    def _write(self, values: Any) -> None:
        """Replace the values of a leaf in its own memory."""
        if values.dtype != self.array.dtype:
            values = backends.of(values).astype(values, self.array.dtype)
        will_change(self)
        backend = backends.of(self.array)
        backend.write(self.array, backend.to_numpy(values))
        self._version += 1
