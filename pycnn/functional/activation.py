"""Activations as functions."""

from __future__ import annotations

from typing import Any

from pycnn import layers
from pycnn.autograd import Tensor, fused
from pycnn.autograd.arithmetic import where
from pycnn.autograd.structure import on_arrays_too
from pycnn.layers.gates import gated

__all__ = [
    "dropout",
    "dropout1d",
    "dropout2d",
    "elu",
    "gelu",
    "glu",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_softmax",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]


@on_arrays_too
def relu(x: Tensor, inplace: bool = False) -> Tensor:
    """Set negative numbers to 0, ``max(x, 0)``; NaN passes. See `pycnn.ReLU`."""
    return fused.relu(x, inplace)


def relu_(x: Tensor) -> Tensor:
    """Do `relu` in place."""
    return fused.relu(x, True)


def _result(x: Tensor, y: Tensor, inplace: bool) -> Tensor:
    return x._become(y) if inplace else y


@on_arrays_too
def leaky_relu(x: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Scale negative numbers by a slope; see `pycnn.LeakyReLU`."""
    return _result(x, layers.LeakyReLU(negative_slope)(x), inplace)


@on_arrays_too
def sigmoid(x: Tensor) -> Tensor:
    """Return ``1 / (1 + exp(-x))``; see `pycnn.Sigmoid`."""
    return x.sigmoid()


@on_arrays_too
def tanh(x: Tensor) -> Tensor:
    """Return the hyperbolic tangent; see `pycnn.Tanh`."""
    return x.tanh()


@on_arrays_too
def glu(x: Tensor, dim: int = -1) -> Tensor:
    """Return one half of an axis times the sigmoid of the other; see `pycnn.GLU`."""
    return gated(x, dim)


@on_arrays_too
def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """Return ``x P(X <= x)``, X standard normal; see `pycnn.GELU`."""
    return layers.GELU(approximate)(x)  # type: ignore[no-any-return]


@on_arrays_too
def elu(x: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x, or ``alpha (exp(x) - 1)`` below 0; see `pycnn.ELU`."""
    return _result(x, layers.ELU(alpha)(x), inplace)


@on_arrays_too
def silu(x: Tensor, inplace: bool = False) -> Tensor:
    """Return ``x sigmoid(x)``; see `pycnn.SiLU`."""
    return _result(x, layers.SiLU()(x), inplace)


@on_arrays_too
def relu6(x: Tensor, inplace: bool = False) -> Tensor:
    """Limit to 0..6; see `pycnn.ReLU6`."""
    return _result(x, layers.ReLU6()(x), inplace)


@on_arrays_too
def hardtanh(
    x: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """Limit to a range; see `pycnn.Hardtanh`."""
    return _result(x, layers.Hardtanh(min_val, max_val)(x), inplace)


@on_arrays_too
def hardswish(x: Tensor, inplace: bool = False) -> Tensor:
    """Return ``x relu6(x + 3) / 6``; see `pycnn.Hardswish`."""
    return _result(x, layers.Hardswish()(x), inplace)


@on_arrays_too
def hardsigmoid(x: Tensor, inplace: bool = False) -> Tensor:
    """Return ``relu6(x + 3) / 6``; see `pycnn.Hardsigmoid`."""
    return _result(x, layers.Hardsigmoid()(x), inplace)


@on_arrays_too
def softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return ``log(1 + exp(beta x)) / beta``; see `pycnn.Softplus`."""
    return layers.Softplus(beta, threshold)(x)  # type: ignore[no-any-return]


@on_arrays_too
def mish(x: Tensor, inplace: bool = False) -> Tensor:
    """Return ``x tanh(softplus(x))``; see `pycnn.Mish`."""
    return _result(x, layers.Mish()(x), inplace)


@on_arrays_too
def prelu(x: Tensor, weight: Tensor) -> Tensor:
    """Scale negative numbers by a learned slope, one or one for each channel."""
    slope = weight.reshape([1, -1] + [1] * (x.ndim - 2) if x.ndim > 1 else [-1] * x.ndim)
    return where(x > 0, x, slope * x)


@on_arrays_too
def softmax(x: Tensor, dim: int | None = None) -> Tensor:
    """Turn scores along an axis into probabilities; axis 1 by default, 0 of 1 or 3 axes."""
    return x.softmax(_class_axis(x) if dim is None else dim)


@on_arrays_too
def log_softmax(x: Tensor, dim: int | None = None) -> Tensor:
    """Return the logarithm of `softmax`, exact where that is small."""
    return x.log_softmax(_class_axis(x) if dim is None else dim)


def _class_axis(x: Tensor) -> int:
    """Return the axis that PyTorch takes for that of the classes if it is not told."""
    return 0 if x.ndim in (0, 1, 3) else 1


def _dropped(kind: Any, x: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    return _result(x, kind(p)(x), inplace) if training and p else x


@on_arrays_too
def dropout(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set numbers to 0 with probability p, and scale the others; see `pycnn.Dropout`.

    The random numbers come from the stream of `pycnn.manual_seed`. A `pycnn.Dropout` has a stream
    of its own, which `pycnn.fit` restarts in each epoch, so that a training can be repeated.
    """
    return _dropped(layers.Dropout, x, p, training, inplace)


@on_arrays_too
def dropout1d(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set whole channels (N, C, L) to 0; see `pycnn.Dropout1d`."""
    return _dropped(layers.Dropout1d, x, p, training, inplace)


@on_arrays_too
def dropout2d(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set whole channels (N, C, H, W) to 0; see `pycnn.Dropout2d`."""
    return _dropped(layers.Dropout2d, x, p, training, inplace)
