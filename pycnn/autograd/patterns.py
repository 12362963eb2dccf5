"""New tensors after a pattern or a distribution that is less common; others are in `creation`."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from pycnn.autograd.creation import as_tensor
from pycnn.autograd.shaping import sizes_of
from pycnn.autograd.tensor import Tensor
from pycnn.init import Rng
from pycnn.init import generator as generator_of

__all__ = [
    "logspace",
    "multinomial",
    "normal",
    "tril_indices",
    "triu_indices",
]


def logspace(
    start: float, end: float, steps: int, base: float = 10.0, *, device: Any = None
) -> Tensor:
    """Return powers of the base; their exponents divide a range evenly, both ends included."""
    powers = float(base) ** np.linspace(start, end, operator.index(steps))
    return as_tensor(powers.astype(np.float32), device=device)


def normal(mean: Any, std: Any, size: Any = None, *, generator: Rng = None) -> Tensor:
    """Draw from normal distributions: of one mean and variance for a size, or of one each."""
    rng = generator_of(generator, "normal")
    centre, width = (x.numpy() if isinstance(x, Tensor) else x for x in (mean, std))
    shape = np.broadcast_shapes(np.shape(centre), np.shape(width))
    drawn = rng.normal(centre, width, shape if size is None else sizes_of((size,)))
    device = next((x.device for x in (mean, std) if isinstance(x, Tensor)), None)
    return as_tensor(np.asarray(drawn, np.float32), device=device)


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Rng = None
) -> Tensor:
    """Draw places with the given weights, from each row; int64.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are 0, or there are too few others without
        `replacement`.
    """
    weights = input.numpy().astype(np.float64)
    rows = weights.reshape(-1, weights.shape[-1])
    rng = generator_of(generator, "multinomial")
    if not np.isfinite(rows).all() or (rows < 0).any() or not rows.sum(1).all():
        raise ValueError("[multinomial] weights must be finite, at least 0, and not all 0 in a row")
    most = (rows > 0).sum(1).min(initial=rows.shape[1])
    if not replacement and num_samples > most:
        raise ValueError(
            f"[multinomial] {num_samples} samples without replacement need as many weights above "
            f"0, a row has {most}"
        )
    drawn = [rng.choice(len(row), num_samples, replacement, row / row.sum()) for row in rows]
    shape = (*weights.shape[:-1], num_samples)
    return as_tensor(np.array(drawn, np.int64).reshape(shape), device=input.device)


def tril_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """Return the places on and below a diagonal: their rows, and their columns."""
    return as_tensor(np.array(np.tril_indices(row, offset, col), np.int64))


def triu_indices(row: int, col: int, offset: int = 0) -> Tensor:
    """Return the places on and above a diagonal: their rows, and their columns."""
    return as_tensor(np.array(np.triu_indices(row, offset, col), np.int64))
