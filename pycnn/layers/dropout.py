"""Dropout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pycnn import backends, init, ops
from pycnn._arguments import flag, fraction, seeds
from pycnn.devices import device_of, move, on_cpu
from pycnn.layers.module import Module
from pycnn.layers.ones import ones
from pycnn.layers.parameter import Array, Shape, check_contiguous
from pycnn.layers.sparse_rows import FLOAT, check_kind
from pycnn.layers.spread import spread_here


class RandomDropout(Module):
    """What the layers of dropout share: the probability and the random numbers."""

    def __init__(self, p: float = 0.5, inplace: bool = False, *, rng: init.Rng = None) -> None:
        owner = type(self).__name__
        self.p = fraction(owner, "p", p)
        self.inplace = flag(owner, "inplace", inplace)
        self.rng = init.generator(rng, owner)

    def _seed(self) -> int:
        return int(self.rng.integers(2**64, dtype=np.uint64))

    def reseed(self, seed: int | Sequence[int]) -> None:
        """Restart the random numbers from `seed`."""
        self.rng = np.random.default_rng(seeds(type(self).__name__, seed))

    def _arguments(self) -> str:
        return f"{self.p}" + (", inplace=True" if self.inplace else "")


class Dropout(RandomDropout):
    """In training, zero each number with probability p and scale the rest by 1 / (1 - p).

    See `pycnn.ops.dropout`; each forward pass draws a new seed for it.

    Parameters
    ----------
    p : float in [0, 1)
        Probability of a zero.
    inplace : bool
        Whether a tensor that it is given becomes the result, as in PyTorch. Arrays stay.
    rng : Generator, int or None
        Random numbers. `pycnn.fit` restarts them from its own seed.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above. In `forward`, if the input is not a float array, or in
        training not a C-contiguous float32 array.

    References
    ----------
    Srivastava et al.: Dropout: a simple way to prevent neural networks from overfitting, 2014.
    """

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


class Dropout2d(RandomDropout):
    """In training, zero whole channels with probability p and scale the rest by 1 / (1 - p).

    ``y[n,c,...] = x[n,c,...] * m[n,c]``, where m is what `pycnn.ops.dropout` makes of ones (N, C).
    Neighbouring pixels say nearly the same: dropped one by one, they would tell each other.

    Parameters
    ----------
    p : float in [0, 1)
        Probability that a channel of a sample is dropped.
    inplace : bool
        Whether a tensor that it is given becomes the result, as in PyTorch. Arrays stay.
    rng : Generator, int or None
        Random numbers. `pycnn.fit` restarts them from its own seed.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above. In `forward`, if the input is not a float array (N, C, ...),
        or in training not a C-contiguous float32 array.

    Notes
    -----
    Inputs are (N, C, ...) of any number of axes, in PyTorch as here: (C, H, W) counts as N signals.

    References
    ----------
    J. Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.
    """

    def forward(self, x: Array) -> Array:
        """Drop in training mode; return `x` itself in evaluation mode."""
        check_kind(type(self).__name__, "x", x, FLOAT)
        if x.ndim < 2:
            raise ValueError(f"expects (N, C, ...), input was {x.shape}")
        if not self.training:
            self.save_for_backward(x.shape, None)
            return x
        check_contiguous(type(self).__name__, "x", x)
        whole = ones(x, self._channels(x.shape))
        kept, _ = backends.of(x).on_replay(lambda: _drop(whole, self.p, self._seed()))
        self.save_for_backward(x.shape, kept)
        return _times(x, kept)

    def backward(self, dy: Array) -> Array:
        """Drop and scale the gradient as the forward pass did."""
        shape, kept = self.saved()
        self._check_gradient(dy, shape)
        return dy if kept is None else _times(dy, kept)

    def _channels(self, shape: Shape) -> Shape:
        """Return the shape of a batch without what is dropped or kept as a whole."""
        return shape[:2]


class Dropout1d(Dropout2d):
    """`Dropout2d` for signals (N, C, L), or (C, L) without the batch axis.

    Formula, arguments and errors are those of `Dropout2d`, but two axes are those of one signal.
    """

    def _channels(self, shape: Shape) -> Shape:
        return shape[:1] if len(shape) == 2 else shape[:2]


def _times(x: Array, factors: Array) -> Array:
    """Multiply whole channels, or samples, by a number each."""
    channels = factors.size
    if x.size == 0:
        return x
    view = x.reshape(1, channels, 1, x.size // channels)
    flat = factors.reshape(channels)
    return ops.channel_affine(view, flat, backends.of(flat).zeros_like(flat)).reshape(x.shape)


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
