"""Dropout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pycnn import backends, init, ops
from pycnn._arguments import fraction, seeds
from pycnn.devices import device_of, move, on_cpu
from pycnn.layers.module import Module
from pycnn.layers.parameter import FLOAT, Array, check_kind
from pycnn.layers.spread import spread_here


class Dropout(Module):
    """In training, zero each number with probability p and scale the rest by 1 / (1 - p).

    See `pycnn.ops.dropout`; each forward pass draws a new seed for it.

    Parameters
    ----------
    p : float in [0, 1)
        Probability of a zero.
    rng : Generator, int or None
        Random numbers. `pycnn.fit` restarts them from its own seed.

    Raises
    ------
    TypeError, ValueError
        If `p` is not a number in [0, 1). In `forward`, if the input is not a float array, or in
        training not a C-contiguous float32 array.

    References
    ----------
    Srivastava et al.: Dropout: a simple way to prevent neural networks from overfitting, 2014.
    """

    def __init__(self, p: float = 0.5, *, rng: init.Rng = None) -> None:
        self.p = fraction("Dropout", "p", p)
        self.rng = init.generator(rng, "Dropout")

    def forward(self, x: Array) -> Array:
        """Drop in training mode; return `x` itself in evaluation mode."""
        check_kind("Dropout", "x", x, FLOAT)
        if not self.training:
            self.save_for_backward(x.shape, None)
            return x
        y, kept = backends.of(x).on_replay(lambda: _drop(x, self.p, self._seed()))
        self.save_for_backward(x.shape, (kept, self.p))
        return y

    def backward(self, dy: Array) -> Array:
        """Drop and scale the gradient as the forward pass did."""
        shape, dropped = self.saved()
        self._check_gradient(dy, shape)
        return dy if dropped is None else ops.dropout_backward(dy, *dropped)

    def _seed(self) -> int:
        return int(self.rng.integers(2**64, dtype=np.uint64))

    def reseed(self, seed: int | Sequence[int]) -> None:
        """Restart the random numbers from `seed`."""
        self.rng = np.random.default_rng(seeds("Dropout", seed))

    def _arguments(self) -> str:
        return f"{self.p}"


def _drop(x: Array, p: float, seed: int) -> tuple[Array, Array]:
    """Drop the numbers of `x`, a part of a batch, that are dropped if the whole batch is here.

    The random numbers come in blocks of four (see `pycnn.ops.dropout`). A part that begins inside a
    block is padded in front, so that it stands at the same place in the block.
    """
    part = spread_here()
    if part is None or not part.first:
        return ops.dropout(x, p, seed)
    block, inside = divmod(part.numbers_before(x.size), 4)
    if not inside:
        return ops.dropout(x, p, seed, first_block=block)
    padded = np.zeros(inside + x.size, np.float32)
    padded[inside:] = on_cpu(x).ravel()
    y, kept = ops.dropout(padded, p, seed, first_block=block)
    device = device_of(x)
    return (
        move(np.ascontiguousarray(y[inside:]).reshape(x.shape), device),
        move(np.ascontiguousarray(kept[inside:]).reshape(x.shape), device),
    )
