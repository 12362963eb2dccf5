"""Arrays that count their changes, so that a gradient is not computed from the wrong values."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from pycnn.init import generator as generator_of

_WRITERS = (np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis)


class TrackedArray(np.ndarray[Any, Any]):
    """A NumPy array that counts its changes, with the in-place methods of PyTorch's tensors.

    `Parameter.data` is one, so that ``weight.data.normal_(0, 0.01)`` works as in PyTorch. Views
    count together with the whole, copies by themselves; results of arithmetic are plain arrays.
    """

    changes: list[int]

    # `Tensor`, as soon as there is one.
    tensor: ClassVar[Any]

    def __array_finalize__(self, other: Any) -> None:
        # A view counts with the whole, a copy by itself.
        changes = None if self.base is None else getattr(other, "changes", None)
        self.changes = [0] if changes is None else changes

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Compute with plain arrays; count it if the result is written here."""
        out = options.get("out", ())
        for target in out:
            if isinstance(target, TrackedArray):
                target.changes[0] += 1
        if method == "at" and isinstance(inputs[0], TrackedArray):
            inputs[0].changes[0] += 1
        if out:
            options["out"] = tuple(map(plain, out))
        result = getattr(ufunc, method)(*map(plain, inputs), **options)
        if len(out) == 1 and isinstance(out[0], TrackedArray):
            return out[0]
        return result

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        """Call NumPy's function; count it if it writes."""
        if function in _WRITERS and isinstance(inputs[0], TrackedArray):
            inputs[0].changes[0] += 1
        return super().__array_function__(function, types, inputs, options)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.changes[0] += 1
        super().__setitem__(key, value)

    def __repr__(self) -> str:
        return repr(plain(self))

    def __getattr__(self, name: str) -> Any:
        """Return a method that tensors have, and arrays do not; its results are tensors."""
        method = None if name.startswith("_") else getattr(TrackedArray.tensor, name, None)
        if not callable(method):
            raise AttributeError(f"an array has no attribute {name!r}")
        return getattr(TrackedArray.tensor(self), name)

    # PyTorch's methods. They write here and return self.

    def copy_(self, values: Any) -> TrackedArray:
        """Take the values of another array of this shape, or of one that broadcasts to it."""
        self[...] = np.asarray(values)
        return self

    def fill_(self, value: float) -> TrackedArray:
        """Set every number to a value."""
        self[...] = value
        return self

    def zero_(self) -> TrackedArray:
        """Set every number to 0."""
        return self.fill_(0)

    def normal_(self, mean: float = 0, std: float = 1, *, generator: Any = None) -> TrackedArray:
        """Draw every number from a normal distribution."""
        self[...] = _drawn(generator).normal(mean, std, self.shape)
        return self

    def uniform_(self, low: float = 0, high: float = 1, *, generator: Any = None) -> TrackedArray:
        """Draw every number from a uniform distribution."""
        self[...] = _drawn(generator).uniform(low, high, self.shape)
        return self

    def add_(self, other: Any, *, alpha: float = 1) -> TrackedArray:
        """Add, in place."""
        self += alpha * np.asarray(other) if alpha != 1 else np.asarray(other)
        return self

    def sub_(self, other: Any, *, alpha: float = 1) -> TrackedArray:
        """Subtract, in place."""
        return self.add_(other, alpha=-alpha)

    def mul_(self, other: Any) -> TrackedArray:
        """Multiply, in place."""
        self *= np.asarray(other)
        return self

    def div_(self, other: Any) -> TrackedArray:
        """Divide, in place."""
        self /= np.asarray(other)
        return self

    def clamp_(self, min: float | None = None, max: float | None = None) -> TrackedArray:
        """Limit every number, in place."""
        np.clip(self, min, max, out=self)
        return self

    # What reads as PyTorch's: the array itself is on the CPU and belongs to no tape.

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return a plain view."""
        return plain(self)  # type: ignore[no-any-return]

    def detach(self) -> TrackedArray:
        """Return the array itself."""
        return self

    cpu = detach

    @property
    def data(self) -> Any:
        """The array itself."""
        return self

    def clone(self) -> TrackedArray:
        """Return a copy."""
        copied: TrackedArray = self.copy()
        return copied

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

    def norm(self) -> float:
        """Return the square root of the sum of squares."""
        return float(np.linalg.norm(plain(self)))


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


def plain(value: Any) -> Any:
    """Return an array that counts its changes as one that does not; others as they are."""
    return value.view(np.ndarray) if isinstance(value, TrackedArray) else value


def written(array: Any) -> Any:
    """Count a change of an array, and return it without the counting, to be written once or more.

    Each operation on a counting array costs 3 us, on a plain one of some hundred numbers 1 us.
    """
    if isinstance(array, TrackedArray):
        array.changes[0] += 1
    return plain(array)


def _drawn(rng: Any) -> np.random.Generator:
    return generator_of(rng, "normal_")


def tracked(array: Any) -> Any:
    """Return an array of NumPy's as one that counts its changes; others as they are."""
    return array.view(TrackedArray) if type(array) is np.ndarray else array
