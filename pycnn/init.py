"""Initial values of weights. Every function takes its random numbers from `rng`."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Rng: TypeAlias = np.random.Generator | int | None
"""A generator, a seed, or None for fresh entropy; as `numpy.random.default_rng` takes it."""


def generator(rng: Rng) -> np.random.Generator:
    """Give the generator that `rng` stands for."""
    return np.random.default_rng(rng)


def fan_in(shape: tuple[int, ...]) -> int:
    """Count the inputs of one output: the product of all sizes but the first (out, in, ...)."""
    return math.prod(shape[1:])


def uniform(shape: tuple[int, ...], bound: float, rng: Rng = None) -> npt.NDArray[np.float32]:
    """Values from U(-bound, bound), float32."""
    values = generator(rng).random(shape, dtype=np.float32)
    values *= np.float32(2 * bound)
    values -= np.float32(bound)
    return values


def normal(
    shape: tuple[int, ...], std: float = 1.0, rng: Rng = None, *, mean: float = 0.0
) -> npt.NDArray[np.float32]:
    """Values from N(mean, std^2), float32."""
    values = generator(rng).standard_normal(shape, dtype=np.float32)
    values *= np.float32(std)
    if mean:
        values += np.float32(mean)
    return values


def default_bound(shape: tuple[int, ...]) -> float:
    """Give 1 / sqrt(fan_in), PyTorch's default bound for the weight and bias of conv and linear."""
    return 1.0 / math.sqrt(fan_in(shape))


def kaiming_normal(shape: tuple[int, ...], rng: Rng = None) -> npt.NDArray[np.float32]:
    """Values from N(0, 2 / fan_in), which keeps the variance through layers with ReLU.

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
