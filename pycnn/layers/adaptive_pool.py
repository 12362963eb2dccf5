"""Adaptive and global pooling: layers whose output size is given."""

from __future__ import annotations

from typing import TypeAlias

from pycnn import ops
from pycnn._arguments import integer
from pycnn.devices import is_array
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Shape

Size: TypeAlias = "int | None | tuple[int | None, int | None]"


class _AdaptivePool2d(Module):
    """What the layers of adaptive pooling share: the output size."""

    def __init__(self, output_size: Size) -> None:
        layer = type(self).__name__
        both = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * 2
        if len(both) != 2:
            raise ValueError(
                f"[{layer}] output_size must be an int or (height, width), got {output_size}"
            )
        self.output_size = tuple(
            None if size is None else integer(layer, "output_size", size, 1) for size in both
        )

    def _size(self, shape: Shape) -> tuple[int, int]:
        """Return the output size for an input of this shape; None keeps a size."""
        if len(shape) != 4:
            raise ValueError(f"expects (N, C, H, W), input was {shape}")
        height, width = (
            own if size is None else size
            for size, own in zip(self.output_size, shape[2:], strict=True)
        )
        return height, width

    def _arguments(self) -> str:
        return f"output_size={self.output_size}"


def _as_images(dy: Array) -> Array:
    """Return the gradient of (N, C) features as one of (N, C, 1, 1) images."""
    if not is_array(dy) or len(dy.shape) != 2:
        found = getattr(dy, "shape", type(dy).__name__)
        raise ValueError(f"the gradient must be an array of shape (N, C), got {found}")
    return dy.reshape(*dy.shape, 1, 1)


class AdaptiveAvgPool2d(_AdaptivePool2d):
    """Mean of windows that share the image out; see `pycnn.ops.adaptive_avg_pool2d`.

    Parameters
    ----------
    output_size : int, None, or a pair of them
        Height and width of the output; None keeps that of the input.

    Raises
    ------
    TypeError, ValueError
        If `output_size` is not as above.
    """

    def forward(self, x: Array) -> Array:
        """Pool: (N, C, H, W) to (N, C, *output_size)."""
        y = ops.adaptive_avg_pool2d(x, self._size(x.shape))
        self.save_for_backward(x.shape)
        return y

    def backward(self, dy: Array) -> Array:
        """Divide each gradient among the elements of its window."""
        return ops.adaptive_avg_pool2d_backward(dy, *self.saved())


class AdaptiveMaxPool2d(_AdaptivePool2d):
    """Maximum of windows that share the image out; see `pycnn.ops.adaptive_max_pool2d`.

    Parameters
    ----------
    output_size : int, None, or a pair of them
        Height and width of the output; None keeps that of the input.

    Raises
    ------
    TypeError, ValueError
        If `output_size` is not as above.
    """

    def forward(self, x: Array) -> Array:
        """Pool: (N, C, H, W) to (N, C, *output_size)."""
        y, indices = ops.adaptive_max_pool2d(x, self._size(x.shape))
        self.save_for_backward(indices, x.shape)
        return y

    def backward(self, dy: Array) -> Array:
        """Pass each gradient to the element that was the maximum."""
        indices, shape = self.saved()
        return ops.max_pool2d_backward(dy, indices, shape)


class GlobalAvgPool2d(AdaptiveAvgPool2d):
    """Mean of each feature map: (N, C, H, W) to rows of features (N, C)."""

    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, x: Array) -> Array:
        """Average over all pixels."""
        return super().forward(x).reshape(x.shape[:2])

    def backward(self, dy: Array) -> Array:
        """Divide each gradient among all pixels of its map."""
        return super().backward(_as_images(dy))

    def _arguments(self) -> str:
        return ""


class GlobalMaxPool2d(AdaptiveMaxPool2d):
    """Maximum of each feature map: (N, C, H, W) to rows of features (N, C)."""

    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, x: Array) -> Array:
        """Return the largest pixel of each map."""
        return super().forward(x).reshape(x.shape[:2])

    def backward(self, dy: Array) -> Array:
        """Pass each gradient to the pixel that was the maximum."""
        return super().backward(_as_images(dy))

    def _arguments(self) -> str:
        return ""
