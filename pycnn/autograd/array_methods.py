"""Arrays of NumPy's that have PyTorch's methods, too: `Parameter.data`, and gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pycnn.autograd.value import Value
from pycnn.init import generator as generator_of


class ArrayMethods(np.ndarray[Any, Any]):
    """A NumPy array with what NumPy's lack of PyTorch's methods.

    ``weight.data.normal_(0, 0.01)``, ``weight.grad.zero_()`` and ``x.grad.data.abs()`` work as in
    PyTorch. Where NumPy has a method of the same name, it is NumPy's.
    """

    def __getattr__(self, name: str) -> Any:
        """Return a method that tensors have, and arrays do not; its results are tensors."""
        method = None if name.startswith("_") else getattr(Value.made, name, None)
        if not callable(method):
            raise AttributeError(f"an array has no attribute {name!r}")
        return getattr(Value.made(self), name)

    # PyTorch's methods. They write here and return self.

    def copy_(self, values: Any) -> Any:
        """Take the values of another array of this shape, or of one that broadcasts to it."""
        self[...] = np.asarray(values)
        return self

    def fill_(self, value: float) -> Any:
        """Set every number to a value."""
        self[...] = value
        return self

    def zero_(self) -> Any:
        """Set every number to 0."""
        return self.fill_(0)

    def normal_(self, mean: float = 0, std: float = 1, *, generator: Any = None) -> Any:
        """Draw every number from a normal distribution."""
        self[...] = _drawn(generator).normal(mean, std, self.shape)
        return self

    def uniform_(self, low: float = 0, high: float = 1, *, generator: Any = None) -> Any:
        """Draw every number from a uniform distribution."""
        self[...] = _drawn(generator).uniform(low, high, self.shape)
        return self

    def add_(self, other: Any, *, alpha: float = 1) -> Any:
        """Add, in place."""
        self += alpha * np.asarray(other) if alpha != 1 else np.asarray(other)
        return self

    def sub_(self, other: Any, *, alpha: float = 1) -> Any:
        """Subtract, in place."""
        return self.add_(other, alpha=-alpha)

    def mul_(self, other: Any) -> Any:
        """Multiply, in place."""
        self *= np.asarray(other)
        return self

    def div_(self, other: Any) -> Any:
        """Divide, in place."""
        self /= np.asarray(other)
        return self

    def clamp_(self, min: float | None = None, max: float | None = None) -> Any:
        """Limit every number, in place."""
        np.clip(self, min, max, out=self)
        return self

    # What reads as PyTorch's: the array itself is on the CPU and belongs to no tape.

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return a plain view."""
        return self.view(np.ndarray)

    def detach(self) -> Any:
        """Return the array itself."""
        return self

    cpu = detach

    @property
    def data(self) -> Any:
        """The array itself, which is on no tape."""
        return self

    def clone(self) -> Any:
        """Return a copy."""
        return self.copy()

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self.ndim

    @property
    def size(self) -> Any:
        """How many numbers there are; called as PyTorch's ``size(dim)``, the shape."""
        return _Size(self.shape)

    def numel(self) -> int:
        """Return how many numbers there are."""
        return int(np.prod(self.shape))


class _Size(int):
    """A number of elements that can be called for the shape."""

    shape: tuple[int, ...]

    def __new__(cls, shape: tuple[int, ...]) -> _Size:
        """Count the elements."""
        size = super().__new__(cls, math.prod(shape))
        size.shape = shape
        return size

    def __call__(self, dim: int | None = None) -> Any:
        """Return the shape, or one extent."""
        return self.shape if dim is None else self.shape[dim]


class GradientArray(ArrayMethods):
    """A gradient; it reads as a plain array of NumPy's."""

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))


def as_gradient(array: Any) -> Any:
    """Return an array of NumPy's as one with PyTorch's methods; others as they are."""
    return array.view(GradientArray) if type(array) is np.ndarray else array


def _drawn(rng: Any) -> np.random.Generator:
    return generator_of(rng, "normal_")
