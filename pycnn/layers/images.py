"""What layers of images share: which shapes they take, and what they say of others."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from pycnn._arguments import pair, single
from pycnn.devices import is_array
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Shape

_ORDER = "channels stand before height and width"


class OnImages(Module):
    """A layer that computes with a batch of images, (N, C, H, W), and takes more than that.

    It also takes one image without the batch axis, (C, H, W). Where `axes` is 1, it takes signals
    instead, (N, C, L) or (C, L): it computes with images of one row, (N, C, 1, L), which are the
    same memory in another shape.

    Attributes
    ----------
    axes : int
        Axes behind the channels: 2 for images, 1 for signals.
    """

    axes: ClassVar[int] = 2

    def as_images(self, x: Array) -> Array:
        """Return `x` as a batch of images, without a copy."""
        if not is_array(x):
            raise TypeError(f"[{type(self).__name__}] needs an array, got {type(x).__name__}")
        shape = np.shape(x)
        if self.axes == 2 and len(shape) == 4:
            return x
        if len(shape) not in (self.axes + 1, self.axes + 2):
            raise ValueError(f"expects {self._expected()}, input was {shape}")
        batch = shape if len(shape) == self.axes + 2 else (1, *shape)
        images: Array = x.reshape(batch if self.axes == 2 else (*batch[:2], 1, batch[2]))
        return images

    def from_images(self, y: Array, ndim: int) -> Array:
        """Return a batch of images in the form of an input with `ndim` axes, without a copy."""
        if ndim == 4:
            return y
        shape = (*y.shape[:2], *y.shape[4 - self.axes :])
        restored: Array = y.reshape(shape[len(shape) - ndim :])
        return restored

    def _expected(self) -> str:
        """Say which shapes `forward` takes."""
        sizes = "H, W" if self.axes == 2 else "L"
        return f"(N, C, {sizes}) or (C, {sizes})"

    def _numbers(self, name: str, value: Any, minimum: int) -> tuple[int, ...]:
        """Return an argument that has a number for each axis."""
        numbers = pair if self.axes == 2 else single
        return numbers(type(self).__name__, name, value, minimum)

    def _for_images(self, numbers: tuple[int, ...], row: int) -> tuple[int, int]:
        """Return the numbers of both axes of an image; `row` is that of one row of a signal."""
        height, width = numbers if self.axes == 2 else (row, *numbers)
        return height, width


class ByImages(OnImages):
    """A layer whose passes, `_forward` and `_backward`, are written for a batch of images."""

    def forward(self, x: Array) -> Array:
        """Compute the output for a batch, or for one sample without the batch axis."""
        images = self.as_images(x)
        try:
            y = self._forward(images)
        except ValueError as error:
            if images is x:
                raise
            raise ValueError(f"{error} (input was {x.shape})") from None
        return self.from_images(y, x.ndim)

    def backward(self, dy: Array) -> Array:
        """Return the gradient of the input, and accumulate those of the parameters."""
        return self.from_images(self._backward(self.as_images(dy)), dy.ndim)

    @abstractmethod
    def _forward(self, x: Array) -> Array:
        """Do `forward` on a batch of images."""

    @abstractmethod
    def _backward(self, dy: Array) -> Array:
        """Do `backward` on a batch of images."""


def check_channels(shape: Shape, channels: int) -> None:
    """Raise ValueError unless inputs have shape (N, channels, H, W)."""
    if len(shape) == 4 and shape[1] == channels:
        return
    raise ValueError(
        f"expects (N, {channels}, H, W), input was {shape}{axes_hint(shape, channels)}"
    )


def axes_hint(shape: Shape, channels: int) -> str:
    """Say how images of another shape become (N, channels, H, W); empty if that is not clear."""
    last = shape[-1:] == (channels,) and channels in (1, 3, 4)
    if len(shape) == 4 and last and shape[1] != channels:
        return f": {_ORDER}, np.ascontiguousarray(x.transpose(0, 3, 1, 2))"
    if len(shape) == 2 and shape[1] % channels == 0:
        side = math.isqrt(shape[1] // channels)
        if side * side * channels == shape[1] and side > 1:
            images = f"np.asarray(x).reshape(-1, {channels}, {side}, {side})"
            return f": rows of {shape[1]} pixels become square images, {images}"
    if len(shape) != 3:
        return ""
    if last and channels > 1 and shape[0] != channels:
        turned = "np.ascontiguousarray(x.transpose(2, 0, 1))[np.newaxis]"
        return f": {_ORDER}, behind a batch axis, {turned}"
    if channels == 1 and shape[0] != 1:
        return ": grey images need a channel axis, x[:, np.newaxis]"
    return ": a single image needs a batch axis, x[np.newaxis]"


def signal_hint(shape: Shape, channels: int) -> str:
    """Say how signals of another shape become (N, channels, L); empty if that is not clear."""
    if len(shape) == 3 and shape[2] == channels != shape[1]:
        turned = "np.ascontiguousarray(x.transpose(0, 2, 1))"
        return f": channels stand before the length, {turned}"
    if len(shape) == 2 and channels == 1:
        return ": signals of one channel need its axis, x[:, np.newaxis]"
    return ""
