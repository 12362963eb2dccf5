"""Initial values as new arrays. Every function takes its random numbers from `rng`."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pycnn._arguments import float32, integer, sizes, written
from pycnn._budget import allow
from pycnn._random import default_rng

__all__ = [
    "Rng",
    "constant",
    "default_bound",
    "fan_in",
    "fan_out",
    "generator",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
]

Rng: TypeAlias = np.random.Generator | int | None
"""A generator, a seed, or None: the stream of `pycnn.manual_seed`, or fresh entropy."""


def generator(rng: Rng, owner: str = "init") -> np.random.Generator:
    """Return the generator that `rng` stands for.

    Parameters
    ----------
    rng : Generator, int or None
        A generator, which is returned as it is; a seed, at least 0; or None for the stream of
        `pycnn.manual_seed`, or fresh entropy where it was not called.
        NumPy's bit generators and seed sequences, and a list of ints as a seed, are accepted, too.
    owner : str
        The caller, for the text of errors.

    Raises
    ------
    TypeError, ValueError
        If it is none of these.
    """
    if rng is None:
        return default_rng()
    if isinstance(rng, _NUMPYS_OWN):
        return np.random.default_rng(rng)
    if isinstance(rng, (tuple, list)):
        return np.random.default_rng([_seed(owner, part) for part in rng])
    return np.random.default_rng(_seed(owner, rng))


# What numpy.random.default_rng accepts besides seeds.
_NUMPYS_OWN = (
    np.random.Generator,
    np.random.BitGenerator,
    np.random.SeedSequence,
    np.random.RandomState,
)


def _seed(owner: str, value: Any) -> int:
    try:
        return integer(owner, "rng", value, 0, math.inf)
    except TypeError:
        raise TypeError(
            f"[{owner}] rng must be a Generator, an int or None, got {written(value)}"
        ) from None


def fan_in(shape: tuple[int, ...]) -> int:
    """Count the inputs of one output: the product of all sizes but the first (out, in, ...).

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive int.
    """
    return math.prod(_checked(shape)[1:])


def fan_out(shape: tuple[int, ...]) -> int:
    """Count the outputs that one input reaches: the product of all sizes but the second (in).

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive int.
    """
    sizes = _checked(shape)
    return math.prod(sizes[:1] + sizes[2:])


def _checked(shape: tuple[int, ...]) -> tuple[int, ...]:
    checked = sizes("init", "shape", shape)
    allow(checked)
    return checked


def uniform(shape: tuple[int, ...], bound: float, rng: Rng = None) -> npt.NDArray[np.float32]:
    """Return values from U(-bound, bound), float32."""
    bound = float32("init", "bound", bound)
    values = generator(rng).random(_checked(shape), dtype=np.float32)
    values *= np.float32(2 * bound)
    values -= np.float32(bound)
    return values


def normal(
    shape: tuple[int, ...], std: float = 1.0, rng: Rng = None, *, mean: float = 0.0
) -> npt.NDArray[np.float32]:
    """Return values from N(mean, std^2), float32."""
    std, mean = float32("init", "std", std), float32("init", "mean", mean)
    values = generator(rng).standard_normal(_checked(shape), dtype=np.float32)
    values *= np.float32(std)
    if mean:
        values += np.float32(mean)
    return values


def constant(shape: tuple[int, ...], value: float) -> npt.NDArray[np.float32]:
    """Return an array of one value, float32."""
    return np.full(_checked(shape), float32("init", "value", value), np.float32)


def default_bound(shape: tuple[int, ...]) -> float:
    """Return 1 / sqrt(fan_in), PyTorch's default bound for convolutions and linear layers."""
    return 1.0 / math.sqrt(fan_in(shape))


def lecun_uniform(shape: tuple[int, ...], rng: Rng = None) -> npt.NDArray[np.float32]:
    """Return values from U(-b, b) with b = sqrt(3 / fan_in).

    With their variance, 1 / fan_in, the sums have the variance of the inputs. LeNet-5 of 1998 has
    ``uniform(shape, 2.4 / fan_in(shape), rng)``.

    Parameters
    ----------
    shape : tuple of int
        Shape of the weight: (out, in) or (K, C / groups, R, S).
    rng : Generator, int or None
        Random numbers.

    Returns
    -------
    float32 array
        The weight, for ``layer.weight.data[...] = lecun_uniform(layer.weight.shape, rng)``.

    References
    ----------
    LeCun, Bottou, Orr, Mueller: Efficient BackProp, 1998, equation 16.
    """
    return uniform(shape, math.sqrt(3.0 / fan_in(shape)), rng)


def lecun_normal(shape: tuple[int, ...], rng: Rng = None) -> npt.NDArray[np.float32]:
    """Return values from N(0, 1 / fan_in); see `lecun_uniform`."""
    return normal(shape, math.sqrt(1.0 / fan_in(shape)), rng)


def xavier_uniform(
    shape: tuple[int, ...], rng: Rng = None, *, gain: float = 1.0
) -> npt.NDArray[np.float32]:
    """Return values from U(-b, b) with b = gain sqrt(6 / (fan_in + fan_out)).

    A compromise between the variance of the sums forward and that of the gradients backward, for
    activations that are nearly linear around 0, such as tanh.

    Parameters
    ----------
    shape : tuple of int
        Shape of the weight: (out, in) or (K, C / groups, R, S).
    rng : Generator, int or None
        Random numbers.
    gain : float
        Factor of all values.

    Returns
    -------
    float32 array
        The weight.

    References
    ----------
    Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks, 2010,
    equation 16.
    """
    gain = float32("init", "gain", gain)
    return uniform(shape, gain * math.sqrt(6.0 / (fan_in(shape) + fan_out(shape))), rng)


def xavier_normal(
    shape: tuple[int, ...], rng: Rng = None, *, gain: float = 1.0
) -> npt.NDArray[np.float32]:
    """Return values from N(0, 2 gain^2 / (fan_in + fan_out)); see `xavier_uniform`."""
    gain = float32("init", "gain", gain)
    return normal(shape, gain * math.sqrt(2.0 / (fan_in(shape) + fan_out(shape))), rng)


def kaiming_uniform(shape: tuple[int, ...], rng: Rng = None) -> npt.NDArray[np.float32]:
    """Return values from U(-b, b) with b = sqrt(6 / fan_in); see `kaiming_normal`."""
    return uniform(shape, math.sqrt(6.0 / fan_in(shape)), rng)


def kaiming_normal(shape: tuple[int, ...], rng: Rng = None) -> npt.NDArray[np.float32]:
    """Return values from N(0, 2 / fan_in), which keeps the variance through layers with ReLU.

    Parameters
    ----------
    shape : tuple of int
        Shape of the weight: (out, in) or (K, C / groups, R, S).
    rng : Generator, int or None
        Random numbers.

    Returns
    -------
    float32 array
        The weight, for ``layer.weight.data[...] = kaiming_normal(layer.weight.shape, rng)``.

    References
    ----------
    He, Zhang, Ren, Sun: Delving deep into rectifiers, 2015, equation 10.
    """
    return normal(shape, math.sqrt(2.0 / fan_in(shape)), rng)
