"""Tensors of random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn._random import default_rng
from pycnn.autograd.creation import is_tensor, like, made, shape_of
from pycnn.autograd.tensor import Tensor
from pycnn.init import Rng
from pycnn.init import generator as generator_of

__all__ = ["bernoulli", "rand", "rand_like", "randint", "randn", "randn_like", "randperm"]


def rand(
    *size: Any,
    generator: Rng = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw from the uniform distribution on [0, 1)."""
    numbers = generator_of(generator, "rand").random(shape_of(size), np.float32)
    return made(numbers, dtype, device, requires_grad)


def randn(
    *size: Any,
    generator: Rng = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw from the normal distribution of mean 0 and variance 1."""
    numbers = generator_of(generator, "randn").standard_normal(shape_of(size), np.float32)
    return made(numbers, dtype, device, requires_grad)


def randint(
    low: int, high: Any = None, size: Any = None, *, generator: Rng = None, device: Any = None
) -> Tensor:
    """Draw whole numbers from low to high - 1, or from 0 to low - 1 if only one is given."""
    if size is None:
        low, high, size = 0, low, high
    if not low < high:
        raise ValueError(f"[randint] there is no whole number from {low} to below {high}")
    numbers = generator_of(generator, "randint").integers(low, high, shape_of((size,)))
    return made(numbers, np.int64, device, False)


def randperm(n: int, *, generator: Rng = None, device: Any = None) -> Tensor:
    """Draw an order of the numbers 0 to n - 1."""
    numbers = generator_of(generator, "randperm").permutation(*shape_of((n,)))
    return made(numbers, np.int64, device, False)


def bernoulli(p: Tensor, *, generator: Rng = None) -> Tensor:
    """Draw 1 with the probability at each place, else 0."""
    if not is_tensor(p) or not ((p.numpy() >= 0) & (p.numpy() <= 1)).all():
        raise ValueError("[bernoulli] needs a tensor of probabilities, from 0 to 1")
    drawn = generator_of(generator, "bernoulli").random(p.shape, np.float32) < p.numpy()
    return like(p, np.asarray(drawn, np.float32), False)


def rand_like(x: Tensor, requires_grad: bool = False) -> Tensor:
    """Draw what `rand` does, in the shape of another tensor and on its device."""
    return like(x, default_rng().random(x.shape, np.float32), requires_grad)


def randn_like(x: Tensor, requires_grad: bool = False) -> Tensor:
    """Draw what `randn` does, in the shape of another tensor and on its device."""
    return like(x, default_rng().standard_normal(x.shape, np.float32), requires_grad)
