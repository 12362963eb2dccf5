"""Rarer activations, put together from ops that there are. Each is a function and a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pycnn._arguments import at_least_zero, flag, integer, real
from pycnn.autograd.arithmetic import where
from pycnn.layers.activation_kinds import ELU, Softplus
from pycnn.layers.module import Module

# Of Klambauer et al.: with these, activations keep a mean of 0 and a variance of 1.
_ALPHA, _SCALE = 1.6732632423543772, 1.0507009873554805


def selu(x: Any) -> Any:
    """Return ``scale * elu(x, alpha)``."""
    return ELU(_ALPHA)(x) * _SCALE


def celu(x: Any, alpha: float = 1.0) -> Any:
    """Return ``max(x, 0) + min(alpha (exp(x / alpha) - 1), 0)``."""
    if real("celu", "alpha", alpha) == 0:
        raise ValueError("[celu] alpha must not be 0")
    return ELU()(x / alpha) * alpha


def tanhshrink(x: Any) -> Any:
    """Return ``x - tanh(x)``."""
    return x - x.tanh()


def softshrink(x: Any, lambd: float = 0.5) -> Any:
    """Move numbers towards 0 by `lambd`, and those that are nearer to 0."""
    at_least_zero("softshrink", "lambd", lambd)
    return x - x.clamp(-lambd, lambd)


def hardshrink(x: Any, lambd: float = 0.5) -> Any:
    """Set numbers from -lambd to lambd to 0."""
    return where(abs(x) <= lambd, 0.0, x)


def softsign(x: Any) -> Any:
    """Return ``x / (1 + |x|)``."""
    return x / (1 + abs(x))


def logsigmoid(x: Any) -> Any:
    """Return the logarithm of the sigmoid, ``-softplus(-x)``."""
    return -Softplus()(-x)


def threshold(x: Any, threshold: float, value: float) -> Any:
    """Return x above a threshold, and a value elsewhere."""
    return where(x <= threshold, float(value), x)


def softmin(x: Any, dim: int | None = None) -> Any:
    """Return the softmax of ``-x``; axis 1 by default, 0 of 1 or 3 axes."""
    axis = (0 if x.ndim in (0, 1, 3) else 1) if dim is None else dim
    if not -max(x.ndim, 1) <= axis < max(x.ndim, 1):
        raise ValueError(f"[softmin] x must have an axis {dim}, has shape {x.shape}")
    return (-x).softmax(axis)


class _Composed(Module):
    """An activation that is a function of tensors."""

    _function: ClassVar[Callable[..., Any]]
    _names: ClassVar[tuple[str, ...]] = ()

    def forward(self, x: Any) -> Any:
        """Apply the function to each number."""
        y = type(self)._function(x, *[getattr(self, name) for name in self._names])
        return x._become(y) if getattr(self, "inplace", False) else y

    def _arguments(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)}" for name in self._names)


class SELU(_Composed):
    """Scaled exponential linear unit: ``1.0507 (max(x, 0) + min(1.6733 (exp(x) - 1), 0))``.

    Parameters
    ----------
    inplace : bool
        Whether a tensor that it is given becomes the result, as in PyTorch. Arrays stay.

    References
    ----------
    G. Klambauer et al., "Self-Normalizing Neural Networks", NIPS 2017.
    """

    _function = staticmethod(selu)

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = flag("SELU", "inplace", inplace)


class CELU(_Composed):
    """Continuous exponential linear unit: ``max(x, 0) + min(alpha (exp(x / alpha) - 1), 0)``.

    Parameters
    ----------
    alpha : float
        Minus the limit of the output for large negative numbers.
    inplace : bool
        Whether a tensor that it is given becomes the result, as in PyTorch. Arrays stay.
    """

    _function = staticmethod(celu)
    _names = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha = real("CELU", "alpha", alpha)
        self.inplace = flag("CELU", "inplace", inplace)


class Tanhshrink(_Composed):
    """``x - tanh(x)``."""

    _function = staticmethod(tanhshrink)


class Softshrink(_Composed):
    """``x - lambd`` above lambd, ``x + lambd`` below -lambd, 0 between.

    Parameters
    ----------
    lambd : float
        At least 0.
    """

    _function = staticmethod(softshrink)
    _names = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = at_least_zero("Softshrink", "lambd", lambd)


class Hardshrink(_Composed):
    """x, but 0 from -lambd to lambd.

    Parameters
    ----------
    lambd : float
    """

    _function = staticmethod(hardshrink)
    _names = ("lambd",)

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = real("Hardshrink", "lambd", lambd)


class Softsign(_Composed):
    """``x / (1 + |x|)``."""

    _function = staticmethod(softsign)


class LogSigmoid(_Composed):
    """Logarithm of the sigmoid: ``-log(1 + exp(-x))``."""

    _function = staticmethod(logsigmoid)


class Threshold(_Composed):
    """x above a threshold, and a value elsewhere.

    Parameters
    ----------
    threshold, value : float
    inplace : bool
        Whether a tensor that it is given becomes the result, as in PyTorch. Arrays stay.
    """

    _function = staticmethod(threshold)
    _names = ("threshold", "value")

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        self.threshold = real("Threshold", "threshold", threshold)
        self.value = real("Threshold", "value", value)
        self.inplace = flag("Threshold", "inplace", inplace)


class Softmin(_Composed):
    """Softmax of ``-x`` along an axis.

    Parameters
    ----------
    dim : int, optional
        1 by default, 0 of 1 or 3 axes.
    """

    _function = staticmethod(softmin)
    _names = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        self.dim = None if dim is None else integer("Softmin", "dim", dim, -32)
