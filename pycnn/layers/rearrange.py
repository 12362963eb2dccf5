"""Layers that put the same numbers elsewhere: pixels into channels and back, channels mixed."""

from __future__ import annotations

import math
from abc import abstractmethod

from pycnn import backends
from pycnn._arguments import integer
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Shape, check_contiguous
from pycnn.layers.sparse_rows import FLOAT, check_kind


class _Rearranged(Module):
    """The same numbers in other places: what these layers share."""

    def forward(self, x: Array) -> Array:
        """Put the numbers of `x` where they belong."""
        self._checked("x", x)
        y = self._there(x)
        self.save_for_backward(y.shape)
        return y

    def backward(self, dy: Array) -> Array:
        """Put the gradients back to where the numbers were."""
        (shape,) = self.saved()
        self._checked("dy", dy)
        self._check_gradient(dy, shape)
        return self._back(dy)

    def _checked(self, name: str, array: Array) -> None:
        owner = type(self).__name__
        check_kind(owner, name, array, FLOAT)
        check_contiguous(owner, name, array)

    @abstractmethod
    def _there(self, x: Array) -> Array:
        """Do `forward` on a contiguous array of floats."""

    @abstractmethod
    def _back(self, dy: Array) -> Array:
        """Undo `_there`."""


class PixelShuffle(_Rearranged):
    """Turn channels into pixels: (N, C r r, H, W) becomes (N, C, H r, W r).

    ``y[n, c, h r + i, w r + j] = x[n, c r r + i r + j, h, w]``; an axis of the batch may be
    missing, or there may be more.

    Parameters
    ----------
    upscale_factor : int
        The factor r.

    Raises
    ------
    TypeError, ValueError
        If `upscale_factor` is not as above; in `forward`, if the channels cannot be divided, or the
        input is not a C-contiguous array of floats.

    References
    ----------
    W. Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
    Convolutional Neural Network", CVPR 2016.
    """

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = integer("PixelShuffle", "upscale_factor", upscale_factor, 1)

    def _there(self, x: Array) -> Array:
        return to_pixels(x, self.upscale_factor)

    def _back(self, dy: Array) -> Array:
        return to_channels(dy, self.upscale_factor)

    def _arguments(self) -> str:
        return f"{self.upscale_factor}"


class PixelUnshuffle(_Rearranged):
    """Turn pixels into channels: (N, C, H r, W r) becomes (N, C r r, H, W).

    The inverse of `PixelShuffle`: ``y[n, c r r + i r + j, h, w] = x[n, c, h r + i, w r + j]``.

    Parameters
    ----------
    downscale_factor : int
        The factor r.

    Raises
    ------
    TypeError, ValueError
        If `downscale_factor` is not as above; in `forward`, if height or width cannot be divided,
        or the input is not a C-contiguous array of floats.
    """

    def __init__(self, downscale_factor: int) -> None:
        self.downscale_factor = integer("PixelUnshuffle", "downscale_factor", downscale_factor, 1)

    def _there(self, x: Array) -> Array:
        return to_channels(x, self.downscale_factor)

    def _back(self, dy: Array) -> Array:
        return to_pixels(dy, self.downscale_factor)

    def _arguments(self) -> str:
        return f"{self.downscale_factor}"


class ChannelShuffle(_Rearranged):
    """Deal the channels of G groups out in turn: (N, C, ...) keeps its shape.

    ``y[n, i G + g] = x[n, g C / G + i]``, so that groups of the next convolution see channels of
    all groups of the one before.

    Parameters
    ----------
    groups : int
        The groups G.

    Raises
    ------
    TypeError, ValueError
        If `groups` is not as above; in `forward`, if the channels cannot be divided, or the input
        is not a C-contiguous array of floats.

    References
    ----------
    X. Zhang et al., "ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile
    Devices", CVPR 2018.
    """

    def __init__(self, groups: int) -> None:
        self.groups = integer("ChannelShuffle", "groups", groups, 1)

    def _there(self, x: Array) -> Array:
        if x.ndim < 3 or x.shape[1] % self.groups:
            raise ValueError(
                f"expects (N, C, ...) with C divisible by {self.groups}, input was {x.shape}"
            )
        return _dealt(x, self.groups, x.shape[1] // self.groups)

    def _back(self, dy: Array) -> Array:
        return _dealt(dy, dy.shape[1] // self.groups, self.groups)

    def _arguments(self) -> str:
        return f"{self.groups}"


def _dealt(x: Array, groups: int, channels: int) -> Array:
    """Return (N, groups x channels, ...) as (N, channels x groups, ...)."""
    view = (x.shape[0], groups, channels, math.prod(x.shape[2:]))
    dealt: Array = swapped(x, view).reshape(x.shape)
    return dealt


def to_pixels(x: Array, r: int) -> Array:
    """Return (..., C r r, H, W) as (..., C, H r, W r)."""
    if x.ndim < 3 or x.shape[-3] % (r * r):
        raise ValueError(f"expects (N, C, H, W) with C divisible by {r * r}, input was {x.shape}")
    *batch, c, h, w = x.shape
    c //= r * r
    maps = math.prod(batch) * c
    rows = swapped(x, (maps * r, r, h * w, 1))  # j behind w
    images: Array = swapped(rows, (maps, r, h, w * r)).reshape(*batch, c, h * r, w * r)
    return images


def to_channels(x: Array, r: int) -> Array:
    """Return (..., C, H r, W r) as (..., C r r, H, W)."""
    if x.ndim < 3 or x.shape[-2] % r or x.shape[-1] % r:
        raise ValueError(f"expects (N, C, H, W) with H and W divisible by {r}, input was {x.shape}")
    *batch, c, h, w = x.shape
    h, w = h // r, w // r
    maps = math.prod(batch) * c
    rows = swapped(x, (maps, h, r, w * r))
    channels: Array = swapped(rows, (maps * r, h * w, r, 1)).reshape(*batch, c * r * r, h, w)
    return channels


def swapped(x: Array, shape: Shape) -> Array:
    """Return `x`, seen in a shape (a, b, c, d), as a new array (a, c, b, d)."""
    array: Array = backends.of(x).transpose(x.reshape(shape), (0, 2, 1, 3))
    return array
