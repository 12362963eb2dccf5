"""Initial values written into a parameter, with PyTorch's names and arguments."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np

from pycnn import backends
from pycnn._arguments import at_least_zero, choice, number, positive, real, written
from pycnn.init.draw import Rng, fan_in, fan_out
from pycnn.init.draw import generator as _rng

__all__ = [
    "calculate_gain",
    "constant_",
    "eye_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

T = TypeVar("T")


def _array(name: str, tensor: Any) -> Any:
    """Return the array of a parameter or tensor, or an array as it is."""
    array = tensor if isinstance(tensor, np.ndarray) else getattr(tensor, "array", None)
    if not hasattr(array, "dtype") or not hasattr(array, "shape"):
        raise TypeError(f"[{name}] takes a parameter, tensor or array, got {written(tensor)}")
    return array


def _write(name: str, tensor: T, numbers: Any) -> T:
    array = _array(name, tensor)
    if isinstance(array, np.ndarray):
        array[...] = numbers
    else:
        whole = np.broadcast_to(np.asarray(numbers, np.float32), array.shape)
        backends.of(array).write(array, np.array(whole, order="C"))
    if (changed := getattr(tensor, "changed", None)) is not None:
        changed()  # an array of a device does not count its changes itself
    return tensor


def _shape(name: str, tensor: Any) -> tuple[int, ...]:
    shape = tuple(_array(name, tensor).shape)
    if len(shape) < 2:
        raise ValueError(f"[{name}] needs at least two axes, (out, in, ...), got shape {shape}")
    return shape


def constant_(tensor: T, val: float) -> T:
    """Set every number to a value; return the tensor."""
    return _write("constant_", tensor, number("constant_", "val", val))


def zeros_(tensor: T) -> T:
    """Set every number to 0; return the tensor."""
    return _write("zeros_", tensor, 0)


def ones_(tensor: T) -> T:
    """Set every number to 1; return the tensor."""
    return _write("ones_", tensor, 1)


def eye_(tensor: T) -> T:
    """Make a matrix the identity; return it."""
    shape = _shape("eye_", tensor)
    if len(shape) > 2:
        raise ValueError(f"[eye_] needs a matrix, of two axes, got shape {shape}")
    return _write("eye_", tensor, np.eye(shape[0], shape[1]))


def uniform_(tensor: T, a: float = 0.0, b: float = 1.0, generator: Rng = None) -> T:
    """Draw from U(a, b); return the tensor."""
    rng = _rng(generator, "uniform_")
    if not real("uniform_", "a", a) <= real("uniform_", "b", b):
        raise ValueError(f"[uniform_] a must be at most b, got {a} and {b}")
    return _write("uniform_", tensor, rng.uniform(a, b, _array("uniform_", tensor).shape))


def normal_(tensor: T, mean: float = 0.0, std: float = 1.0, generator: Rng = None) -> T:
    """Draw from N(mean, std^2); return the tensor."""
    rng = _rng(generator, "normal_")
    mean, std = real("normal_", "mean", mean), at_least_zero("normal_", "std", std)
    return _write("normal_", tensor, rng.normal(mean, std, _array("normal_", tensor).shape))


def trunc_normal_(
    tensor: T,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Rng = None,
) -> T:
    """Draw from the part of N(mean, std^2) that lies in a..b; return the tensor."""
    owner = "trunc_normal_"
    mean, std = real(owner, "mean", mean), positive(owner, "std", std)
    low, high = ((real(owner, name, end) - mean) / std for name, end in (("a", a), ("b", b)))
    if not low < high:
        raise ValueError(f"[{owner}] a must be less than b, got {a} and {b}")
    rng, shape = _rng(generator, owner), _array(owner, tensor).shape
    return _write(owner, tensor, np.clip(mean + std * _truncated(rng, shape, low, high), a, b))


def _truncated(rng: np.random.Generator, shape: tuple[int, ...], low: float, high: float) -> Any:
    """Draw from the part of N(0, 1) that lies in low..high, by rejection.

    If a tenth of all numbers lies there, they are drawn from N(0, 1). Else the part is short or
    far out, and they are drawn from a uniform distribution and kept with their density divided by
    the largest one, at `peak`. The density falls by ``exp(-40)`` on the way that is looked at: at
    least one in about forty is kept.
    """
    inside = (math.erf(high / math.sqrt(2)) - math.erf(low / math.sqrt(2))) / 2
    peak = min(max(0.0, low), high)
    if peak:
        way = 40 / abs(peak)
        low, high = max(low, peak - way), min(high, peak + way)
    numbers = np.full(shape, np.nan)
    while missing := int(np.isnan(numbers).sum()):
        if inside > 0.1:
            drawn = rng.normal(size=missing)
            kept = (drawn >= low) & (drawn <= high)
        else:
            drawn = rng.uniform(low, high, missing)
            kept = rng.random(missing) < np.exp((peak - drawn) * (peak + drawn) / 2)
        numbers[np.isnan(numbers)] = np.where(kept, drawn, np.nan)
    return numbers


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor by which weights before an activation are larger.

    1 for 'linear', 'sigmoid' and convolutions, 5/3 for 'tanh', sqrt(2) for 'relu',
    ``sqrt(2 / (1 + slope^2))`` for 'leaky_relu' with slope `param`, 3/4 for 'selu'.
    """
    plain = ("linear", "sigmoid", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d")
    choice(
        "calculate_gain", "nonlinearity", nonlinearity,
        (*plain, "tanh", "relu", "leaky_relu", "selu"),
    )  # fmt: skip
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else real("calculate_gain", "param", param)
        return math.sqrt(2 / (1 + slope**2))
    return {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}.get(nonlinearity, 1.0)


def xavier_uniform_(tensor: T, gain: float = 1.0, generator: Rng = None) -> T:
    """Draw from U(-b, b), ``b = gain sqrt(6 / (fan_in + fan_out))``; return the tensor.

    References
    ----------
    X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010.
    """
    shape = _shape("xavier_uniform_", tensor)
    bound = gain * math.sqrt(6 / (fan_in(shape) + fan_out(shape)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: T, gain: float = 1.0, generator: Rng = None) -> T:
    """Draw from N(0, 2 gain^2 / (fan_in + fan_out)); return the tensor."""
    shape = _shape("xavier_normal_", tensor)
    return normal_(tensor, 0, gain * math.sqrt(2 / (fan_in(shape) + fan_out(shape))), generator)


def _kaiming(name: str, tensor: Any, a: float, mode: str, nonlinearity: str) -> float:
    """Return the standard deviation ``gain / sqrt(fan)``."""
    shape = _shape(name, tensor)
    fan = (fan_in if choice(name, "mode", mode, ("fan_in", "fan_out")) == "fan_in" else fan_out)(
        shape
    )
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: T,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Rng = None,
) -> T:
    """Draw from U(-b, b), ``b = gain sqrt(3 / fan)``; return the tensor.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Delving Deep into Rectifiers", ICCV 2015.
    """
    bound = math.sqrt(3) * _kaiming("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: T,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Rng = None,
) -> T:
    """Draw from N(0, gain^2 / fan); return the tensor. See `kaiming_uniform_`."""
    std = _kaiming("kaiming_normal_", tensor, a, mode, nonlinearity)
    return normal_(tensor, 0, std, generator)


def orthogonal_(tensor: T, gain: float = 1.0, generator: Rng = None) -> T:
    """Make the rows of (out, in ...) orthonormal, or the columns if there are fewer; times gain.

    References
    ----------
    A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", ICLR 2014.
    """
    shape = _shape("orthogonal_", tensor)
    rows, columns = shape[0], math.prod(shape[1:])
    drawn = _rng(generator, "orthogonal_").standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    q = q * np.sign(np.diag(r))
    return _write("orthogonal_", tensor, gain * (q if rows >= columns else q.T).reshape(shape))


def calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    """Return the inputs of one output of a weight, and the outputs that one input reaches.

    Raises
    ------
    ValueError
        If it has less than two axes.
    """
    shape = tuple(_array("calculate_fan_in_and_fan_out", tensor).shape)
    if len(shape) < 2:
        raise ValueError(
            f"[calculate_fan_in_and_fan_out] a weight has two axes or more, got shape {shape}"
        )
    return fan_in(shape), fan_out(shape)
