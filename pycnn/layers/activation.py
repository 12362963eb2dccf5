"""Layers without parameters that act on each number alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pycnn import init, ops
from pycnn._arguments import fraction
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array


class ReLU(Module):
    """Rectifier ``max(x, 0)``; NaN passes. See `pycnn.ops.relu`."""

    def forward(self, x: Array) -> Array:
        """Rectify; any shape."""
        y = ops.relu(x)
        self._save(y)
        return y

    def backward(self, dy: Array) -> Array:
        """Pass the gradient where the output was positive."""
        return ops.relu_backward(dy, self._saved())


class Dropout(Module):
    """In training, zero each number with probability p and scale the rest by 1 / (1 - p).

    Parameters
    ----------
    p : float in [0, 1)
        Probability of a zero.
    rng : Generator, int or None
        Random numbers. `pycnn.fit` restarts them from its own seed.

    Raises
    ------
    TypeError
        If `p` is not a number.
    ValueError
        If `p` is outside [0, 1).

    References
    ----------
    Srivastava et al.: Dropout: a simple way to prevent neural networks from overfitting, 2014.
    """

    def __init__(self, p: float = 0.5, *, rng: init.Rng = None) -> None:
        self.p = fraction("[Dropout] p", p)
        self.rng = init.generator(rng)

    def forward(self, x: Array) -> Array:
        """Drop in training mode; give `x` itself in evaluation mode."""
        if not self.training:
            self._save(None)
            return x
        # Multiplying by 0 or 1 / (1 - p) drops and scales at once, and again in backward.
        mask = (self.rng.random(x.shape, dtype=np.float32) >= self.p).astype(x.dtype)
        mask *= 1.0 / (1.0 - self.p)
        self._save(mask)
        y: Array = x * mask
        return y

    def backward(self, dy: Array) -> Array:
        """Drop and scale the gradient as the forward pass did."""
        dx: Array = dy * self._saved()
        return dx

    def reseed(self, seed: Sequence[int]) -> None:
        """Restart the random numbers from `seed`."""
        self.rng = np.random.default_rng(seed)

    def _arguments(self) -> str:
        return f"{self.p}"
