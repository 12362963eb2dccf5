"""Methods of tensors on single numbers that are less common: limits, tests, other functions.

The rarer functions are NumPy's, computed on the CPU; their slopes are ops of the back-end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd import arithmetic
from pycnn.autograd.value import Value, new, record, same_backend
from pycnn.backends.recording import computed_here

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


def _error_function(x: Any) -> Any:
    values = [math.erf(v) for v in x.ravel().tolist()]
    return np.array(values, x.dtype).reshape(x.shape)


# Name: NumPy's function, and its slope from x and y.
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    "tan": (np.tan, lambda x, y: 1 + y * y),
    "sinh": (np.sinh, lambda x, y: np.cosh(x)),
    "cosh": (np.cosh, lambda x, y: np.sinh(x)),
    "asin": (np.arcsin, lambda x, y: 1 / np.sqrt(1 - x * x)),
    "acos": (np.arccos, lambda x, y: -1 / np.sqrt(1 - x * x)),
    "atan": (np.arctan, lambda x, y: 1 / (1 + x * x)),
    "exp2": (np.exp2, lambda x, y: y * math.log(2)),
    "expm1": (np.expm1, lambda x, y: y + 1),
    "log1p": (np.log1p, lambda x, y: 1 / (1 + x)),
    "log2": (np.log2, lambda x, y: 1 / (x * math.log(2))),
    "log10": (np.log10, lambda x, y: 1 / (x * math.log(10))),
    "erf": (_error_function, lambda x, y: 2 / math.sqrt(math.pi) * np.exp(-x * x)),
    "trunc": (np.trunc, lambda x, y: np.zeros_like(x)),
}


def function(name: str, x: Value) -> Tensor:
    """Compute one of `FUNCTIONS`."""
    of, slope = FUNCTIONS[name]
    k = x.backend
    array = x.array if x.array.dtype.kind == "f" else k.astype(x.array, np.float32)
    numbers = k.to_numpy(array)

    def back(values: Any) -> Any:
        return k.from_numpy(np.asarray(values, numbers.dtype, order="C").view(np.ndarray))

    with np.errstate(all="ignore"):
        y = computed_here(name, of, numbers)

    def pull(needs: Any, g: Any) -> tuple[Any]:
        with np.errstate(all="ignore"):
            return (k.binary("multiply", g, back(computed_here(name, slope, numbers, y))),)

    return record(name, (x,), back(y), pull)


class Elementwise(Value):
    """What tensors can be asked for, number by number."""

    __slots__ = ()

    # Limits --------------------------------------------------------------------------------

    def clamp_min(self, min: Any) -> Tensor:
        """Return the number, but at least `min`."""
        return arithmetic.clamp(self, min, None)

    def clamp_max(self, max: Any) -> Tensor:
        """Return the number, but at most `max`."""
        return arithmetic.clamp(self, None, max)

    def lerp(self, end: Any, weight: Any) -> Tensor:
        """Return ``self + weight * (end - self)``."""
        x: Any = self
        return x + weight * (end - x)  # type: ignore[no-any-return]

    def addcmul(self, first: Any, second: Any, *, value: Any = 1) -> Tensor:
        """Return ``self + value * first * second``."""
        x: Any = self
        return x + value * first * second  # type: ignore[no-any-return]

    def addcdiv(self, first: Any, second: Any, *, value: Any = 1) -> Tensor:
        """Return ``self + value * first / second``."""
        x: Any = self
        return x + value * first / second  # type: ignore[no-any-return]

    def where(self, condition: Value, other: Any) -> Tensor:
        """Return self where the condition holds, else the other."""
        return arithmetic.where(condition, self, other)

    def nan_to_num(self, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Tensor:
        """Replace NaN by a number, and infinities by the largest floats or by others."""
        most = float(np.finfo(np.float32).max)
        y = arithmetic.where(self.isnan(), nan, self)
        y = arithmetic.where(arithmetic.compare("equal", y, math.inf), _or(posinf, most), y)
        return arithmetic.where(arithmetic.compare("equal", y, -math.inf), _or(neginf, -most), y)

    # Tests ---------------------------------------------------------------------------------

    def isnan(self) -> Tensor:
        """Return whether each is not a number."""
        return new(self.backend.unary("isnan", self.array))

    def isinf(self) -> Tensor:
        """Return whether each is infinite."""
        return new(self.backend.unary("isinf", self.array))

    def isfinite(self) -> Tensor:
        """Return whether each is neither infinite nor NaN."""
        return new(self.backend.unary("isfinite", self.array))

    def logical_and(self, other: Any) -> Tensor:
        """Return whether both are not 0."""
        return arithmetic.compare("logical_and", self, other)

    def logical_or(self, other: Any) -> Tensor:
        """Return whether one is not 0."""
        return arithmetic.compare("logical_or", self, other)

    def logical_xor(self, other: Any) -> Tensor:
        """Return whether exactly one is not 0."""
        return arithmetic.compare("not_equal", ~self.logical_not(), ~_tensor(other).logical_not())

    def logical_not(self) -> Tensor:
        """Return whether each is 0."""
        return new(self.backend.unary("logical_not", self.array))

    def isclose(
        self, other: Value, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
    ) -> Tensor:
        """Return whether ``|self - other| <= atol + rtol * |other|``."""
        k = same_backend("isclose", self, other)
        close = np.isclose(*_both(self, other), rtol=rtol, atol=atol, equal_nan=equal_nan)
        return new(k.from_numpy(np.asarray(close)))

    def is_floating_point(self) -> bool:
        """Return whether these are floats."""
        return bool(self.array.dtype.kind == "f")

    # Other functions -----------------------------------------------------------------------

    def frac(self) -> Tensor:
        """Return what is behind the point, with the number's sign."""
        x: Any = self
        return x - function("trunc", self)  # type: ignore[no-any-return]

    def remainder(self, other: Any) -> Tensor:
        """Return ``self % other``, with the sign of the other."""
        x: Any = self
        return x % other  # type: ignore[no-any-return]

    def floor_divide(self, other: Any) -> Tensor:
        """Return ``self // other``."""
        x: Any = self
        return x // other  # type: ignore[no-any-return]

    def fmod(self, other: Any) -> Tensor:
        """Return the rest of a division that rounds to 0, with the sign of self."""
        x: Any = self
        quotient = function("trunc", (x / other).detach())
        y = x - quotient * other
        return y if x.dtype.kind == "f" else y.to(x.dtype)  # type: ignore[no-any-return]

    def atan2(self, other: Value) -> Tensor:
        """Return the angle of the points (other, self)."""
        k = same_backend("atan2", self, other)
        y, x = _both(self, other)
        angle = np.asarray(np.arctan2(y, x), order="C")
        square = y * y + x * x

        def pull(needs: Any, g: Any) -> list[Any]:
            slopes = (x / square, -y / square)
            found = []
            for need, slope, shape in zip(needs, slopes, (y.shape, x.shape), strict=True):
                whole = np.asarray(k.to_numpy(g) * slope, order="C")
                part = arithmetic.unbroadcast(k, k.from_numpy(whole), shape) if need else None
                found.append(part)
            return found

        return record("atan2", (self, other), k.from_numpy(angle), pull)


def _named(name: str) -> Any:
    def method(self: Value) -> Tensor:
        return function(name, self)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"Return `numpy.{FUNCTIONS[name][0].__name__}` of each number."
    return method


for _name in FUNCTIONS:
    setattr(Elementwise, _name, _named(_name))
Elementwise.erf.__doc__ = "Return the error function of each number."  # type: ignore[attr-defined]


def _or(value: Any, default: float) -> float:
    return default if value is None else float(value)


def _tensor(value: Any) -> Any:
    return value if isinstance(value, Value) else new(np.asarray(value))


def _both(a: Value, b: Value) -> tuple[Any, Any]:
    return a.backend.to_numpy(a.array), b.backend.to_numpy(b.array)
