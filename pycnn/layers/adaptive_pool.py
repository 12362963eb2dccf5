"""Adaptive and global pooling: layers whose output size is given."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from pycnn import ops
from pycnn._arguments import integer, written
from pycnn.devices import is_array
from pycnn.layers.images import ByImages
from pycnn.layers.parameter import Array, Shape
from pycnn.layers.pool import no_indices

Size: TypeAlias = "int | None | tuple[int | None, ...]"


class AdaptivePool(ByImages):
    """What the layers of adaptive pooling share: the output size."""

    def __init__(self, output_size: Size) -> None:
        layer = type(self).__name__
        sizes = (
            output_size if isinstance(output_size, (tuple, list)) else (output_size,) * self.axes
        )
        if len(sizes) != self.axes:
            words = "(height, width)" if self.axes == 2 else "(length,)"
            raise ValueError(
                f"[{layer}] output_size must be an int or {words}, got {written(output_size)}"
            )
        self.output_size = tuple(
            None if size is None else integer(layer, "output_size", size, 1) for size in sizes
        )

    def _size(self, shape: Shape) -> tuple[int, int]:
        """Return the output size for images of this shape; None keeps a size."""
        wanted = self.output_size if self.axes == 2 else (1, *self.output_size)
        height, width = (
            own if size is None else size for size, own in zip(wanted, shape[2:], strict=True)
        )
        return height, width

    def _arguments(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool(AdaptivePool):
    """Mean of windows: what `AdaptiveAvgPool2d` and `AdaptiveAvgPool1d` share."""

    def _forward(self, x: Array) -> Array:
        y = ops.adaptive_avg_pool2d(x, self._size(x.shape))
        self.save_for_backward(x.shape)
        return y

    def _backward(self, dy: Array) -> Array:
        return ops.adaptive_avg_pool2d_backward(dy, *self.saved())


class AdaptiveMaxPool(AdaptivePool):
    """Maximum of windows: what `AdaptiveMaxPool2d` and `AdaptiveMaxPool1d` share."""

    def __init__(self, output_size: Size, return_indices: bool = False) -> None:
        no_indices(type(self).__name__, return_indices, "pycnn.ops.adaptive_max_pool2d")
        super().__init__(output_size)

    def _forward(self, x: Array) -> Array:
        y, indices = ops.adaptive_max_pool2d(x, self._size(x.shape))
        self.save_for_backward(indices, x.shape)
        return y

    def _backward(self, dy: Array) -> Array:
        indices, shape = self.saved()
        return ops.max_pool2d_backward(dy, indices, shape)


class AdaptiveAvgPool2d(AdaptiveAvgPool):
    """Mean of windows that share images (N, C, H, W) out; see `pycnn.ops.adaptive_avg_pool2d`.

    Parameters
    ----------
    output_size : int, None, or a pair of them
        Height and width of the output; None keeps that of the input.

    Raises
    ------
    TypeError, ValueError
        If `output_size` is not as above.
    """


class AdaptiveMaxPool2d(AdaptiveMaxPool):
    """Maximum of windows that share images (N, C, H, W) out; see `pycnn.ops.adaptive_max_pool2d`.

    Parameters
    ----------
    output_size : int, None, or a pair of them
        Height and width of the output; None keeps that of the input.
    return_indices : bool
        Only False.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """


class GlobalAvgPool2d(AdaptiveAvgPool2d):
    """Mean of each feature map: (N, C, H, W) to rows of features (N, C)."""

    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, x: Array) -> Array:
        """Average over all pixels."""
        return self._forward(_batch(x)).reshape(x.shape[:2])

    def backward(self, dy: Array) -> Array:
        """Divide each gradient among all pixels of its map."""
        return self._backward(_as_images(dy))

    def _arguments(self) -> str:
        return ""


class GlobalMaxPool2d(AdaptiveMaxPool2d):
    """Maximum of each feature map: (N, C, H, W) to rows of features (N, C)."""

    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, x: Array) -> Array:
        """Return the largest pixel of each map."""
        return self._forward(_batch(x)).reshape(x.shape[:2])

    def backward(self, dy: Array) -> Array:
        """Pass each gradient to the pixel that was the maximum."""
        return self._backward(_as_images(dy))

    def _arguments(self) -> str:
        return ""


def _batch(x: Array) -> Array:
    """Return `x` if it is a batch of images: the output has no place for a single one."""
    if np.ndim(x) != 4:
        raise ValueError(f"expects (N, C, H, W), input was {np.shape(x)}")
    return x


def _as_images(dy: Array) -> Array:
    """Return the gradient of (N, C) features as one of (N, C, 1, 1) images."""
    if not is_array(dy) or len(dy.shape) != 2:
        found = getattr(dy, "shape", type(dy).__name__)
        raise ValueError(f"the gradient must be an array of shape (N, C), got {found}")
    return dy.reshape(*dy.shape, 1, 1)
